"""Choosing the next token from logits: greedy, or sampled from a stream of the row's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name

Choose = Callable[[Tensor, Sequence[int]], list[int]]
"""(logits (R, V), numbers of the R rows) -> the R chosen tokens."""


def greedy(logits: Tensor, rows: Sequence[int]) -> list[int]:
    """The most likely token of each row; the smallest number where several are."""
    return logits.argmax(-1).tolist()


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy; top_k and top_p (none: off) restrict what is drawn from, in this order."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:  # so that not-a-number is refused, too
            raise ScratchpadError(f"temperature={self.temperature}: 0 (greedy) or more is allowed")
        if self.top_k is not None and self.top_k < 1:
            raise ScratchpadError(f"top-k={self.top_k}: at least 1 token must remain")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ScratchpadError(f"top-p={self.top_p}: above 0 and at most 1 is allowed")

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0.0

    @property
    def words(self) -> str:
        """What decides the draws beside the seed, in words: `temperature 0.5, top-k 3`; empty where greedy."""
        limits = [f"{name} {value}" for name, value in (("top-k", self.top_k), ("top-p", self.top_p)) if value]
        return "" if self.is_greedy else ", ".join([f"temperature {self.temperature:g}", *limits])

    def chooser(self) -> Choose:
        """The choice function; a sampling one draws one number a token from each row's own stream."""
        return greedy if self.is_greedy else _Sampler(self)


@dataclass
class _Sampler:
    sampling: Sampling
    streams: dict[int, Stream] = field(default_factory=dict)

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        drawn = torch.tensor([self._stream(row).uniform() for row in rows], dtype=torch.float64)
        cumulative = probabilities(logits, self.sampling).cumsum(-1)
        chosen = torch.searchsorted(cumulative, drawn[:, None] * cumulative[:, -1:], right=True)[:, 0]
        return chosen.clamp_(max=logits.shape[-1] - 1).tolist()

    def _stream(self, row: int) -> Stream:
        if row not in self.streams:
            self.streams[row] = Stream(stream_name("sampling", self.sampling.seed), row)
        return self.streams[row]


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """(R, V) logits -> (R, V) float64 probabilities on the CPU, zero outside top-k and top-p.

    top_p keeps the likeliest tokens up to and including the one that reaches the probability p.
    """
    raw = logits.detach().double().cpu()
    scaled = (raw - raw.amax(-1, keepdim=True)) / sampling.temperature  # finite at the top, however low the temperature
    if sampling.top_k is not None and sampling.top_k < scaled.shape[-1]:
        least = scaled.topk(sampling.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, -torch.inf)
    shares = scaled.softmax(-1)
    if sampling.top_p is not None:
        ordered, order = shares.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered >= sampling.top_p
        shares = shares.masked_fill(beyond.scatter(-1, order, beyond), 0.0)
    return shares
