"""The interface of a language model for training, generation and evaluation.

A model gets the N real tokens of a batch as one list, without padding, and a callable `attend` for every layer. That
callable applies the attention rule: to the rows of a batch in training, to the slots of a cache in generation.
Shapes: N tokens, C width, V tokens of the vocabulary, B rows, T tokens of the longest row.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from scratchpad.layout.batch import Batch
from scratchpad.models.attention.backends import Attention, attention
from scratchpad.models.positions import Reach


class CacheShape(NamedTuple):
    """The numbers of layers, of key heads (at most the number of query heads), and of components per head."""

    layers: int
    kv_heads: int
    head_width: int


class LanguageModel(nn.Module, ABC):
    """A decoder-only language model.

    A base class and no `typing.Protocol`, because training also needs `nn.Module`. A new model defines the abstract
    members, and `reach` if its attention has a span or biases.
    """

    @abstractmethod
    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attention, wanted: Tensor | None = None) -> Tensor:
        """Return the last hidden vectors (N, C) of (N,) tokens; with `wanted`, (M, C) of only the M wanted tokens."""

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """(..., C) -> (..., V)."""

    @property
    @abstractmethod
    def context(self) -> int | None:
        """The number of positions, or None for no limit."""

    @property
    @abstractmethod
    def cache_shape(self) -> CacheShape:
        """The size of the keys and values."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of the parameters."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """The data type of keys and values."""

    @property
    def reach(self) -> Reach | None:
        """How it looks back over what the attention rule shows; None: without a limit or a bias."""
        return None

    @property
    def position_bytes(self) -> int:
        """The memory in bytes of one position's keys and values in all layers."""
        return 2 * math.prod(self.cache_shape) * self.dtype.itemsize

    def forward(self, batch: Batch, backend: str = "blocks", where: Tensor | None = None) -> Tensor:
        """Logits (N, V) of a batch's real tokens in reading order; or (M, V), where `where`, bool (B, T), is True."""
        real = batch.real()
        wanted = None if where is None else torch.nonzero(where[real])[:, 0]
        attend = attention(backend, batch.segments, batch.positions, self.reach)
        return self.logits(self.hidden(batch.tokens[real], batch.positions[real], attend, wanted))
