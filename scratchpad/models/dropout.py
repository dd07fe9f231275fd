"""Fast dropout on a CPU, where torch's dropout takes longer than the matrix products around it.

Each 64-bit random word gives four 16-bit numbers. An element is dropped if its number is below a threshold, so
probabilities are exact to 1 / 65536. The mask, ones and zeros as int16, overwrites the random words. Masking multiplies
the bits of float16 or bfloat16 by 1 or 0, because torch is slower with bool masks. Other devices use torch's dropout.
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
"""The generator that seeds the masks, separate for each thread. None means torch's global generator."""


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Let CPU dropout inside the `with` block draw from a new generator that no other thread uses."""
    before = _stream.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _stream.reset(before)


def draw_kept(x: Tensor, p: float) -> tuple[Tensor, float]:
    """Return a mask that keeps each element of x with probability 1 - p, and the scale 1 / (1 - p).

    On a CPU, the mask has int16 ones and zeros, otherwise bools. Raises ScratchpadError unless 0 <= p < 1.
    """
    _check(p)
    if x.device.type != "cpu":
        return torch.rand_like(x, dtype=torch.float32) >= p, 1 / (1 - p)
    dropped = min(round(p * _LEVELS), _LEVELS - 1)
    # numpy's SFC64 needs a third of the time of torch's generator, which here only seeds SFC64
    generator = np.random.SFC64(int(torch.empty((), dtype=torch.int64).random_(generator=_stream.get())))
    words = torch.from_numpy(generator.random_raw((x.numel() + 3) // 4).view(np.int16))
    # ge_ works in place: a new bool mask and products with bools would take several times as long
    kept = words[: x.numel()].view(x.shape).ge_(dropped - _LEVELS // 2)
    return kept, _LEVELS / (_LEVELS - dropped)


def _check(p: float) -> None:
    if not 0 <= p < 1:
        raise ScratchpadError(f"dropout probability p={p} must be at least 0 and below 1")


def masked(x: Tensor, kept: Tensor) -> Tensor:
    """Return x with zeros in place of the dropped elements. `kept`: a mask from `draw_kept`."""
    if kept.dtype == torch.int16 and x.element_size() == kept.element_size():
        return (x.view(torch.int16) * kept).view(x.dtype)  # multiplies bits by 1 or 0
    return x * kept.to(x.dtype)


class _AddDropped(torch.autograd.Function):
    """Return x + scale * kept * y, and save only `kept`. The gradient g becomes g for x and scale * kept * g for y."""

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
    """Return x plus y after dropout: each element of y is 0 with probability p, otherwise divided by 1 - p."""
    _check(p)
    if p == 0.0:
        return x + y
    if y.device.type != "cpu":
        return x + F.dropout(y, p)
    return _AddDropped.apply(x, y, p)


def dropout(x: Tensor, p: float) -> Tensor:
    """Return x after dropout: each element is 0 with probability p, otherwise divided by 1 - p."""
    return x if p == 0.0 else add_dropped(x.new_zeros(()), x, p)
