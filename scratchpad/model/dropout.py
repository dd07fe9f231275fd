"""Dropout from 16-bit random numbers on a CPU, where torch's own costs more than the matrix products around it.

Four numbers come from each random word, so a probability is kept to 1/65536. On other devices it is torch's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_LEVELS = 65536


def keep_mask(shape: torch.Size, p: float) -> tuple[Tensor, float]:
    """A CPU bool mask that keeps each element with probability 1 - p, and the scale that makes up for it."""
    dropped = min(round(p * _LEVELS), _LEVELS - 1)
    count = shape.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.int16)[:count].view(shape) >= dropped - _LEVELS // 2
    return kept, _LEVELS / (_LEVELS - dropped)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        kept, ctx.scale = keep_mask(x.shape, p)
        ctx.save_for_backward(kept)
        return (x * kept).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return (gradients[0] * kept).mul_(ctx.scale), None


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each element with probability p and scale the rest by 1 / (1 - p); p = 0 returns x itself."""
    if p == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    return _Dropout.apply(x, p)
