"""Benchmark of evaluation: the exact match of whole scratchpads, from one forward pass or from generation."""

from __future__ import annotations

import time
from functools import partial

import torch

from scratchpad.bench.flop_counts import forward_flops
from scratchpad.bench.generate import write_forced
from scratchpad.bench.measurement import Measurement, measure_in_rounds
from scratchpad.bench.parity_workload import Workload
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.generation.cache import MODES
from scratchpad.layout.rows import rows


def bench_evaluate(work: Workload) -> list[Measurement]:
    """Measure questions per second with one forward pass. The reference is generation with each kind of cache."""
    model = work.fresh_model().eval()
    evaluated = EvaluatedModel(model, work.task, work.format, work.vocabulary)

    def forced(round_number: int) -> float:
        questions = work.questions(round_number)
        start = time.perf_counter()
        evaluate_teacher_forced(evaluated, work.bits.low, questions)
        return work.batch / (time.perf_counter() - start)

    def generated(cache: str, round_number: int) -> float:
        questions = work.questions(round_number)
        start = time.perf_counter()
        documents = [evaluated.document(question) for question in questions]
        written = write_forced(model, work.vocabulary, documents, cache)
        sum(tuple(states) == document.states for states, document in zip(written, documents, strict=True))
        return work.batch / (time.perf_counter() - start)

    candidates = {"one forward pass": forced} | {f"cache {cache}": partial(generated, cache) for cache in MODES}
    rates = measure_in_rounds(candidates, work.rounds, torch.float32, work.on_status, "evaluate")
    (row,) = rows(work.documents()[0])
    flops = forward_flops(model.config, len(work.vocabulary), row)
    return [
        rates.measurement(f"evaluate-beside-{cache}", "documents/s", "one forward pass", f"cache {cache}", flops)
        for cache in MODES
    ]
