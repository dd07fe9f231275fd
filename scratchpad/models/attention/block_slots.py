"""The memory layout of queries, keys and values in the back-end `blocks`, so that matrix products need no copies.

The module `blocks` explains the letters in shapes: N, H, KV, R, D, B, G, P, K, L.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from scratchpad.layout.attention_rule import PADDING, PROMPT, sees
from scratchpad.models.positions import Reach


class BlockSlots:
    """The places of a batch's tokens when prompts are padded to (B, P) and blocks to (B, K, L)."""

    def __init__(self, segments: Tensor, reach: Reach | None) -> None:
        in_prompt, in_block = segments == PROMPT, (segments != PADDING) & (segments != PROMPT)
        self._prompt_lengths = in_prompt.sum(1)
        self.rows, self.prompt_length = segments.shape[0], _longest(self._prompt_lengths)
        row, column = torch.nonzero(in_block, as_tuple=True)
        block, place = segments[row, column] - PROMPT - 1, _places_in_blocks(row, segments[row, column])
        self.blocks, self.block_length = _longest(block + 1), _longest(place + 1)

        real = segments != PADDING
        self.row, column = torch.nonzero(real, as_tuple=True)  # (N,), like place, block and in_prompt
        self.in_prompt = in_prompt[real]
        self.place = column.masked_scatter(~self.in_prompt, place)
        self.block = torch.zeros_like(column).masked_scatter(~self.in_prompt, block)
        self._reach = reach
        self._layouts: dict[tuple[int, tuple[int, ...]], VectorLayout] = {}
        self._biases: dict[tuple[int, torch.dtype], tuple[Tensor, Tensor]] = {}

    def layout(self, kv_heads: int, ratios: tuple[int, ...]) -> VectorLayout:
        """Return the layout for several kinds of vectors. ratios: for each kind, r vectors per token and key head."""
        key = kv_heads, ratios
        if key not in self._layouts:
            self._layouts[key] = VectorLayout(self, kv_heads, ratios)
        return self._layouts[key]

    def biases(self, kv_heads: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return two tensors to add to scores: for queries in prompts, and for queries in blocks.

        The shapes are (1 or H, P, P) and (1 or B, 1 or KV, 1, 1 or R, L, P + L). An entry is -inf if the query does not
        see the key; otherwise it is the bias of the reach, or 0.
        """
        key = kv_heads, dtype
        if key not in self._biases:
            self._biases[key] = self._new_biases(kv_heads, dtype)
        return self._biases[key]

    def _new_biases(self, kv_heads: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        lengths = self._prompt_lengths
        if bool((lengths == self.prompt_length).all()):
            lengths = lengths[:1]  # prompts are equally long, so all rows share one bias
        prompt = torch.arange(self.prompt_length, device=lengths.device)
        place = torch.arange(self.block_length, device=lengths.device)
        same = torch.zeros((), dtype=torch.int64, device=lengths.device)
        seen_in_prompt = sees(same, same, prompt[:, None], prompt)[None]
        seen_in_block = torch.cat(
            [
                (prompt < lengths[:, None])[:, None].expand(-1, self.block_length, -1),
                sees(same, same, place[:, None], place).expand(len(lengths), -1, -1),
            ],
            -1,
        )[:, None]
        if self._reach is None:
            return _as_bias(seen_in_prompt), _as_bias(seen_in_block)[:, :, None, None]
        positions = lengths[:, None] + place  # every block of a row has these positions
        keys = torch.cat([prompt.expand(len(lengths), -1), positions], -1)
        distances = (positions[:, :, None] - keys[:, None])[:, None]
        of_prompts = _as_bias(self._reach.mask(seen_in_prompt, (prompt[:, None] - prompt)[None], dtype))
        of_blocks = _as_bias(self._reach.mask(seen_in_block, distances, dtype))
        groups = kv_heads if of_blocks.shape[1] > 1 else 1
        return of_prompts, of_blocks.unflatten(1, (groups, -1)).unsqueeze(2)


class Vectors(NamedTuple):
    """Queries, keys, values or outputs, shaped for products. In shapes, r is R for queries and outputs, otherwise 1."""

    prompt: Tensor  # (G, r * P, D)
    blocks: Tensor  # (G, K * r * L, D)
    own: Tensor  # (G * K, r * L, D), the same memory as `blocks`


class VectorLayout:
    """The layout of a matrix (S, D) with M vectors per token in S slots. Operands of products are views of the matrix.

    The vectors of prompts come first: slots (B, KV, r, P) for each kind (queries, keys, values). The vectors of blocks
    follow: slots (B, KV, K, r, L) for each kind. The R query heads of one key head are rows of the same product.
    """

    def __init__(self, slots: BlockSlots, kv_heads: int, ratios: tuple[int, ...]) -> None:
        self._ratios, self._groups = ratios, slots.rows * kv_heads
        self._prompt, self._blocks, self._block = slots.prompt_length, slots.blocks, slots.block_length  # P, K, L
        self.prompt_scores = slots.rows, kv_heads * ratios[0], self._prompt, self._prompt
        """(B, H, P, P)"""
        self.block_scores = slots.rows, kv_heads, self._blocks, ratios[0], self._block, self._prompt + self._block
        """(B, KV, K, R, L, P + L)"""
        lengths = self._prompt, self._blocks * self._block
        self._sizes = [self._groups * ratio * length for length in lengths for ratio in ratios]
        self.size = sum(self._sizes)
        self._vectors_per_token = kv_heads * sum(ratios)
        self._slot_of_vector = self._find_slots(slots, kv_heads).flatten()  # (N * M,)
        vectors = self._slot_of_vector.new_full((self.size,), -1)
        vectors[self._slot_of_vector] = torch.arange(len(self._slot_of_vector), device=vectors.device)
        self._padding = torch.nonzero(vectors < 0)[:, 0]
        self._vector_of_slot = vectors.clamp_(min=0)

    def _find_slots(self, slots: BlockSlots, kv_heads: int) -> Tensor:
        row, place, block, in_prompt = (
            part[:, None] for part in (slots.row, slots.place, slots.block, slots.in_prompt)
        )
        blocks = torch.where(in_prompt, 1, self._blocks)
        length = torch.where(in_prompt, self._prompt, self._block)
        starts, found = [0, *accumulate(self._sizes)], []
        for kind, ratio in enumerate(self._ratios):
            head = torch.arange(kv_heads * ratio, device=row.device)  # (KV * r,)
            start = torch.where(in_prompt, starts[kind], starts[kind + len(self._ratios)])
            of_first = start + (row * kv_heads * blocks + block) * ratio * length + place  # (N, 1)
            found.append(of_first + head // ratio * (blocks * ratio * length) + head % ratio * length)
        return torch.cat(found, 1)

    def fill(self, x: Tensor) -> Tensor:
        """Copy vectors (N, M, D), M per token, into a new matrix (S, D) of S slots. Padding becomes zeros."""
        return x.reshape(-1, x.shape[-1]).index_select(0, self._vector_of_slot).index_fill_(0, self._padding, 0)

    def empty(self, matrix: Tensor) -> Tensor:
        """Copy vectors out of a matrix (S, D). The result is (N, M, D)."""
        return matrix.index_select(0, self._slot_of_vector).view(-1, self._vectors_per_token, matrix.shape[-1])

    def views(self, matrix: Tensor) -> list[Vectors]:
        """Return the vectors of each kind as views of a matrix (S, D)."""
        groups, width = self._groups, matrix.shape[-1]
        parts, kinds = matrix.split(self._sizes), len(self._ratios)
        return [
            Vectors(
                prompt.view(groups, ratio * self._prompt, width),
                blocks.view(groups, self._blocks * ratio * self._block, width),
                blocks.view(groups * self._blocks, ratio * self._block, width),
            )
            for ratio, prompt, blocks in zip(self._ratios, parts[:kinds], parts[kinds:], strict=True)
        ]

    def join(self, to_prompt: Tensor, to_own: Tensor) -> Tensor:
        """Join scores for prompt keys (G, K * R * L, P) and own keys (G * K, R * L, L) into (B, KV, K, R, L, P + L)."""
        *shape, _ = self.block_scores
        return torch.cat([to_prompt.view(*shape, self._prompt), to_own.view(*shape, self._block)], -1)

    def part(self, joined: Tensor) -> tuple[Tensor, Tensor]:
        """Reverse `join`. Each part is copied only once, here. Otherwise, every product would copy the part."""
        to_prompt, to_own = joined.split([self._prompt, self._block], -1)
        return to_prompt.contiguous().flatten(2, 4).flatten(0, 1), to_own.contiguous().flatten(3, 4).flatten(0, 2)


def _longest(lengths: Tensor) -> int:
    return int(lengths.max()) if len(lengths) else 0


def _places_in_blocks(row: Tensor, block: Tensor) -> Tensor:
    """Return the index of each token within its block, for tokens in reading order."""
    index = torch.arange(len(row), device=row.device)
    begins = torch.ones_like(row, dtype=torch.bool)
    begins[1:] = (row[1:] != row[:-1]) | (block[1:] != block[:-1])
    return index - torch.cummax(torch.where(begins, index, 0), 0).values


def _as_bias(mask: Tensor) -> Tensor:
    """Return a mask as numbers to add to scores. A bool mask becomes 0 (True) and -inf (False)."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -math.inf)
