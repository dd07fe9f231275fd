"""The back-end `blocks`: the attention rule in a few dense products per row, without a T x T mask.

A prompt attends causally to itself. A block (a copy of the previous state, then a state) attends to the prompt and
causally to itself. So one product gives the scores of a row's blocks for the prompt's keys. A small product per block
gives the scores for the block's own keys. One softmax covers all scores. A row with at most one block has plain causal
attention.

Shapes: N real tokens of a batch (no padding), H query heads, KV heads of keys and of values, R = H / KV query heads per
key head, J = H + 2 KV, D numbers per head, B rows, G = B * KV, P tokens in the longest prompt, K blocks in the row with
the most blocks, L tokens in the longest block.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from scratchpad.layout.attention_rule import PADDING
from scratchpad.models.attention.block_slots import BlockSlots
from scratchpad.models.attention.padded_rows import PaddedRows, attend_causally, is_causal
from scratchpad.models.dropout import draw_kept, masked
from scratchpad.models.positions import Reach

_GROUP_TOKENS = 2048
"""The approximate number of tokens per product on a CPU. Small groups fit into its caches and need less padding."""


class BlockAttention:
    """Attention of a batch with segments (B, T). On a CPU, rows are processed and padded in small groups."""

    def __init__(self, segments: Tensor, reach: Reach | None = None) -> None:
        lengths = (segments != PADDING).sum(1)
        group = (lengths.cumsum(0) - 1) // _GROUP_TOKENS * (segments.device.type == "cpu")
        sizes = torch.unique_consecutive(group, return_counts=True)[1].tolist()
        parts = list(zip(segments.split(sizes), lengths.split(sizes), strict=True))
        self._groups = [_Group(rows[:, : int(own.max())], reach) for rows, own in parts]
        self._tokens = [int(own.sum()) for _, own in parts]

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        parts = zip(qkv.split(self._tokens), self._groups, strict=True)
        return torch.cat([group.attend(part, kv_heads, dropout) for part, group in parts])


class _Group:
    """Rows with segments (B, T) that are computed in the same products."""

    def __init__(self, segments: Tensor, reach: Reach | None) -> None:
        self._segments, self._reach = segments, reach
        self._is_causal = reach is None and is_causal(segments)

    def attend(self, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        if self._is_causal and not dropout:
            return attend_causally(qkv, kv_heads, self._rows)
        biases = self._slots.biases(kv_heads, qkv.dtype)
        return _Attend.apply(qkv, *biases, self._slots, kv_heads, dropout)

    @cached_property
    def _rows(self) -> PaddedRows:
        return PaddedRows(self._segments)

    @cached_property
    def _slots(self) -> BlockSlots:
        return BlockSlots(self._segments, self._reach)


class _Attend(torch.autograd.Function):
    """Attention (N, J, D) -> (N, H, D), with dropout of attention weights and a hand-written gradient.

    Forward: scores S = Q K^T / sqrt(D) + bias, weights A = softmax(S), A' = A after dropout, output O = A' V.
    Prompts use the prompt's keys. Blocks use the prompt's keys and their own keys, which are elsewhere in memory. So
    every product for blocks is two products, whose scores are joined before the softmax and whose outputs are added.

    Backward, from dO: dV = A'^T dO, dA = dO V^T with the same dropout, dS = A * (dA - sum(A * dA)), dQ = dS K,
    dK = dS^T Q. dbias is dS, summed over the axes along which the bias was broadcast. Prompts and blocks both use the
    prompt's keys and values, so the gradients from both are added.

    The gradient is written by hand because autograd would save all scores and copy operands between products. This code
    saves only the vectors in their slots (queries already divided by sqrt(D)), A, A' and the dropout masks.
    """

    @staticmethod
    def forward(
        ctx: Any, qkv: Tensor, prompt_bias: Tensor, block_bias: Tensor, slots: BlockSlots, kv_heads: int, dropout: float
    ) -> Tensor:
        with torch.autocast(qkv.device.type, enabled=False):
            shared = qkv.shape[1] // kv_heads - 2  # R
            inputs, outputs = slots.layout(kv_heads, (shared, 1, 1)), slots.layout(kv_heads, (shared,))
            vectors = inputs.fill(qkv)
            q, k, v = inputs.views(vectors)
            for queries in (q.prompt, q.blocks):
                queries.mul_(1 / math.sqrt(qkv.shape[2]))
            prompt_scores = q.prompt @ k.prompt.mT  # (G, R * P, P)
            in_prompts = _softmax(prompt_scores.view(inputs.prompt_scores), prompt_bias)  # (B, H, P, P)
            block_scores = inputs.join(q.blocks @ k.prompt.mT, q.own @ k.own.mT)
            in_blocks = _softmax(block_scores, block_bias)  # (B, KV, K, R, L, P + L)
            kept, ctx.scale = (None, None), 1.0
            if dropout:
                kept, (ctx.scale, _) = zip(*(draw_kept(x, dropout) for x in (in_prompts, in_blocks)), strict=True)
            used_in_prompts = _drop(in_prompts, kept[0]).view_as(prompt_scores)
            used = (used_in_prompts, *inputs.part(_drop(in_blocks, kept[1])))
            ctx.layouts = inputs, outputs
            ctx.save_for_backward(vectors, in_prompts, in_blocks, *used, *kept, prompt_bias, block_bias)

            mixed = vectors.new_empty(outputs.size, qkv.shape[2])
            (out,) = outputs.views(mixed)
            used_in_prompts, used_of_prompt, used_of_own = used
            torch.bmm(used_in_prompts, v.prompt, out=out.prompt)  # (G, R * P, D)
            torch.bmm(used_of_prompt, v.prompt, out=out.blocks)  # (G, K * R * L, D)
            out.own.baddbmm_(used_of_own, v.own)  # (G * K, R * L, D)
            return outputs.empty(mixed).mul_(ctx.scale)

    @staticmethod
    @once_differentiable  # second derivatives would be wrong, so torch must refuse them
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the decorator's own types
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        with torch.autocast(gradients[0].device.type, enabled=False):
            return *_Attend._gradients(ctx, gradients[0]), None, None, None

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the gradient of qkv (N, J, D), and the gradient of each bias that is learned."""
        vectors, in_prompts, in_blocks, used_in_prompts, used_of_prompt, used_of_own, *rest = ctx.saved_tensors
        kept_in_prompts, kept_in_blocks, prompt_bias, block_bias = rest
        inputs, outputs = ctx.layouts
        q, k, v = inputs.views(vectors)
        (d_out,) = outputs.views(outputs.fill(gradient * ctx.scale))
        d_vectors = torch.empty_like(vectors)
        d_q, d_k, d_v = inputs.views(d_vectors)

        d_weights = _drop((d_out.prompt @ v.prompt.mT).view_as(in_prompts), kept_in_prompts)
        d_prompt_scores = _softmax_gradient(d_weights, in_prompts)  # (B, H, P, P)
        d_scores = d_prompt_scores.view_as(used_in_prompts)  # (G, R * P, P)
        torch.bmm(d_scores, k.prompt, out=d_q.prompt)
        torch.bmm(d_scores.mT, q.prompt, out=d_k.prompt)
        torch.bmm(used_in_prompts.mT, d_out.prompt, out=d_v.prompt)

        d_weights = _drop(inputs.join(d_out.blocks @ v.prompt.mT, d_out.own @ v.own.mT), kept_in_blocks)
        d_block_scores = _softmax_gradient(d_weights, in_blocks)  # (B, KV, K, R, L, P + L)
        d_scores, d_own_scores = inputs.part(d_block_scores)  # (G, K * R * L, P), (G * K, R * L, L)
        torch.bmm(d_scores, k.prompt, out=d_q.blocks)
        d_q.own.baddbmm_(d_own_scores, k.own)
        torch.bmm(d_own_scores.mT, q.own, out=d_k.own)
        torch.bmm(used_of_own.mT, d_out.own, out=d_v.own)
        d_k.prompt.baddbmm_(d_scores.mT, q.blocks)
        d_v.prompt.baddbmm_(used_of_prompt.mT, d_out.blocks)
        for part in (d_q.prompt, d_q.blocks):
            part.mul_(1 / math.sqrt(vectors.shape[1]))
        _, prompts_learn, blocks_learn, *_ = ctx.needs_input_grad
        d_prompt_bias = _summed_to(prompt_bias, d_prompt_scores) if prompts_learn else None
        d_block_bias = _summed_to(block_bias, d_block_scores) if blocks_learn else None
        return inputs.empty(d_vectors), d_prompt_bias, d_block_bias


def _softmax(scores: Tensor, bias: Tensor) -> Tensor:
    """Return softmax(scores + bias). The bias is float32 or wider, because bf16 is less exact and slower on a CPU."""
    return torch.softmax(scores + bias, -1).to(scores.dtype)


def _softmax_gradient(gradient: Tensor, weights: Tensor) -> Tensor:
    return torch.ops.aten._softmax_backward_data(gradient, weights, -1, weights.dtype)


def _summed_to(bias: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient of a bias: the scores' gradient, summed over the axes along which the bias was broadcast."""
    return gradient.to(bias.dtype).sum_to_size(bias.shape)


def _drop(weights: Tensor, kept: Tensor | None) -> Tensor:
    return weights if kept is None else masked(weights, kept)
