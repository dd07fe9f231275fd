"""The paper's two ways to generate without a cache (Abbe et al. 2024, appendix B).

Each way is a `Decoder` that calls a function for logits, so any model can be used. The decoder feeds one row at a time,
and feeds the whole input again for every token. Tests and benchmarks compare the cache with both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.generation.engine import Opening, Part
from scratchpad.layout.batch import Batch, collate
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks.document import Document

PlainLogits = Callable[[Tensor], Tensor]
"""A function from tokens (1, T) to logits (1, T, V), under a plain causal mask."""
MaskedLogits = Callable[[Batch], Tensor]
"""A function from a batch of one row to logits (1, T, V), with the batch's positions and mask."""


@dataclass
class _Text:
    """The tokens of a row. The last state is the state being written."""

    prompt: list[int]
    states: list[list[int]] = field(default_factory=list)

    def add(self, token: int, part: Part) -> None:
        (self.prompt if part is Part.PROMPT else self.states[-1]).append(token)
        if part is Part.TERMINATOR:
            self.states.append([])


class _Uncached:
    """A base class that keeps the texts of all rows. A subclass computes the logits of a text's last token."""

    def __init__(self, context: int | None = None) -> None:
        self.context = context
        self.texts: list[_Text] = []

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        self.texts = [_Text(list(o.prompt), [list(o.given), []] if o.given else [[]]) for o in openings]
        return torch.stack([self.last_logits(text) for text in self.texts])

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        for text, token, part in zip(self.texts, tokens, parts, strict=True):
            text.add(token, part)
        return torch.stack([self.last_logits(text) for text in self.texts])

    def keep(self, rows: Sequence[int]) -> None:
        self.texts = [self.texts[row] for row in rows]

    def held_bytes(self) -> list[int]:
        return [0] * len(self.texts)

    def last_logits(self, text: _Text) -> Tensor:
        raise NotImplementedError


class FreshInput(_Uncached):
    """A decoder that feeds the question, the previous state and the current state as a new causal input."""

    def __init__(self, logits: PlainLogits, context: int | None = None) -> None:
        super().__init__(context)
        self.logits = logits

    def last_logits(self, text: _Text) -> Tensor:
        states = [token for state in text.states[-2:] for token in state]
        return self.logits(torch.tensor([text.prompt + states]))[0, -1]


class MaskedInput(_Uncached):
    """A decoder that feeds the whole text as a packed row, with mask and positions by the attention rule."""

    def __init__(self, logits: MaskedLogits, context: int | None = None) -> None:
        super().__init__(context)
        self.logits = logits

    def last_logits(self, text: _Text) -> Tensor:
        return self.logits(collate([_packed(text)]))[0, -1]


def _packed(text: _Text) -> Row[int]:
    """Return the packed row of an unfinished text. An extra token completes the last state, and is then removed."""
    states = (*map(tuple, text.states[:-1]), (*text.states[-1], 0))
    (row,) = rows(Document(tuple(text.prompt), states))
    return Row(row.tokens[:-1], row.positions[:-1], row.segments[:-1], row.scored[:-1])
