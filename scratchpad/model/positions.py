"""Rotary positions: queries and keys turned by angles that grow with the position (Su et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines, each (N, 1, 1, D / 2)."""

_BASE = 10_000.0


def rotary(positions: Tensor, head_width: int, dtype: torch.dtype) -> Rotary:
    """The turns of tokens at these positions (N,)."""
    pairs = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float64)
    angles = positions[:, None, None, None] * _BASE ** (-pairs / head_width)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, turns: Rotary) -> Tensor:
    """Turn each pair (first half, second half) of the last axis of x (N, 2, H, D)."""
    cosines, sines = turns[0].to(x.dtype), turns[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)
