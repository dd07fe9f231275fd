"""The choice of the next token from logits: greedy, or sampled with a separate random stream for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name

Choose = Callable[[Tensor, Sequence[int]], list[int]]
"""A function from logits (R, V) and the numbers of the R rows to the R chosen tokens."""


def greedy(logits: Tensor, rows: Sequence[int]) -> list[int]:
    """Return the most likely token of each row. In a tie, return the smallest token number."""
    return logits.argmax(-1).tolist()


@dataclass(frozen=True)
class Sampling:
    """Settings for the choice of tokens. Temperature 0 is greedy. top_k and then top_p limit the tokens to draw."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:  # also refuses NaN
            raise ScratchpadError(f"temperature={self.temperature} must be 0 (greedy) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ScratchpadError(f"top-k={self.top_k} must be at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ScratchpadError(f"top-p={self.top_p} must be above 0 and at most 1")

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0.0

    @property
    def words(self) -> str:
        """The settings as text, without the seed, such as `temperature 0.5, top-k 3`. The text is empty if greedy."""
        limits = [f"{name} {value}" for name, value in (("top-k", self.top_k), ("top-p", self.top_p)) if value]
        return "" if self.is_greedy else ", ".join([f"temperature {self.temperature:g}", *limits])

    def chooser(self) -> Choose:
        """Return a function that chooses tokens. It draws one number per token from the stream of the token's row."""
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
    """Return the probabilities (R, V) of tokens, float64 on the CPU, from logits (R, V).

    Tokens outside top-k and top-p get 0. top_p keeps the most likely tokens until their probabilities sum to p.
    """
    raw = logits.detach().double().cpu()
    scaled = (raw - raw.amax(-1, keepdim=True)) / sampling.temperature  # the largest logit becomes 0 at any temperature
    if sampling.top_k is not None and sampling.top_k < scaled.shape[-1]:
        least = scaled.topk(sampling.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, -torch.inf)
    found = scaled.softmax(-1)
    if sampling.top_p is not None:
        ordered, order = found.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered >= sampling.top_p
        found = found.masked_fill(beyond.scatter(-1, order, beyond), 0.0)
    return found
