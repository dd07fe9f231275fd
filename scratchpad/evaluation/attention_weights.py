"""The attention weights of one state's tokens, in every layer and head of a trained model.

Attention back-ends do not return the attention weights. This module therefore computes the weights again, for one row
of tokens: the prompt, the previous state and the state.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.layout.batch import collate, distances
from scratchpad.layout.rows import Row, rows
from scratchpad.models.attention.padded_rows import split_heads
from scratchpad.models.positions import Reach
from scratchpad.tasks.base import Symbols


@dataclass(frozen=True)
class AttentionMap:
    """The attention weights of one state.

    `state`: the number of the state in its chain, from 1. `tokens`: the T tokens that the model reads. `prompt`: the
    number of prompt tokens. `scored`: (T,), True for the S tokens of the state. `weights`: (layers, heads, S, T), the
    weights at the positions that predict the S tokens. The weights sum to 1 over T.
    """

    state: int
    tokens: Symbols
    prompt: int
    scored: tuple[bool, ...]
    weights: Tensor

    def to_json(self) -> dict[str, Any]:
        """Return all fields. The weights are rounded to 6 decimals."""
        weights = self.weights.double().round(decimals=6).tolist()
        return {**dataclasses.asdict(self), "weights": weights}


def attention_of(evaluated: EvaluatedModel, question: Symbols, state: int = 2) -> AttentionMap:
    """Return the attention weights of state `state`. Raises ScratchpadError if the model does not write this state."""
    evaluated.document(question)  # raises ScratchpadError if the model has too few positions
    document = evaluated.format.write(evaluated.task, question)
    made = rows(document, "split")
    given = len(document.states) - len(made)
    if not given < state <= len(document.states):
        raise ScratchpadError(
            f"state {state} is not possible: the model writes states {given + 1} to {len(document.states)} here."
        )
    row = made[state - 1 - given]
    before = torch.tensor([place - 1 for place, scored in enumerate(row.scored) if scored])
    weights = _weights(evaluated, row)[:, :, before]
    return AttentionMap(state, tuple(row.tokens), len(document.prompt), tuple(row.scored), weights)


@torch.inference_mode()
def _weights(evaluated: EvaluatedModel, row: Row[str]) -> Tensor:
    """Return the attention weights of a row of T tokens, with shape (layers, heads, T, T)."""
    numbers = Row(list(evaluated.vocabulary.encode(row.tokens)), row.positions, row.segments, row.scored)
    batch = collate([numbers]).to(evaluated.model.device)
    reach = evaluated.model.reach or Reach()
    attend = _RecordingAttention(reach.mask(batch.mask(), distances(batch.positions), torch.float32)[0])
    evaluated.model.hidden(batch.tokens[0], batch.positions[0], attend)
    return torch.stack(attend.weights).cpu()


class _RecordingAttention:
    """Dense attention over one row without padding. It stores the attention weights of every layer."""

    def __init__(self, mask: Tensor) -> None:
        self._mask = mask  # (1 or H, T, T): booleans, or a bias that is added to the scores
        self.weights: list[Tensor] = []  # (H, T, T) per layer

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        q, *kv = (part.transpose(0, 1) for part in split_heads(qkv, kv_heads))  # (H, T, D), (KV, T, D), (KV, T, D)
        k, v = (part.repeat_interleave(len(q) // kv_heads, 0) for part in kv)
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        is_bool = self._mask.dtype == torch.bool
        scores = scores.masked_fill(~self._mask, -math.inf) if is_bool else scores + self._mask
        self.weights.append(scores.softmax(-1))
        return (self.weights[-1] @ v).transpose(0, 1)  # (T, H, D)
