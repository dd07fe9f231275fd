"""Where the tokens of one state attend, in every layer and head of a trained model.

Back-ends do not keep the weights of attention, so these are computed anew for a single row: the prompt, the state
before and the state itself, each token seeing what the rule lets it see.
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
from scratchpad.models.positions import Reach
from scratchpad.tasks.base import Symbols


@dataclass(frozen=True)
class AttentionMap:
    """state: its number in the chain, from 1 on. tokens: of the row; prompt: how many of them are the prompt's;
    scored: which of them are the state's own.

    weights: (layers, heads, own tokens, row), how the token before each own one looks back when it is to be written.
    Each sums to 1 over the row.
    """

    state: int
    tokens: Symbols
    prompt: int
    scored: tuple[bool, ...]
    weights: Tensor

    def to_json(self) -> dict[str, Any]:
        """All of it, the weights to a millionth."""
        weights = self.weights.double().round(decimals=6).tolist()
        return {**dataclasses.asdict(self), "weights": weights}


def attention_of(evaluated: EvaluatedModel, question: Symbols, state: int = 2) -> AttentionMap:
    """The weights of one transition of a question, given its true states. ScratchpadError where it has no such one."""
    evaluated.document(question)  # whether the model has positions enough for it
    document = evaluated.format.write(evaluated.task, question)
    made = rows(document, "split")
    given = len(document.states) - len(made)
    if not given < state <= len(document.states):
        raise ScratchpadError(
            f"state {state} is not one that the model writes: this question has {given + 1} to {len(document.states)}"
        )
    row = made[state - 1 - given]
    before = torch.tensor([place - 1 for place, scored in enumerate(row.scored) if scored])
    weights = _weights(evaluated, row)[:, :, before]
    return AttentionMap(state, tuple(row.tokens), len(document.prompt), tuple(row.scored), weights)


@torch.inference_mode()
def _weights(evaluated: EvaluatedModel, row: Row[str]) -> Tensor:
    """(layers, heads, T, T) of a row in full precision."""
    numbers = Row(list(evaluated.vocabulary.encode(row.tokens)), row.positions, row.segments, row.scored)
    batch = collate([numbers]).to(evaluated.model.device)
    reach = evaluated.model.reach or Reach()
    watch = _Watch(reach.mask(batch.mask(), distances(batch.positions), torch.float32)[0])
    evaluated.model.hidden(batch.tokens[0], batch.positions[0], watch)
    return torch.stack(watch.seen).cpu()


class _Watch:
    """Attention of one row (no padding) that keeps its weights."""

    def __init__(self, mask: Tensor) -> None:
        self._mask = mask  # (1 or heads, T, T), bools or what is added
        self.seen: list[Tensor] = []

    def __call__(self, layer: int, qkv: Tensor, dropout: float) -> Tensor:
        q, k, v = (part.transpose(0, 1) for part in qkv.unbind(1))  # (H, T, D)
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        bools = self._mask.dtype == torch.bool
        scores = scores.masked_fill(~self._mask, -math.inf) if bools else scores + self._mask
        self.seen.append(scores.softmax(-1))
        return (self.seen[-1] @ v).transpose(0, 1)
