"""The choice of the next token from logits: greedy, or sampled from a random stream of each row's own."""

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
    """The most likely token of each row; among equals, the smallest number."""
    return logits.argmax(-1).tolist()


@dataclass(frozen=True)
class Sampling:
    """Settings of sampling. temperature 0: greedy. top_k, then top_p restrict the tokens drawn from; None: off."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:  # refuses not-a-number too
            raise ScratchpadError(f"temperature={self.temperature}: 0 (greedy) or more is allowed")
        if self.top_k is not None and self.top_k < 1:
            raise ScratchpadError(f"top-k={self.top_k}: 1 or more is allowed")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ScratchpadError(f"top-p={self.top_p}: above 0 and at most 1 is allowed")

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0.0

    @property
    def words(self) -> str:
        """The settings in words, without the seed: `temperature 0.5, top-k 3`; empty if greedy."""
        limits = [f"{name} {value}" for name, value in (("top-k", self.top_k), ("top-p", self.top_p)) if value]
        return "" if self.is_greedy else ", ".join([f"temperature {self.temperature:g}", *limits])

    def chooser(self) -> Choose:
        """The function that chooses tokens; sampling draws one number per token from each row's own stream."""
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

    top_p keeps the most likely tokens, up to and including the token with which their sum reaches p.
    """
    raw = logits.detach().double().cpu()
    scaled = (raw - raw.amax(-1, keepdim=True)) / sampling.temperature  # the top is 0, however low the temperature
    if sampling.top_k is not None and sampling.top_k < scaled.shape[-1]:
        least = scaled.topk(sampling.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, -torch.inf)
    found = scaled.softmax(-1)
    if sampling.top_p is not None:
        ordered, order = found.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered >= sampling.top_p
        found = found.masked_fill(beyond.scatter(-1, order, beyond), 0.0)
    return found
