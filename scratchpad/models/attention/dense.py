"""The back-end `dense`: torch's attention with the attention rule as a T x T mask. Tests use `dense` as the reference.

Shapes: N real tokens of a batch (no padding), H query heads, KV heads of keys and of values, D numbers per head, B
rows, T tokens in the longest row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.layout.batch import dense_mask, distances
from scratchpad.models.attention.padded_rows import PaddedRows
from scratchpad.models.positions import Reach


class DenseAttention:
    """Attention of a batch with segments (B, T). `positions` (B, T) are needed only with a reach."""

    def __init__(self, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> None:
        self._rows = PaddedRows(segments)
        self._seen, self._positions, self._reach = dense_mask(segments), positions, reach

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        q, k, v = self._rows.pad(qkv, kv_heads)
        mask = self._seen
        if self._reach is not None:
            assert self._positions is not None
            mask = self._reach.mask(mask, distances(self._positions), q.dtype)
        return self._rows.unpad(attend_with_mask(q, k, v, mask, dropout))


def attend_with_mask(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
    """Return the attention (B, H, Q, D) of queries (B, H, Q, D) to keys and values (B, KV, K, D).

    mask: (B, 1 or H, Q, K), bools or numbers to add to scores. With numbers, all computation has the mask's precision.
    """
    grouped = q.shape[1] != k.shape[1]
    if mask.dtype == torch.bool:
        return F.scaled_dot_product_attention(q, k, v, mask, dropout, enable_gqa=grouped)
    with torch.autocast(q.device.type, enabled=False):
        wide = [part.to(mask.dtype) for part in (q, k, v)]
        return F.scaled_dot_product_attention(*wide, attn_mask=mask, dropout_p=dropout, enable_gqa=grouped).to(q.dtype)
