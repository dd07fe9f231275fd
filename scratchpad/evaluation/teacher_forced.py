"""Exact match by one forward pass: greedy decoding is exactly right where every argmax under teacher forcing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scratchpad.evaluation.evaluated_model import EvaluatedModel, Sample
from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.batch import NO_TARGET, Batch, collate, micro_batches
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import Document

_MOST_TOKENS = 16_384
_ROW_TOKENS = 4_096


@dataclass(frozen=True)
class _Piece:
    """A row of a sample's document; its blocks are the transitions from number `first` on."""

    sample: int
    first: int
    row: Row[int]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def blocks(self) -> int:
        return self.row.segments[-1] - PROMPT


def evaluate_teacher_forced(evaluated: EvaluatedModel, size: int, questions: Sequence[Symbols]) -> list[Sample]:
    """Judge every state given the true one before it. Nothing is generated: answers and statuses stay empty."""
    documents = [evaluated.document(question) for question in questions]
    pieces = [piece for i, document in enumerate(documents) for piece in _pieces(i, document)]
    verdicts: list[dict[int, bool]] = [{} for _ in documents]
    longest = [0] * len(documents)
    for part in micro_batches(pieces, _MOST_TOKENS):
        for piece, right in zip(part, _right_blocks(evaluated, part), strict=True):
            verdicts[piece.sample].update(enumerate(right, piece.first))
            longest[piece.sample] = max(longest[piece.sample], len(piece))
    samples = []
    for index, (question, document, verdict) in enumerate(zip(questions, documents, verdicts, strict=True)):
        transitions = tuple(verdict[i] for i in sorted(verdict))
        exact = all(transitions)
        scored = document.states if document.prompt else document.states[1:]
        memory = evaluated.model.position_bytes * longest[index]
        tokens = sum(map(len, scored))
        samples.append(Sample(size, index, question, exact, exact, transitions, tokens, memory_bytes=memory))
    return samples


def _pieces(sample: int, document: Document[int]) -> list[_Piece]:
    longest = max(map(len, document.states))
    budget = max(_ROW_TOKENS, len(document.prompt) + 2 * longest)
    pieces, first = [], 0
    for row in rows(document, budget):
        pieces.append(_Piece(sample, first, row))
        first += pieces[-1].blocks
    return pieces


@torch.inference_mode()
def _right_blocks(evaluated: EvaluatedModel, part: Sequence[_Piece]) -> list[list[bool]]:
    """For each row, for each of its blocks: whether all its targets are the model's first choice."""
    batch = collate([piece.row for piece in part]).to(evaluated.model.device)
    scored = batch.targets != NO_TARGET
    chosen = evaluated.model(batch, evaluated.backend, scored).argmax(-1)
    wrong = _wrong_per_block(batch, scored, chosen != batch.targets[scored]).tolist()
    return [[wrong[i][PROMPT + 1 + block] == 0 for block in range(piece.blocks)] for i, piece in enumerate(part)]


def _wrong_per_block(batch: Batch, scored: Tensor, wrong: Tensor) -> Tensor:
    """(B, blocks + 1) counts of wrong targets. A target belongs to the block of the token it names, the next one."""
    row, place = torch.nonzero(scored, as_tuple=True)
    counts = wrong.new_zeros(len(scored), int(batch.segments.max()) + 1, dtype=torch.int64)
    return counts.index_put_((row, batch.segments[row, place + 1]), wrong.long(), accumulate=True)
