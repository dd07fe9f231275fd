"""Exact match of whole scratchpads: by one forward pass, and by letting the model write them."""

from __future__ import annotations

import time
from functools import partial

import torch

from scratchpad.bench.figures import Figure, take_turns
from scratchpad.bench.flops import forward_flops
from scratchpad.bench.generate import write_forced
from scratchpad.bench.workload import Workload
from scratchpad.evaluation.evaluated_model import Subject
from scratchpad.evaluation.teacher_forced import judge_forced
from scratchpad.generation.cache import MODES
from scratchpad.layout.rows import rows


def bench_evaluate(work: Workload) -> list[Figure]:
    """60-bit questions judged a second by one forward pass; the reference is our own generation, with either cache."""
    model = work.fresh_model().eval()
    subject = Subject(model, work.task, work.format, work.vocabulary)

    def forced(turn: int) -> float:
        questions = work.questions(turn)
        start = time.perf_counter()
        judge_forced(subject, work.bits.low, questions)
        return work.batch / (time.perf_counter() - start)

    def generated(cache: str, turn: int) -> float:
        questions = work.questions(turn)
        start = time.perf_counter()
        documents = [subject.document(question) for question in questions]
        written = write_forced(model, work.vocabulary, documents, cache)
        sum(tuple(states) == document.states for states, document in zip(written, documents, strict=True))
        return work.batch / (time.perf_counter() - start)

    ways = {"one forward pass": forced} | {f"cache {cache}": partial(generated, cache) for cache in MODES}
    turns = take_turns(ways, work.turns, torch.float32, work.say, "evaluate")
    (row,) = rows(work.documents()[0])
    flops = forward_flops(model.config, len(work.vocabulary), row)
    return [
        turns.figure(f"evaluate-beside-{cache}", "documents/s", "one forward pass", f"cache {cache}", flops)
        for cache in MODES
    ]
