"""The back-end `blocks`: attention by the rule in a few dense products a row, without a mask of the row.

A prompt attends causally to itself. Every block (a state after the copy of the one before) attends to the prompt and
causally to itself. All blocks' queries of a row meet the same prompt keys, in one product; a block's own keys make an
(L, L) product; one softmax spans both. Positions, too, are known from the shape: how far back a model may look is alike
for all blocks of a row. Rows of no more than one block are plain causal ones, for which there is a kernel.

Shapes: N real tokens of a batch (no padding), H heads, D numbers a head, B rows, G = B * H; P tokens of the longest
prompt, K blocks of the row with most, L tokens of the longest block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from scratchpad.layout.attention_rule import PADDING, PROMPT, sees
from scratchpad.models.attention.padded_rows import PaddedRows, attend_causally, is_causal
from scratchpad.models.dropout import draw_kept, masked
from scratchpad.models.positions import Reach

_GROUP_TOKENS = 2048
"""Of rows that one product takes on a CPU: few enough for its caches, and rows of like length stand together."""


class BlockAttention:
    """Attention of a batch with segments (B, T); on a CPU a few rows at a time, padded to the longest of these."""

    def __init__(self, segments: Tensor, reach: Reach | None = None) -> None:
        lengths = (segments != PADDING).sum(1)
        group = (lengths.cumsum(0) - 1) // _GROUP_TOKENS * (segments.device.type == "cpu")
        sizes = torch.unique_consecutive(group, return_counts=True)[1].tolist()
        parts = list(zip(segments.split(sizes), lengths.split(sizes), strict=True))
        self._groups = [_Group(rows[:, : _size_of(own)], reach) for rows, own in parts]
        self._tokens = [int(own.sum()) for _, own in parts]

    def __call__(self, layer: int, qkv: Tensor, dropout: float) -> Tensor:
        parts = zip(qkv.split(self._tokens), self._groups, strict=True)
        return torch.cat([group.attend(part, dropout) for part, group in parts])


class _Group:
    """Rows that one product takes, (B, T) for the longest of them."""

    def __init__(self, segments: Tensor, reach: Reach | None) -> None:
        self._segments, self._reach = segments, reach
        self._is_causal = reach is None and is_causal(segments)

    def attend(self, qkv: Tensor, dropout: float) -> Tensor:
        if self._is_causal and not dropout:
            return attend_causally(qkv, self._rows)
        return _Attend.apply(qkv, self._slots, dropout)

    @cached_property
    def _rows(self) -> PaddedRows:
        return PaddedRows(self._segments)

    @cached_property
    def _slots(self) -> _Slots:
        return _Slots(self._segments, self._reach)


class _Views(NamedTuple):
    """A line of vectors as what products work on. `own`: the blocks each by itself."""

    prompts: Tensor  # (parts, G, P, D)
    blocks: Tensor  # (parts, G, K * L, D)
    own: Tensor  # (parts, G * K, L, D)


@dataclass(frozen=True)
class _Order:
    """Where vectors stand in a line: each token's (N * parts * H), the source of each place, and places unfilled."""

    places: Tensor
    sources: Tensor
    unfilled: Tensor


class _Slots:
    """Where each token of a batch stands when prompts are (B, P) and blocks (B, K * L), both padded at the end.

    The tokens' vectors, parts (queries, keys and values, say) by heads, are gathered into one line: all of the prompts,
    (parts, B, H, P), before all of the blocks, (parts, B, H, K * L). So every product finds its operands whole.
    """

    def __init__(self, segments: Tensor, reach: Reach | None) -> None:
        in_prompt, in_block = segments == PROMPT, (segments != PADDING) & (segments != PROMPT)
        self._prompt_lengths = in_prompt.sum(1)
        self.rows, self.prompt_length = segments.shape[0], _size_of(self._prompt_lengths)
        row, column = torch.nonzero(in_block, as_tuple=True)
        block, place = segments[row, column] - PROMPT - 1, _places(row, segments[row, column])
        self.blocks, self.block_length = _size_of(block + 1), _size_of(place + 1)

        real = segments != PADDING
        self._in_prompt = in_prompt[real]
        self._row, self._place = torch.nonzero(real, as_tuple=True)  # in a prompt, the place is the column
        self._place = self._place.masked_scatter(~self._in_prompt, block * self.block_length + place)
        self.hidden = _hidden(self._prompt_lengths, self.prompt_length, self.block_length, reach)
        """What is added to scores: (P, P) of prompts, (B or 1, 1, L, P + L) of blocks."""
        self.slopes = reach.slopes if reach else None
        self._orders: dict[tuple[int, int], _Order] = {}

    def fill(self, x: Tensor) -> Tensor:
        """(N, parts, H, D) -> the line (places, D), zeros in padding."""
        order = self._order(*x.shape[1:3])
        return x.reshape(-1, x.shape[-1]).index_select(0, order.sources).index_fill_(0, order.unfilled, 0)

    def empty(self, line: Tensor, parts: int, heads: int) -> Tensor:
        """The reverse: (places, D) -> (N, parts, H, D)."""
        return line.index_select(0, self._order(parts, heads).places).view(-1, parts, heads, line.shape[-1])

    def views(self, line: Tensor, parts: int, heads: int) -> _Views:
        """What the line (places, D) holds."""
        groups, size = self.rows * heads, line.shape[-1]
        end = parts * groups * self.prompt_length
        return _Views(
            line[:end].view(parts, groups, self.prompt_length, size),
            line[end:].view(parts, groups, self.blocks * self.block_length, size),
            line[end:].view(parts, groups * self.blocks, self.block_length, size),
        )

    def places(self, parts: int, heads: int) -> int:
        """How long the line is."""
        return parts * self.rows * heads * (self.prompt_length + self.blocks * self.block_length)

    def _order(self, parts: int, heads: int) -> _Order:
        if (parts, heads) not in self._orders:
            places = self._token_places(parts, heads).flatten()
            sources = places.new_full((self.places(parts, heads),), -1)
            sources[places] = torch.arange(len(places), device=places.device)
            unfilled = torch.nonzero(sources < 0)[:, 0]
            self._orders[parts, heads] = _Order(places, sources.clamp_(min=0), unfilled)
        return self._orders[parts, heads]

    def _token_places(self, parts: int, heads: int) -> Tensor:
        """(N, parts, H): where the vectors of each token stand in the line."""
        part = torch.arange(parts, device=self._row.device)[:, None] * self.rows
        group = (part + self._row[:, None, None]) * heads + torch.arange(heads, device=self._row.device)
        own = self._in_prompt[:, None, None]
        length = torch.where(own, self.prompt_length, self.blocks * self.block_length)
        begin = torch.where(own, 0, parts * self.rows * heads * self.prompt_length)
        return begin + group * length + self._place[:, None, None]


def _size_of(lengths: Tensor) -> int:
    """The longest one, 0 of none."""
    return int(lengths.max()) if len(lengths) else 0


def _places(row: Tensor, block: Tensor) -> Tensor:
    """The place of each block token within its block, for tokens in reading order."""
    index = torch.arange(len(row), device=row.device)
    begins = torch.ones_like(row, dtype=torch.bool)
    begins[1:] = (row[1:] != row[:-1]) | (block[1:] != block[:-1])
    return index - torch.cummax(torch.where(begins, index, 0), 0).values


def _hidden(
    prompt_lengths: Tensor, prompt_length: int, block_length: int, reach: Reach | None
) -> tuple[Tensor, Tensor]:
    """-inf where a key is not seen: (P, P) by prompts, (B or 1, 1, L, P + L) by the blocks of a row, all alike.

    With a reach, what it adds where a key is seen.
    """
    device = prompt_lengths.device
    prompt, own = torch.arange(prompt_length, device=device), torch.arange(block_length, device=device)
    same = torch.zeros((), dtype=torch.int64, device=device)
    by_prompt = sees(same, same, prompt[:, None], prompt[None, :])
    by_own = sees(same, same, own[:, None], own[None, :])
    lengths = prompt_lengths if bool((prompt_lengths != prompt_length).any()) else prompt_lengths[:1]
    shape = (len(lengths), 1, block_length, -1)
    by_block = torch.cat([(prompt < lengths[:, None])[:, None, None, :].expand(shape), by_own.expand(shape)], -1)
    if reach is None:
        return _minus_infinity(by_prompt), _minus_infinity(by_block)
    positions = lengths[:, None] + own  # of a block's tokens, whichever block it is: they follow the prompt
    keys = torch.cat([prompt.expand(len(lengths), -1), positions], -1)
    return (
        reach.added(by_prompt, prompt[:, None] - prompt[None, :]),
        reach.added(by_block, positions[:, None, :, None] - keys[:, None, None, :]),
    )


def _minus_infinity(seen: Tensor) -> Tensor:
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -math.inf)


class _Attend(torch.autograd.Function):
    """(N, 3, H, D) queries, keys and values -> (N, H, D), with dropout of the shares.

    One function with its gradient written out: of all the steps only the line of vectors, the shares and what was kept
    of them are saved, and nothing is copied between the products.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, slots: _Slots, dropout: float) -> Tensor:
        with torch.autocast(qkv.device.type, enabled=False):
            heads, size = qkv.shape[2:]
            line = slots.fill(qkv)
            prompts, blocks, own = slots.views(line, 3, heads)
            for vectors in (prompts, blocks):
                vectors[0].mul_(1 / math.sqrt(size))
            to_prompts, to_blocks = slots.hidden
            of_prompts = _softmax(prompts[0] @ prompts[1].mT, to_prompts, heads, slots.slopes)
            joined = _joined(slots, blocks[0] @ prompts[1].mT, own[0] @ own[1].mT)
            of_blocks = _softmax(joined, to_blocks, heads, slots.slopes)
            kept, ctx.scale = (None, None), 1.0
            if dropout:
                kept, (ctx.scale, _) = zip(*(draw_kept(x, dropout) for x in (of_prompts, of_blocks)), strict=True)
            used = (_dropped(of_prompts, kept[0]), *_parted(slots, _dropped(of_blocks, kept[1])))
            ctx.slots = slots
            ctx.save_for_backward(line, of_prompts, of_blocks, *used, *kept)

            written = line.new_empty(slots.places(1, heads), size)
            to_prompts, to_blocks, to_own = (part[0] for part in slots.views(written, 1, heads))
            in_prompts, of_prompt, of_own = used
            torch.bmm(in_prompts, prompts[2], out=to_prompts)
            torch.bmm(of_prompt, prompts[2], out=to_blocks)
            to_own.baddbmm_(of_own, own[2])
            return slots.empty(written, 1, heads)[:, 0].mul_(ctx.scale)

    @staticmethod
    @once_differentiable  # or a second gradient would be wrong without a word
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's own types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, None, None]:
        with torch.autocast(gradients[0].device.type, enabled=False):
            return _Attend._gradient(ctx, gradients[0]), None, None

    @staticmethod
    def _gradient(ctx: Any, gradient: Tensor) -> Tensor:
        line, of_prompts, of_blocks, in_prompts, of_prompt, of_own, *kept = ctx.saved_tensors
        slots, heads = ctx.slots, gradient.shape[1]
        prompts, blocks, own = slots.views(line, 3, heads)
        to_prompts, to_blocks, to_own = (
            part[0] for part in slots.views(slots.fill((gradient * ctx.scale)[:, None]), 1, heads)
        )
        found = torch.empty_like(line)
        prompt_gradients, block_gradients, own_gradients = slots.views(found, 3, heads)

        scores = _softmax_gradient(_dropped(to_prompts @ prompts[2].mT, kept[0]), of_prompts)
        torch.bmm(scores, prompts[1], out=prompt_gradients[0])
        torch.bmm(scores.mT, prompts[0], out=prompt_gradients[1])
        torch.bmm(in_prompts.mT, to_prompts, out=prompt_gradients[2])

        joined = _joined(slots, to_blocks @ prompts[2].mT, to_own @ own[2].mT)
        scores, own_scores = _parted(slots, _softmax_gradient(_dropped(joined, kept[1]), of_blocks))
        torch.bmm(scores, prompts[1], out=block_gradients[0])
        own_gradients[0].baddbmm_(own_scores, own[1])
        torch.bmm(own_scores.mT, own[0], out=own_gradients[1])
        torch.bmm(of_own.mT, to_own, out=own_gradients[2])
        prompt_gradients[1].baddbmm_(scores.mT, blocks[0])
        prompt_gradients[2].baddbmm_(of_prompt.mT, to_blocks)
        for part in (prompt_gradients, block_gradients):
            part[0].mul_(1 / math.sqrt(line.shape[-1]))
        return slots.empty(found, 3, heads)


def _softmax(scores: Tensor, hidden: Tensor, heads: int, slopes: Tensor | None) -> Tensor:
    """In float32 or wider: in bf16 it takes twice as long on a CPU, and is less exact. slopes are times `hidden`."""
    by_head, hidden = scores.unflatten(0, (-1, heads)), hidden.unsqueeze(-3)
    if slopes is None:
        added = by_head + hidden
    else:
        wide = torch.promote_types(scores.dtype, torch.float32)
        slopes = slopes.to(wide).view(-1, *[1] * (scores.dim() - 1))
        added = torch.addcmul(by_head.to(wide), slopes, hidden.to(wide))
    return torch.softmax(added, -1).to(scores.dtype).flatten(0, 1)


def _softmax_gradient(gradient: Tensor, shares: Tensor) -> Tensor:
    return torch.ops.aten._softmax_backward_data(gradient, shares, -1, shares.dtype)


def _dropped(shares: Tensor, kept: Tensor | None) -> Tensor:
    return shares if kept is None else masked(shares, kept)


def _joined(slots: _Slots, to_prompt: Tensor, to_own: Tensor) -> Tensor:
    """(G, K * L, P) and (G * K, L, L) -> (G, K, L, P + L)."""
    shape = (len(to_prompt), slots.blocks, slots.block_length, -1)
    return torch.cat([to_prompt.view(*shape[:3], slots.prompt_length), to_own.view(*shape[:3], slots.block_length)], -1)


def _parted(slots: _Slots, joined: Tensor) -> tuple[Tensor, Tensor]:
    """The reverse, each copied once: a product would copy what does not lie whole each time."""
    to_prompt, to_own = joined.split([slots.prompt_length, slots.block_length], -1)
    return to_prompt.contiguous().flatten(1, 2), to_own.contiguous().flatten(0, 1)
