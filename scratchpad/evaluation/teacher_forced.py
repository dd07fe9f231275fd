"""Exact match in one forward pass. If every teacher-forced argmax is correct, greedy decoding writes the true text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
class _SampleRow:
    """A row of the document of question number `sample`. `first`: the number of the row's first transition."""

    sample: int
    first: int
    row: Row[int]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def blocks(self) -> int:
        return self.row.segments[-1] - PROMPT


def evaluate_teacher_forced(
    evaluated: EvaluatedModel,
    size: int,
    questions: Sequence[Symbols],
    on_count: Callable[[int], None] = lambda count: None,
) -> list[Sample]:
    """Evaluate every state, given the true previous state. The samples have no answer and an empty status.

    on_count: a function that is called after each forward pass with the number of evaluated questions.
    """
    documents = [evaluated.document(question) for question in questions]
    sample_rows = [one for i, document in enumerate(documents) for one in _rows_of(i, document)]
    verdicts: list[dict[int, bool]] = [{} for _ in documents]
    longest = [0] * len(documents)
    rows_done = 0
    for part in micro_batches(sample_rows, _MOST_TOKENS):
        for one, correct in zip(part, _correct_blocks(evaluated, part), strict=True):
            verdicts[one.sample].update(enumerate(correct, one.first))
            longest[one.sample] = max(longest[one.sample], len(one))
        rows_done += len(part)
        on_count(len(questions) * rows_done // len(sample_rows))
    samples = []
    for index, (question, document, verdict) in enumerate(zip(questions, documents, verdicts, strict=True)):
        transitions = tuple(verdict[i] for i in sorted(verdict))
        exact = all(transitions)
        scored = document.states if document.prompt else document.states[1:]
        memory = evaluated.model.position_bytes * longest[index]
        tokens = sum(map(len, scored))
        samples.append(Sample(size, index, question, exact, exact, transitions, tokens, memory_bytes=memory))
    return samples


def _rows_of(sample: int, document: Document[int]) -> list[_SampleRow]:
    longest = max(map(len, document.states))
    budget = max(_ROW_TOKENS, len(document.prompt) + 2 * longest)
    sample_rows, first = [], 0
    for row in rows(document, budget):
        sample_rows.append(_SampleRow(sample, first, row))
        first += sample_rows[-1].blocks
    return sample_rows


@torch.inference_mode()
def _correct_blocks(evaluated: EvaluatedModel, part: Sequence[_SampleRow]) -> list[list[bool]]:
    """Return a list per row, with one bool per transition: whether every argmax of the transition is correct."""
    batch = collate([one.row for one in part]).to(evaluated.model.device)
    scored = batch.targets != NO_TARGET
    chosen = evaluated.model(batch, evaluated.backend, scored).argmax(-1)
    wrong = _wrong_per_block(batch, scored, chosen != batch.targets[scored]).tolist()
    return [[wrong[i][PROMPT + 1 + block] == 0 for block in range(one.blocks)] for i, one in enumerate(part)]


def _wrong_per_block(batch: Batch, scored: Tensor, wrong: Tensor) -> Tensor:
    """Return the number of wrong targets per row and segment. `wrong`: one bool per True in `scored` (B, T)."""
    row, place = torch.nonzero(scored, as_tuple=True)
    counts = wrong.new_zeros(len(scored), int(batch.segments.max()) + 1, dtype=torch.int64)
    # the target of a token is the next token, so the target's segment is at `place + 1`
    return counts.index_put_((row, batch.segments[row, place + 1]), wrong.long(), accumulate=True)
