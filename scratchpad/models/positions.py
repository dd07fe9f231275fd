"""Positions that tell how far apart two tokens are: rotary ones turn queries and keys by angles that grow with the
position (Su et al. 2021), ALiBi makes scores fall with the distance (Press et al. 2022). And spans: how far it may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from scratchpad.layout.attention_rule import reaches

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines, each (N, 1, D / 2)."""

_BASE = 10_000.0


def rotary(positions: Tensor, head_width: int, dtype: torch.dtype) -> Rotary:
    """The turns of tokens at these positions (N,)."""
    pairs = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float64)
    angles = positions[:, None, None] * _BASE ** (-pairs / head_width)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, turns: Rotary) -> Tensor:
    """Turn each pair (first half, second half) of the last axis of x (N, heads, D)."""
    cosines, sines = turns[0].to(x.dtype), turns[1].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def alibi(heads: int) -> list[float]:
    """By how much each head's scores fall with each position: 2^(-8/H), 2^(-16/H) ... 2^-8 for H heads, a power of two.

    For other numbers those of the power below, then every other one of the power above (Press et al. 2022, section 3).
    """
    whole = 1 << heads.bit_length() - 1
    own = [2 ** (-8 * i / whole) for i in range(1, whole + 1)]
    return own + [2 ** (-4 * i / whole) for i in range(1, 2 * (heads - whole), 2)]


@dataclass(frozen=True)
class Reach:
    """How a model looks back over what the rule lets it see. Distances are those of the rule's positions.

    span: the last so many positions alone (none: all). slopes: by how much the scores of each head (H,) fall with each
    position of distance (none: they do not).
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
