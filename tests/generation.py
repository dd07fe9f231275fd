"""What tests of generation share: random models and chains, choices that record, a decoder that follows a script."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.generation.engine import Chain, Engine, Opening, Part, State
from scratchpad.generation.sampling import Choose
from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.batch import Batch
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.config import ModelConfig
from scratchpad.models.protocol import LanguageModel
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import END, MARKS, SEP, START, Document

VOCABULARY = Vocabulary("abcdefgh")
SEP_NUMBER, END_NUMBER, START_NUMBER = map(VOCABULARY.number, (SEP, END, START))
ENDS = (SEP_NUMBER, END_NUMBER)
CONTEXT = 211


def random_model(positions: str = "learned", dtype: torch.dtype = torch.float64, context: int = CONTEXT) -> Transformer:
    """With weights so large that the next token depends on everything seen; `rotary, span 5` limits the distance."""
    kind, _, span = positions.partition(", span ")
    config = ModelConfig(layers=2, heads=3, width=30, positions=kind, context=context, dropout=0.0, bias=True)
    model = Transformer(dataclasses.replace(config, span=int(span) if span else None), len(VOCABULARY)).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64) * 0.5)
    return model.eval()


def plain_logits(model: LanguageModel) -> Callable[[Tensor], Tensor]:
    """Our model under a plain causal mask: everything is prompt."""

    def logits(tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1])[None]
        return model(Batch(tokens, places, torch.full_like(tokens, PROMPT), tokens), "dense")[None]

    return logits


def text(rng: random.Random, length: int) -> State:
    """Random symbols without marks."""
    return tuple(rng.randrange(len(MARKS), len(VOCABULARY)) for _ in range(length))


def chain(rng: random.Random, prompt: int, states: Sequence[int], preamble: int = 0) -> Document[int]:
    """A document of random symbols; state lengths are without terminators. A preamble ends with <start>."""
    begin = (*text(rng, prompt - 1), START_NUMBER) if preamble else text(rng, prompt)
    ends = [SEP_NUMBER] * (len(states) - 1) + [END_NUMBER]
    return Document(begin, tuple((*text(rng, n), end) for n, end in zip(states, ends, strict=True)), preamble)


def openings() -> list[Opening]:
    """Ragged prompts, one that the model continues, and two rows that begin with a given state."""
    rng = random.Random(0)
    return [
        Opening(text(rng, 7)),
        Opening((), (*text(rng, 5), SEP_NUMBER)),
        Opening(text(rng, 1)),
        Opening(text(rng, 3), unfinished=True),
        Opening(text(rng, 17)),
        Opening((), (*text(rng, 2), SEP_NUMBER)),
        Opening(text(rng, 2)),
    ]


@dataclass
class Recorded:
    """A choice that keeps the logits it saw and the tokens it chose, by row."""

    choose: Choose
    logits: dict[int, list[Tensor]] = field(default_factory=dict)
    tokens: dict[int, list[int]] = field(default_factory=dict)

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        chosen = self.choose(logits, rows)
        for row, each, token in zip(rows, logits, chosen, strict=True):
            self.logits.setdefault(row, []).append(each)
            self.tokens.setdefault(row, []).append(token)
        return chosen


def wandering(logits: Tensor, rows: Sequence[int]) -> list[int]:
    """A choice by the fourth digit of the logits, so that chains never settle; <sep> is frequent, <end> rare."""
    digits = (logits.double() * 1000) % 1
    digits[:, [SEP_NUMBER, START_NUMBER]] += 0.15
    digits[:, END_NUMBER] -= 0.15
    return digits.argmax(-1).tolist()


def following(tokens: Mapping[int, Sequence[int]]) -> Choose:
    """A choice of given tokens for each row, whatever the logits."""
    left = {row: iter(texts) for row, texts in tokens.items()}
    return lambda logits, rows: [next(left[row]) for row in rows]


def collected(engine: Engine, begins: Sequence[Opening], choose: Choose) -> list[Chain]:
    """All that the rows of one batch wrote."""
    written = [Chain() for _ in begins]
    for event in engine.stream(begins, choose):
        if event.state is not None:
            written[event.row].states.append(event.state)
        if event.status is not None:
            written[event.row].status = event.status
    return written


NextState = Callable[[State], State]
"""The last complete state (empty: none yet) -> the next one, both with their terminators."""


class Scripted:
    """A decoder without a model: its logits follow a map on states. It keeps at most one state per row."""

    def __init__(self, following_state: NextState, context: int | None = None) -> None:
        self.following_state, self.context = following_state, context
        self.advanced = 0
        self._rows: list[tuple[State, int]] = []
        """(the state being written, how many of its tokens were)"""

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        self._rows = [(self.following_state(opening.given), 0) for opening in openings]
        return self._logits()

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        self.advanced += 1
        ended = [part is Part.TERMINATOR for part in parts]
        self._rows = [
            (self.following_state(state), 0) if end else (state, written + 1)
            for (state, written), end in zip(self._rows, ended, strict=True)
        ]
        return self._logits()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[row] for row in rows]

    def held_bytes(self) -> list[int]:
        return [0] * len(self._rows)

    def _logits(self) -> Tensor:
        chosen = torch.tensor([state[written] for state, written in self._rows])
        return torch.nn.functional.one_hot(chosen, len(VOCABULARY)).double()


def counting(states: int, back_to: int | None = None) -> NextState:
    """The states 0, 1, ... states - 1 as octal digits; then <end>, or again from `back_to` without an end."""

    def state(number: int) -> State:
        digits = tuple(len(MARKS) + int(digit, 8) for digit in f"{number:o}")
        return (*digits, END_NUMBER if back_to is None and number == states - 1 else SEP_NUMBER)

    def number(state: State) -> int:
        return int("".join(str(token - len(MARKS)) for token in state[:-1]), 8)

    def following_state(last: State) -> State:
        after = number(last) + 1 if last else 0
        return state(back_to if after == states and back_to is not None else after)

    return following_state


def counted(ballots: Sequence[tuple[State, float]], ends: State = ENDS) -> tuple[State, str]:
    """The majority's state, by sorting; and what decided the vote."""
    ended = [ballot for ballot in ballots if ballot[0][-1] in ends] or list(ballots)
    votes = Counter(state for state, _ in ended)
    most = max(votes.values())
    ahead = [state for state in votes if votes[state] == most]
    how = "all" if most == len(ballots) else "tie" if len(ahead) > 1 else "majority"
    return max(ahead, key=lambda state: sum(log for written, log in ended if written == state)), how
