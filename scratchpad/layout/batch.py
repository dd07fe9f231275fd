"""Rows of tokens as tensors, padded at the end. Shapes: B rows, T tokens in the longest row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from scratchpad.layout.attention_rule import PADDING, sees
from scratchpad.layout.rows import Row

Item = TypeVar("Item")

NO_TARGET = -100
"""The value in `targets` if the loss does not count the next token. torch's cross_entropy ignores this value."""


@dataclass(frozen=True)
class Batch:
    """Rows of tokens, ready for a model. All tensors are int64 of shape (B, T).

    targets[b, i]: token i + 1 of row b if the loss counts this token, otherwise NO_TARGET. segments: the segments that
    `attention_rule` defines, with PADDING at the end of short rows.
    """

    tokens: Tensor
    positions: Tensor
    segments: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(part.to(device, non_blocking=True) for part in self._parts()))

    def pin_memory(self) -> Batch:
        return Batch(*(part.pin_memory() for part in self._parts()))

    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.tokens, self.positions, self.segments, self.targets

    def real(self) -> Tensor:
        """Return a mask (B, T) that is True at real tokens and False at padding."""
        return self.segments != PADDING

    def mask(self) -> Tensor:
        """Return a boolean mask (B, 1, T, T) that is True if the query (axis 2) sees the key (axis 3)."""
        return dense_mask(self.segments)


def dense_mask(segments: Tensor) -> Tensor:
    """Return the boolean mask (B, 1, T, T) of the attention rule for segments (B, T). A row needs T x T memory."""
    place = torch.arange(segments.shape[1], device=segments.device)
    query, key = segments[:, :, None], segments[:, None, :]
    return sees(query, key, place[:, None], place[None, :])[:, None]


def distances(positions: Tensor) -> Tensor:
    """Return the position of each query (axis 2) minus the position of each key (axis 3): (B, 1, T, T)."""
    return (positions[:, :, None] - positions[:, None, :])[:, None]


def collate(rows: Sequence[Row[int]]) -> Batch:
    """Return one batch with these rows, padded at the end to the longest row."""
    shape = (len(rows), max(map(len, rows)))
    tokens, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    segments, targets = np.full(shape, PADDING, np.int64), np.full(shape, NO_TARGET, np.int64)
    for i, row in enumerate(rows):
        length = len(row)
        tokens[i, :length] = row.tokens
        positions[i, :length] = row.positions
        segments[i, :length] = row.segments
        targets[i, : length - 1] = np.where(row.scored, tokens[i, :length], NO_TARGET)[1:]
    return Batch(*map(torch.from_numpy, (tokens, positions, segments, targets)))


def micro_batches(items: Sequence[Item], most_tokens: int, length: Callable[[Item], int] = len) -> list[list[Item]]:
    """Sort items by length and split them into parts of at most `most_tokens` tokens.

    An item longer than `most_tokens` becomes a part by itself. Similar lengths within a part save padding.
    """
    parts: list[list[Item]] = []
    tokens = 0
    for item in sorted(items, key=length):
        if not parts or tokens + length(item) > most_tokens:
            parts.append([])
            tokens = 0
        parts[-1].append(item)
        tokens += length(item)
    return parts
