"""Attention back-ends: who knows which tokens see which, computes attention for the whole batch.

Shapes: N real tokens of a batch (no padding), H heads, D numbers a head, B rows, T tokens of the longest row;
P tokens of the longest prompt, K blocks of the row with most, L tokens of the longest block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.errors import unknown
from scratchpad.layout.batch import dense_mask
from scratchpad.layout.rule import PADDING, PROMPT, sees
from scratchpad.model.config import BACKENDS
from scratchpad.model.dropout import keep_mask

Attention = Callable[[int, Tensor, Tensor, Tensor, float], Tensor]
"""(layer, queries, keys, values, dropout) -> outputs, all (N, H, D). Training ignores the layer; caches need it."""


def attention(backend: str, segments: Tensor) -> Attention:
    """The attention of a batch with these segments (B, T), by the back-end's name."""
    if backend == "dense":
        return DenseAttention(segments)
    if backend == "blocks":
        return BlockAttention(segments)
    raise unknown("attention back-end", backend, BACKENDS)


class DenseAttention:
    """`scaled_dot_product_attention` with the boolean mask of the rule: the reference."""

    def __init__(self, segments: Tensor) -> None:
        self._shape = segments.shape
        self._real = torch.nonzero((segments != PADDING).flatten())[:, 0]
        self._mask = dense_mask(segments)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        out = F.scaled_dot_product_attention(
            self._padded(q), self._padded(k), self._padded(v), attn_mask=self._mask, dropout_p=dropout
        )
        return out.transpose(1, 2).flatten(0, 1)[self._real]

    def _padded(self, x: Tensor) -> Tensor:
        """(N, H, D) -> (B, H, T, D) with zeros at padding."""
        full = x.new_zeros(self._shape.numel(), *x.shape[1:]).index_copy(0, self._real, x)
        return full.view(*self._shape, *x.shape[1:]).transpose(1, 2)


class BlockAttention:
    """The rule without a mask of the row: prompts attend to themselves, blocks to the prompt and to themselves.

    Tokens are gathered into (B, P) prompts and (B, K, L) blocks. Every block's queries meet the same P prompt keys, so
    these are one dense product a row; a block's own keys are an (L, L) product. One softmax spans both.
    """

    def __init__(self, segments: Tensor) -> None:
        self._slots = _Slots(segments)
        self._hidden_to_prompts, self._hidden_to_blocks = _hidden(self._slots)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor, dropout: float) -> Tensor:
        s, (heads, size) = self._slots, q.shape[1:]
        joined = _Rearrange.apply(torch.stack([q / math.sqrt(size), k, v], 1), s, True)
        in_prompt, in_block = joined.split([s.rows * s.prompt_length, s.rows * s.blocks * s.block_length])
        qp, kp, vp = in_prompt.view(s.rows, s.prompt_length, 3, heads, size).permute(2, 0, 3, 1, 4)
        qb, kb, vb = in_block.view(s.rows, s.blocks, s.block_length, 3, heads, size).permute(3, 0, 4, 1, 2, 5)

        own = qp @ kp.mT
        shares = _MaskedSoftmax.apply(own.new_empty(*own.shape[:-1], 0), own, self._hidden_to_prompts, dropout)
        from_prompt = (shares @ vp).permute(0, 2, 1, 3).reshape(-1, heads, size)

        to_prompt = (qb.flatten(2, 3) @ kp.mT).unflatten(2, (s.blocks, s.block_length))
        shares = _MaskedSoftmax.apply(to_prompt, qb @ kb.mT, self._hidden_to_blocks, dropout)
        of_prompt, of_own = shares.split([s.prompt_length, s.block_length], -1)
        mixed = (of_prompt.flatten(2, 3) @ vp).unflatten(2, (s.blocks, s.block_length)) + of_own @ vb
        from_blocks = mixed.permute(0, 2, 3, 1, 4).reshape(-1, heads, size)
        return _Rearrange.apply(torch.cat([from_prompt, from_blocks]), s, False)


class _Slots:
    """Where each token of a batch stands when prompts are (B, P) and blocks (B, K, L), both padded at the end."""

    def __init__(self, segments: Tensor) -> None:
        real, in_prompt = segments != PADDING, segments == PROMPT
        token = torch.cumsum(real.flatten(), 0).view(real.shape) - 1
        self.prompt_lengths = in_prompt.sum(1)
        self.rows, self.prompt_length = segments.shape[0], int(self.prompt_lengths.max())
        prompt_row, prompt_place = torch.nonzero(in_prompt, as_tuple=True)
        row, column = torch.nonzero(real & ~in_prompt, as_tuple=True)
        block, place = segments[row, column] - 1, _places(row, segments[row, column])
        self.blocks, self.block_length = _size(block), _size(place)

        all_prompts = self.rows * self.prompt_length
        slot = torch.cat([
            prompt_row * self.prompt_length + prompt_place,
            all_prompts + (row * self.blocks + block) * self.block_length + place,
        ])  # fmt: skip
        token = torch.cat([token[prompt_row, prompt_place], token[row, column]])
        count = all_prompts + self.rows * self.blocks * self.block_length
        self._token_of_slot = slot.new_zeros(count).index_copy(0, slot, token)
        self._slot_of_token = torch.empty_like(slot).index_copy(0, token, slot)
        self._unfilled = torch.nonzero(slot.new_ones(count).index_fill(0, slot, 0))[:, 0]

    def fill(self, x: Tensor) -> Tensor:
        """(N, ...) tokens -> (slots, ...), zeros in padding."""
        return x.index_select(0, self._token_of_slot).index_fill_(0, self._unfilled, 0)

    def empty(self, x: Tensor) -> Tensor:
        """(slots, ...) -> (N, ...) tokens."""
        return x.index_select(0, self._slot_of_token)


def _size(places: Tensor) -> int:
    """How many places there are, the last one given; 0 where no token has one."""
    return int(places.max()) + 1 if len(places) else 0


def _places(row: Tensor, block: Tensor) -> Tensor:
    """The place of each block token within its block, for tokens in reading order."""
    index = torch.arange(len(row), device=row.device)
    begins = torch.ones_like(row, dtype=torch.bool)
    begins[1:] = (row[1:] != row[:-1]) | (block[1:] != block[:-1])
    return index - torch.cummax(torch.where(begins, index, 0), 0).values


def _hidden(slots: _Slots) -> tuple[Tensor, Tensor]:
    """What is not seen: (P, P) by prompt tokens, (B or 1, 1, 1, L, P + L) by block tokens (the same for all blocks)."""
    lengths = slots.prompt_lengths
    prompt = torch.arange(slots.prompt_length, device=lengths.device)
    own = torch.arange(slots.block_length, device=lengths.device)
    same = torch.zeros((), dtype=torch.int64, device=lengths.device)
    by_prompt = ~sees(same, same, prompt[:, None], prompt[None, :])
    own_hidden = ~sees(same, same, own[:, None], own[None, :])
    ragged = bool((lengths != slots.prompt_length).any())
    padding = prompt >= lengths[:, None] if ragged else prompt[None] < 0
    shape = (len(padding), 1, 1, slots.block_length, -1)
    return by_prompt, torch.cat([padding[:, None, None, None, :].expand(shape), own_hidden.expand(shape)], -1)


class _Rearrange(torch.autograd.Function):
    """Tokens to slots, or back. Each real token has one slot, so the gradient is the reverse gather: no scattering."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slots: _Slots, to_slots: bool) -> Tensor:
        ctx.slots, ctx.to_slots = slots, to_slots
        return slots.fill(x) if to_slots else slots.empty(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        back = ctx.slots.empty if ctx.to_slots else ctx.slots.fill
        return back(gradients[0]), None, None


class _MaskedSoftmax(torch.autograd.Function):
    """Softmax over the joined scores of prompt and own keys with hidden ones left out, then dropout.

    One function, so that of all the steps between the two matrix products only the shares and what was kept are saved.
    """

    @staticmethod
    def forward(ctx: Any, to_prompt: Tensor, to_own: Tensor, hidden: Tensor, dropout: float) -> Tensor:
        with torch.autocast(to_own.device.type, enabled=False):
            scores = torch.cat([to_prompt, to_own], -1).masked_fill_(hidden, -math.inf)
            shares = torch.softmax(scores, -1)
        ctx.prompts, ctx.scale, kept = to_prompt.shape[-1], 1.0, None
        if dropout and shares.device.type == "cpu":
            kept, ctx.scale = keep_mask(shares.shape, dropout)
        elif dropout:
            kept, ctx.scale = torch.rand_like(shares, dtype=torch.float32) >= dropout, 1 / (1 - dropout)
        ctx.save_for_backward(shares, kept)
        return shares if kept is None else (shares * kept).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        shares, kept = ctx.saved_tensors
        gradient = gradients[0] if kept is None else (gradients[0] * kept).mul_(ctx.scale)
        gradient = torch.ops.aten._softmax_backward_data(gradient.contiguous(), shares, -1, shares.dtype)
        return gradient[..., : ctx.prompts], gradient[..., ctx.prompts :], None, None
