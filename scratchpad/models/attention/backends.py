"""The choice of an attention back-end: each applies the attention rule to the tokens of a whole batch."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from scratchpad.errors import unknown_name
from scratchpad.models.attention.blocks import BlockAttention
from scratchpad.models.attention.dense import DenseAttention
from scratchpad.models.config import BACKENDS
from scratchpad.models.positions import Reach


class Attention(Protocol):
    """The callable that a model calls in each layer; it applies the attention rule."""

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        """(N, H + 2 KV, D) -> (N, H, D), for N tokens and heads of D numbers.

        qkv: the queries of all H heads, then the keys and then the values of `kv_heads` = KV heads. H is a multiple of
        KV: H / KV consecutive query heads use one head of keys and values. All are in one tensor, so that one gather
        puts them in place. layer: its number, for caches. dropout: the probability to drop an attention weight.
        """
        ...


def attention(backend: str, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> Attention:
    """The attention of a batch with these segments (B, T), by the back-end's name.

    reach: how the model looks back (None: without a limit or a bias); it needs the positions (B, T).
    """
    if backend == "dense":
        return DenseAttention(segments, positions, reach)
    if backend == "blocks":
        return BlockAttention(segments, reach)
    raise unknown_name("attention back-end", backend, BACKENDS)
