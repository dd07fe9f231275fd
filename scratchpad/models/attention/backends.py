"""Attention back-ends by name. Each back-end applies the attention rule to all tokens of a batch."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from scratchpad.errors import unknown_name
from scratchpad.models.attention.blocks import BlockAttention
from scratchpad.models.attention.dense import DenseAttention
from scratchpad.models.config import BACKENDS
from scratchpad.models.positions import Reach


class Attention(Protocol):
    """The function that a model calls in each layer. It applies the attention rule."""

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        """Return the outputs (N, H, D) of attention for N tokens and H query heads of D numbers.

        qkv: (N, H + 2 KV, D) with H query heads, KV = `kv_heads` key heads, then KV value heads. H is a multiple of KV;
        H / KV consecutive query heads share a key head. One tensor holds all heads, so one gather can move them. layer:
        the layer's number, for caches. dropout: the probability of dropping an attention weight.
        """
        ...


def attention(backend: str, segments: Tensor, positions: Tensor | None = None, reach: Reach | None = None) -> Attention:
    """Return the attention function of the back-end for a batch with segments (B, T).

    reach: the model's span and biases, or None if it has neither. The positions (B, T) are needed only with a reach.
    """
    if backend == "dense":
        return DenseAttention(segments, positions, reach)
    if backend == "blocks":
        return BlockAttention(segments, reach)
    raise unknown_name("attention back-end", backend, BACKENDS)
