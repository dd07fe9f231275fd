"""The tokens of a batch as rows that are padded at the end, and plain causal attention over these.

Shapes: N real tokens of a batch (no padding), H heads, D numbers a head, B rows, T tokens of the longest row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.layout.attention_rule import PADDING, PROMPT


class PaddedRows:
    """Where each token of a batch with segments (B, T) stands in its rows."""

    def __init__(self, segments: Tensor) -> None:
        self._shape = segments.shape
        real = (segments != PADDING).flatten()
        self._real = None if bool(real.all()) else torch.nonzero(real)[:, 0]

    def fill(self, x: Tensor) -> Tensor:
        """(N, parts, H, D) -> (parts, B, H, T, D) with zeros at padding."""
        if self._real is not None:
            x = x.new_zeros(self._shape.numel(), *x.shape[1:]).index_copy(0, self._real, x)
        return x.view(*self._shape, *x.shape[1:]).permute(2, 0, 3, 1, 4)

    def empty(self, x: Tensor) -> Tensor:
        """(B, H, T, D) -> (N, H, D)."""
        x = x.transpose(1, 2).flatten(0, 1)
        return x if self._real is None else x[self._real]


def is_causal(segments: Tensor) -> bool:
    """Whether no row has more than one block, so that every token sees all before it: the rule is the causal mask."""
    return bool((segments <= PROMPT + 1).all())


def attend_causally(qkv: Tensor, rows: PaddedRows) -> Tensor:
    """(N, 3, H, D) -> (N, H, D), in one kernel that keeps no scores and skips what is not seen."""
    q, k, v = rows.fill(qkv)
    with torch.autocast(qkv.device.type, enabled=False):
        return rows.empty(F.scaled_dot_product_attention(q, k, v, is_causal=True))
