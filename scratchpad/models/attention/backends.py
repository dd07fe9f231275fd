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
    """What a model calls in each layer; it knows which tokens each token sees."""

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        """(N, H + 2 KV, D) -> (N, H, D), for N tokens and heads of D numbers.

        qkv: the queries of all H heads, then the keys and then the values of `kv_heads` = KV heads. H is a multiple of
        KV: H / KV query heads in a row share a head of keys and values. They are one tensor, since one gather then puts
        all of them in place. layer: its number; caches need it. dropout: the probability that drops a weight.
        """
        ...


def attention(backend: str, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> Attention:
    """The attention of a batch with these segments (B, T), by the back-end's name.

    positions (B, T) and reach: how the model looks back (none: at all that the attention rule lets it see, alike).
    """
    if backend == "dense":
        return DenseAttention(segments, positions, reach)
    if backend == "blocks":
        return BlockAttention(segments, reach)
    raise unknown_name("attention back-end", backend, BACKENDS)
