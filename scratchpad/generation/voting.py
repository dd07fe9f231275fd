"""Several models write one chain together, state by state: each writes the next state greedily from the same question
and the same state before it, and the one that most of them wrote is taken. All go on from that one.

For the engine they are one decoder, `Voters`, whose logits speak what was elected, a token at a time; so limits, loops
and streaming are the engine's. In a format of one state the whole scratchpad is voted on.
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
"""States of a row that are elected before they are spoken: so rows whose states differ in length vote together."""


@dataclass(frozen=True)
class Ballot:
    """What one model wrote. surety: the mean log probability of its tokens; finished: it came to a terminator.

    held_bytes: the most that its keys and values took on the way.
    """

    state: State
    surety: float
    finished: bool = True
    held_bytes: int = 0


def elected(ballots: Sequence[Ballot]) -> State:
    """The state with most ballots. Of several, that whose voters are surest, by the sum; then the earliest voter's.

    A model that came to no terminator abstains, unless none did.
    """
    votes: dict[State, list[float]] = {}
    for ballot in [ballot for ballot in ballots if ballot.finished] or ballots:
        votes.setdefault(ballot.state, []).append(ballot.surety)
    return max(votes, key=lambda state: (len(votes[state]), sum(votes[state])))


def voting_engine(
    decoders: Sequence[Decoder], vocabulary: Codec, inductive: bool = True, limits: Limits | None = None
) -> Engine:
    """An engine that writes, greedily, what the majority of these models writes at each state."""
    limits = limits or Limits()
    return Engine(Voters(decoders, vocabulary, inductive, limits), vocabulary, inductive, limits)


@dataclass
class _Row:
    """A chain: the last state elected, those that are still to be spoken, and the place in the first of these."""

    prompt: State
    last: State
    ahead: deque[State] = field(default_factory=deque)
    place: int = 0
    over: bool = False
    held_bytes: int = 0


class Voters:
    """A `Decoder` of several: logits are 0 for the next token of the elected state and -inf for every other one.

    decoders: one a model; each begins anew at every state, so they had best be `ReusedPrompts`.
    """

    def __init__(self, decoders: Sequence[Decoder], vocabulary: Codec, inductive: bool, limits: Limits) -> None:
        one_state = dataclasses.replace(limits, states=1)
        self._writers = [Engine(decoder, vocabulary, inductive, one_state, False) for decoder in decoders]
        self._symbols, self._sep = len(vocabulary), vocabulary.number(SEP)
        self._rows: list[_Row] = []
        rooms = [decoder.context for decoder in decoders if decoder.context is not None]
        self.context = min(rooms, default=None)
        """As many positions as all of them have."""

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        if any(opening.unfinished for opening in openings):
            raise ScratchpadError(
                "models vote on states: a prompt that they would write themselves must be given whole"
            )
        self._rows = [_Row(opening.prompt, opening.given) for opening in openings]
        return self._logits()

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        for row, part in zip(self._rows, parts, strict=True):
            row.place += 1
            if part is Part.TERMINATOR:
                row.ahead.popleft()
                row.place = 0
        return self._logits()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[row] for row in rows]

    def held_bytes(self) -> list[int]:
        """Of the last election, all voters together."""
        return [row.held_bytes for row in self._rows]

    def _logits(self) -> Tensor:
        if any(not row.ahead for row in self._rows):
            self._elect([row for row in self._rows if len(row.ahead) < _MOST_AHEAD and not row.over])
        spoken = torch.tensor([row.ahead[0][row.place] for row in self._rows])
        return torch.full((len(spoken), self._symbols), -torch.inf).scatter_(1, spoken[:, None], 0.0)

    def _elect(self, rows: Sequence[_Row]) -> None:
        openings = [Opening(row.prompt, row.last) for row in rows]
        for row, *ballots in zip(rows, *(_ballots(writer, openings) for writer in self._writers), strict=True):
            row.last = elected(ballots)
            row.ahead.append(row.last)
            row.held_bytes = sum(ballot.held_bytes for ballot in ballots)
            room = self.context is None or len(row.prompt) + len(row.last) <= self.context
            row.over = row.last[-1] != self._sep or not room


class _Greedy:
    """A greedy choice that adds up the log probabilities of what it chose, row by row."""

    def __init__(self) -> None:
        self.logs: dict[int, float] = defaultdict(float)

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        for row, log in zip(rows, wide.log_softmax(-1).amax(-1).tolist(), strict=True):
            self.logs[row] += log
        return greedy(logits, rows)


def _ballots(writer: Engine, openings: Sequence[Opening]) -> list[Ballot]:
    """What a model writes as the next state of each row."""
    choose, ballots = _Greedy(), {}
    for event in writer.stream(openings, choose):
        assert event.state is not None
        surety = choose.logs[event.row] / len(event.state)
        ballots[event.row] = Ballot(event.state, surety, event.status != "max-tokens", event.held_bytes)
    return [ballots[row] for row in range(len(openings))]
