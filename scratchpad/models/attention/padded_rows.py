"""The tokens of a batch as rows that are padded at the end, and plain causal attention over these rows.

Shapes: N real tokens of a batch (no padding), H query heads, KV heads of keys and of values, J = H + 2 KV, D numbers
per head, B rows, T tokens in the longest row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.layout.attention_rule import PADDING, PROMPT


class PaddedRows:
    """The places of a batch's real tokens in padded rows. `segments` has the shape (B, T)."""

    def __init__(self, segments: Tensor) -> None:
        self._shape = segments.shape
        real = (segments != PADDING).flatten()
        self._real = None if bool(real.all()) else torch.nonzero(real)[:, 0]

    def pad(self, qkv: Tensor, kv_heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, H, T, D), keys and values (B, KV, T, D) of tokens (N, J, D). Padding is zeros."""
        if self._real is not None:
            qkv = qkv.new_zeros(self._shape.numel(), *qkv.shape[1:]).index_copy(0, self._real, qkv)
        return split_heads(qkv.unflatten(0, self._shape).transpose(1, 2), kv_heads)

    def unpad(self, x: Tensor) -> Tensor:
        """Return the vectors (N, H, D) of the real tokens in padded rows (B, H, T, D)."""
        x = x.transpose(1, 2).flatten(0, 1)
        return x if self._real is None else x[self._real]


def split_heads(qkv: Tensor, kv_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split a tensor of shape (*, J, ...) into queries (*, H, ...), keys and values (*, KV, ...)."""
    q, k, v = qkv.split((qkv.shape[1] - 2 * kv_heads, kv_heads, kv_heads), 1)
    return q, k, v


def is_causal(segments: Tensor) -> bool:
    """Return whether each row has at most one block. In this case, the attention rule is the plain causal mask."""
    return bool((segments <= PROMPT + 1).all())


def attend_causally(qkv: Tensor, kv_heads: int, rows: PaddedRows) -> Tensor:
    """Return causal attention (N, H, D) of tokens (N, J, D). The kernel neither stores nor computes masked scores."""
    q, k, v = rows.pad(qkv, kv_heads)
    grouped = q.shape[1] != kv_heads
    with torch.autocast(qkv.device.type, enabled=False):
        return rows.unpad(F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped))
