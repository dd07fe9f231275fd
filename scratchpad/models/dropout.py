"""Dropout from 16-bit random numbers on a CPU, where torch's own costs more than the matrix products around it.

Each 64-bit random word gives four numbers of 16 bits. An element is dropped if its number is below a threshold, so
probabilities are exact to 1 / 65536. The mask is the words' own memory, overwritten with ones and zeros as int16, and
is applied by multiplying the bits of float16 and bfloat16, which torch does faster than a bool mask. Other devices use
torch's dropout.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from scratchpad.errors import ScratchpadError

_LEVELS = 65536
_stream: ContextVar[torch.Generator | None] = ContextVar("_stream", default=None)
"""The generator of seeds, for each thread; None: torch's own stream."""


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Within it, dropout on a CPU draws from its own stream, whatever other threads draw."""
    before = _stream.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _stream.reset(before)


def draw_kept(x: Tensor, p: float) -> tuple[Tensor, float]:
    """A mask that keeps each element of x with probability 1 - p, for `masked`, and the scale that makes up for it.

    The mask has ones and zeros as int16 on a CPU, elsewhere bools. ScratchpadError unless 0 <= p < 1.
    """
    _check(p)
    if x.device.type != "cpu":
        return torch.rand_like(x, dtype=torch.float32) >= p, 1 / (1 - p)
    dropped = min(round(p * _LEVELS), _LEVELS - 1)
    # numpy's SFC64, seeded by torch's generator, takes a third of its time
    generator = np.random.SFC64(int(torch.empty((), dtype=torch.int64).random_(generator=_stream.get())))
    words = torch.from_numpy(generator.random_raw((x.numel() + 3) // 4).view(np.int16))
    # in place: a comparison into bool, and a product with it, take several times as long
    kept = words[: x.numel()].view(x.shape).ge_(dropped - _LEVELS // 2)
    return kept, _LEVELS / (_LEVELS - dropped)


def _check(p: float) -> None:
    if not 0 <= p < 1:
        raise ScratchpadError(f"dropout with p={p}: from 0 up to, not including, 1 is allowed")


def masked(x: Tensor, kept: Tensor) -> Tensor:
    """x where it is kept, zeros elsewhere."""
    if kept.dtype == torch.int16 and x.element_size() == kept.element_size():
        return (x.view(torch.int16) * kept).view(x.dtype)  # the bits times 1 or 0
    return x * kept.to(x.dtype)


class _AddDropped(torch.autograd.Function):
    """x + scale * kept * y; saves only `kept`. Gradients: g for x, scale * kept * g for y."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, p: float) -> Tensor:
        kept, ctx.scale = draw_kept(y, p)
        ctx.dtype = y.dtype
        ctx.save_for_backward(kept)
        return torch.add(x, masked(y, kept), alpha=ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's own types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        (kept,) = ctx.saved_tensors
        return gradients[0], masked(gradients[0].to(ctx.dtype), kept).mul_(ctx.scale), None


def add_dropped(x: Tensor, y: Tensor, p: float) -> Tensor:
    """x + y, with dropout of y: each element is 0 with probability p, else scaled by 1 / (1 - p); 0 <= p < 1."""
    _check(p)
    if p == 0.0:
        return x + y
    if y.device.type != "cpu":
        return x + F.dropout(y, p)
    return _AddDropped.apply(x, y, p)


def dropout(x: Tensor, p: float) -> Tensor:
    """x with each element 0 with probability p, else scaled by 1 / (1 - p); p = 0 returns x itself."""
    return x if p == 0.0 else add_dropped(x.new_zeros(()), x, p)
