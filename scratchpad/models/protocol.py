"""The interface of a language model for training, generation and evaluation.

A model gets the N real tokens of a batch as one sequence, without padding. Every layer calls the function `attend` that
the caller passes in. `attend` applies the attention rule to the rows of a batch, or to a cache in generation.
Shapes: N tokens, C width, V tokens in the vocabulary, B rows, T tokens in the longest row.
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
    """The dimensions of cached keys and values: layers, heads of keys (and of values), and numbers per head."""

    layers: int
    kv_heads: int
    head_width: int


class LanguageModel(nn.Module, ABC):
    """The base class of decoder-only language models.

    A subclass defines the abstract members. It also defines `reach` if its attention has a span or biases.
    Training needs `nn.Module`, so a `typing.Protocol` would not be enough.
    """

    @abstractmethod
    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attention, wanted: Tensor | None = None) -> Tensor:
        """Return the last layer's vectors (N, C) of tokens (N,), or (M, C) if `wanted` has the indices of M tokens."""

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits (..., V) for hidden vectors (..., C)."""

    @property
    @abstractmethod
    def context(self) -> int | None:
        """The number of positions; None means no limit."""

    @property
    @abstractmethod
    def cache_shape(self) -> CacheShape:
        """The dimensions of the cached keys and values."""

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
        """The span and the biases of attention; None means that the model has neither."""
        return None

    @property
    def position_bytes(self) -> int:
        """The bytes of one position's keys and values in all layers together."""
        return 2 * math.prod(self.cache_shape) * self.dtype.itemsize

    def forward(self, batch: Batch, backend: str = "blocks", where: Tensor | None = None) -> Tensor:
        """Return the logits (N, V) of a batch's real tokens in reading order.

        where: a boolean mask (B, T). If it is given, only the M tokens marked True get logits: (M, V).
        """
        real = batch.real()
        wanted = None if where is None else torch.nonzero(where[real])[:, 0]
        attend = attention(backend, batch.segments, batch.positions, self.reach)
        return self.logits(self.hidden(batch.tokens[real], batch.positions[real], attend, wanted))
