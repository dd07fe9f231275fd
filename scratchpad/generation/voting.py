"""Majority voting: several models write one chain together, state by state.

Each model writes the next state greedily from the question and the previous state. The state that most models wrote is
chosen, and all models continue from it. In a format with a single state, models vote on the whole scratchpad.

To the engine, `VotingDecoder` is one decoder. Its logits are 0 for the next token of the chosen state and -inf for all
other tokens. So limits, loop detection and streaming work as for a single model.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.generation.engine import Decoder, Engine, Limits, Opening, Part, State
from scratchpad.generation.sampling import greedy
from scratchpad.layout.codec import Codec
from scratchpad.tasks.document import SEP

_MOST_AHEAD = 2
"""A row votes ahead by at most this number of states, so that rows with states of different lengths vote together."""


@dataclass(frozen=True)
class Ballot:
    """The state that one model wrote.

    confidence: the mean log probability of the state's tokens. finished: whether the state ends with a terminator.
    held_bytes: the most memory in bytes that keys and values took for this state.
    """

    state: State
    confidence: float
    finished: bool = True
    held_bytes: int = 0


def majority_state(ballots: Sequence[Ballot]) -> State:
    """Return the state with the most ballots. In a tie, the larger sum of confidences wins, then the earlier ballot.

    Unfinished states count only if all states are unfinished.
    """
    votes: dict[State, list[float]] = {}
    for ballot in [ballot for ballot in ballots if ballot.finished] or ballots:
        votes.setdefault(ballot.state, []).append(ballot.confidence)
    return max(votes, key=lambda state: (len(votes[state]), sum(votes[state])))


def voting_engine(
    decoders: Sequence[Decoder], vocabulary: Codec, inductive: bool = True, limits: Limits | None = None
) -> Engine:
    """Return an engine that writes, step by step, the state that most of these decoders write greedily."""
    limits = limits or Limits()
    return Engine(VotingDecoder(decoders, vocabulary, inductive, limits), vocabulary, inductive, limits)


@dataclass
class _VotedRow:
    """A row in voting. last: the last chosen state. over: whether the chain ends with that state.

    ahead: chosen states that are not fully emitted. emitted: the number of emitted tokens of `ahead[0]`.
    """

    prompt: State
    last: State
    ahead: deque[State] = field(default_factory=deque)
    emitted: int = 0
    over: bool = False
    held_bytes: int = 0


class VotingDecoder:
    """A `Decoder` that combines several decoders, one per model. Shapes: R rows, V tokens in the vocabulary.

    Every decoder begins again at every state, so `ReusedPrompts` are the fastest decoders here.
    """

    def __init__(self, decoders: Sequence[Decoder], vocabulary: Codec, inductive: bool, limits: Limits) -> None:
        one_state = dataclasses.replace(limits, states=1)
        self._writers = [Engine(decoder, vocabulary, inductive, one_state, False) for decoder in decoders]
        self._vocabulary_size, self._sep = len(vocabulary), vocabulary.number(SEP)
        self._rows: list[_VotedRow] = []
        contexts = [decoder.context for decoder in decoders if decoder.context is not None]
        self.context = min(contexts, default=None)

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        if any(opening.unfinished for opening in openings):
            raise ScratchpadError("models vote on states, not on preambles. Give the whole prompt")
        self._rows = [_VotedRow(opening.prompt, opening.given) for opening in openings]
        return self._logits()

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        for row, part in zip(self._rows, parts, strict=True):
            row.emitted += 1
            if part is Part.TERMINATOR:
                row.ahead.popleft()
                row.emitted = 0
        return self._logits()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[row] for row in rows]

    def held_bytes(self) -> list[int]:
        """Return the bytes of each row's keys and values in the last vote, for all models together."""
        return [row.held_bytes for row in self._rows]

    def _logits(self) -> Tensor:
        """Return the logits (R, V). If a row has no state left to emit, rows with few such states vote first."""
        if any(not row.ahead for row in self._rows):
            self._vote([row for row in self._rows if len(row.ahead) < _MOST_AHEAD and not row.over])
        tokens = torch.tensor([row.ahead[0][row.emitted] for row in self._rows])
        return torch.full((len(tokens), self._vocabulary_size), -torch.inf).scatter_(1, tokens[:, None], 0.0)

    def _vote(self, rows: Sequence[_VotedRow]) -> None:
        openings = [Opening(row.prompt, row.last) for row in rows]
        for row, *ballots in zip(rows, *(_ballots(writer, openings) for writer in self._writers), strict=True):
            row.last = majority_state(ballots)
            row.ahead.append(row.last)
            row.held_bytes = sum(ballot.held_bytes for ballot in ballots)
            fits = self.context is None or len(row.prompt) + len(row.last) <= self.context
            row.over = row.last[-1] != self._sep or not fits


class _GreedyWithConfidence:
    """A greedy choice that also sums the log probabilities of each row's chosen tokens."""

    def __init__(self) -> None:
        self.log_probabilities: dict[int, float] = defaultdict(float)

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        for row, log in zip(rows, wide.log_softmax(-1).amax(-1).tolist(), strict=True):
            self.log_probabilities[row] += log
        return greedy(logits, rows)


def _ballots(writer: Engine, openings: Sequence[Opening]) -> list[Ballot]:
    choose, ballots = _GreedyWithConfidence(), {}
    for event in writer.stream(openings, choose):
        assert event.state is not None
        confidence = choose.log_probabilities[event.row] / len(event.state)
        ballots[event.row] = Ballot(event.state, confidence, event.status != "max-tokens", event.held_bytes)
    return [ballots[row] for row in range(len(openings))]
