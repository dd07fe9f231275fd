"""Benchmark of training data: the speed at which documents of parity become batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

from scratchpad.bench.measurement import PUBLIC, Measurement, measure_in_rounds
from scratchpad.bench.parity_workload import Workload
from scratchpad.config.schema import TrainConfig
from scratchpad.training.data import StepData

_STEPS = 8  # training steps per round, which take a few tenths of a second


def bench_data(work: Workload) -> Measurement:
    """Measure documents per second of processor time, without background workers.

    Other processes do not affect the processor time. The public implementation draws the same documents and pads them
    to a fixed size. Attention masks are not included, because both implementations make them in the training step.
    """
    config = TrainConfig(seed=work.seed, batch=work.batch)
    data = StepData(work.task, work.format, work.vocabulary, config, context=None)

    def rate(make_step: Callable[[int], object], round_number: int) -> float:
        start = time.process_time()
        for step in range(round_number * _STEPS, (round_number + 1) * _STEPS):
            make_step(step)
        return _STEPS * work.batch / (time.process_time() - start)

    candidates = {"ours": partial(rate, data.__getitem__)}
    if public := work.public:
        candidates[PUBLIC] = partial(rate, lambda step: public.pack(work.documents(step)))
    rates = measure_in_rounds(candidates, work.rounds, torch.float32, work.on_status, "data")
    return rates.measurement("data", "documents/s/core", "ours", PUBLIC)
