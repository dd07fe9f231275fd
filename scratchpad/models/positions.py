"""Relative positions, and how far a model looks back.

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
"""Cosines and sines, each (N, 1, D / 2): one rotation for each pair of numbers in a head."""

_BASE = 10_000.0


def rotary(positions: Tensor, head_width: int, dtype: torch.dtype) -> Rotary:
    """The rotations of tokens at these positions (N,)."""
    pairs = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float64)
    angles = positions[:, None, None] * _BASE ** (-pairs / head_width)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, turns: Rotary) -> Tensor:
    """x (N, heads, D) with each pair (first half, second half) of the last axis rotated."""
    cosines, sines = turns[0].to(x.dtype), turns[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def alibi(heads: int) -> list[float]:
    """The slope of each head: 2^(-8/H), 2^(-16/H) ... 2^-8 for H heads, if H is a power of two.

    Otherwise the slopes of the power of two below H, then every other slope of the one above (Press et al. 2022,
    section 3).
    """
    power = 1 << heads.bit_length() - 1
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    return slopes + [2 ** (-4 * i / power) for i in range(1, 2 * (heads - power), 2)]


@dataclass(frozen=True)
class Reach:
    """How a model looks back over what the attention rule shows. Distances are in the rule's positions.

    span: a token sees only the last `span` positions, its own included; None: all. slopes: (H,), by how much the scores
    of each head fall per position of distance; None: not at all. They may be learned.
    """

    span: int | None = None
    slopes: Tensor | None = None

    def mask(self, seen: Tensor, distance: Tensor, dtype: torch.dtype) -> Tensor:
        """What is added to scores of `dtype`, (..., H, Q, K) with -inf where a key is not seen; bools without slopes.

        seen (by the attention rule) and distance: (..., 1, Q, K), or of shapes that broadcast to it. The numbers are
        float32 at least: bf16 cannot tell positions from 257 on apart.
        """
        seen = seen & reaches(distance, self.span)
        if self.slopes is None:
            return seen
        wide = torch.promote_types(dtype, torch.float32)
        return (self.slopes.to(wide)[:, None, None] * -distance.to(wide)).masked_fill(~seen, -math.inf)
