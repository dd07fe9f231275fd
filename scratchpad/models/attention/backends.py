"""Attention back-ends: who knows which tokens see which, computes attention for the whole batch.

Shapes: N real tokens of a batch (no padding), H heads, D numbers a head, B rows, T tokens of the longest row.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.errors import unknown_name
from scratchpad.layout.batch import dense_mask, distances
from scratchpad.models.attention.blocks import BlockAttention
from scratchpad.models.attention.padded_rows import PaddedRows
from scratchpad.models.config import BACKENDS
from scratchpad.models.positions import Reach

Attention = Callable[[int, Tensor, float], Tensor]
"""(layer, queries, keys and values (N, 3, H, D), dropout) -> (N, H, D). Training ignores the layer; caches need it."""


def attention(backend: str, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> Attention:
    """The attention of a batch with these segments and positions (B, T), by the back-end's name.

    reach: how the model looks back (none: at all that the rule lets it see, alike). Positions are for that alone.
    """
    if backend == "dense":
        return DenseAttention(segments, positions, reach)
    if backend == "blocks":
        return BlockAttention(segments, reach)
    raise unknown_name("attention back-end", backend, BACKENDS)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
    """`scaled_dot_product_attention` of (B, H, T, D), in the precision of a mask of numbers: none is rounded."""
    if mask.dtype == torch.bool:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
    with torch.autocast(q.device.type, enabled=False):
        wide = (part.to(mask.dtype) for part in (q, k, v))
        return F.scaled_dot_product_attention(*wide, attn_mask=mask, dropout_p=dropout).to(q.dtype)


class DenseAttention:
    """`scaled_dot_product_attention` with the boolean mask of the rule: the reference."""

    def __init__(self, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> None:
        self._rows = PaddedRows(segments)
        self._seen, self._positions, self._reach = dense_mask(segments), positions, reach

    def __call__(self, layer: int, qkv: Tensor, dropout: float) -> Tensor:
        q, k, v = self._rows.fill(qkv)
        mask = self._seen
        if self._reach is not None:
            assert self._positions is not None
            mask = self._reach.mask(mask, distances(self._positions), q.dtype)
        return self._rows.empty(attend(q, k, v, mask, dropout))
