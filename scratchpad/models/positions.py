"""Relative positions, and limits on how far back a model looks.

Rotary positions rotate queries and keys by angles proportional to the position (Su et al. 2021). ALiBi lowers scores in
proportion to the distance (Press et al. 2022). A span limits the distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scratchpad.layout.attention_rule import reaches

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines of angles, each (N, 1, D / 2). One angle rotates a pair of numbers in a head."""

_BASE = 10_000.0


def rotary(positions: Tensor, head_width: int, dtype: torch.dtype) -> Rotary:
    """Return the rotations for tokens at `positions` (N,)."""
    pairs = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float64)
    angles = positions[:, None, None] * _BASE ** (-pairs / head_width)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, turns: Rotary) -> Tensor:
    """Rotate pairs of numbers in x (N, heads, D). A pair has the same index in the two halves of the last axis."""
    cosines, sines = turns[0].to(x.dtype), turns[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def alibi(heads: int) -> list[float]:
    """Return the slope of each of H heads: 2^(-8/H), 2^(-16/H) ... 2^-8 if H is a power of two.

    Otherwise return the slopes of the next smaller power of two, then every other slope of the next larger power (Press
    et al. 2022, section 3).
    """
    power = 1 << heads.bit_length() - 1
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    return slopes + [2 ** (-4 * i / power) for i in range(1, 2 * (heads - power), 2)]


@dataclass(frozen=True)
class Reach:
    """The span and the biases that a model adds to the attention rule.

    span: the number of most recent positions that a token sees, including its own. None means no limit. slopes (H,):
    the fall of each head's scores per position of distance. None means no fall. Slopes may be learned.
    """

    span: int | None = None
    slopes: Tensor | None = None

    def mask(self, seen: Tensor, distance: Tensor, dtype: torch.dtype) -> Tensor:
        """Return terms (..., H, Q, K) to add to scores of type `dtype`: -inf for a key that the query does not see.

        Without slopes, return a bool mask. `seen` (the attention rule's mask) and `distance` broadcast to (..., 1, Q,
        K). Terms are at least float32, because bf16 cannot distinguish all positions above 256.
        """
        seen = seen & reaches(distance, self.span)
        if self.slopes is None:
            return seen
        wide = torch.promote_types(dtype, torch.float32)
        return (self.slopes.to(wide)[:, None, None] * -distance.to(wide)).masked_fill(~seen, -math.inf)
