"""Benchmark of training steps: forward pass, backward pass, gradient clipping and optimizer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from scratchpad.bench.flop_counts import TRAINING, forward_flops
from scratchpad.bench.measurement import PUBLIC, Measurement, RateFunction, measure_in_rounds
from scratchpad.bench.parity_workload import Workload
from scratchpad.config.schema import TrainConfig
from scratchpad.layout.batch import Batch
from scratchpad.layout.rows import rows
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document
from scratchpad.training.data import step_batches
from scratchpad.training.gradients import WorkerThreads, set_gradients, worker_thread_count
from scratchpad.training.loss import count_targets, summed_loss
from scratchpad.training.optimizer import make_optimizer

MICRO_TOKENS = 8192
"""The number of tokens per forward pass in our training, chosen for speed on a CPU."""
MICRO_ROWS = 2
"""The number of padded rows per forward pass in the public implementation, chosen for speed on a CPU."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

Backward = Callable[[], object]
"""A function that computes all gradients of a training step."""
Prepare = Callable[[Sequence[Document[int]]], Backward]
"""A function that makes the batches of a step (not timed). It returns the function that computes the gradients."""


def bench_train(work: Workload, precision: str) -> Measurement:
    """Measure documents per second, with the dropout of the preset. The making of batches is not timed."""
    model = work.fresh_model().train()
    threads = WorkerThreads(worker_thread_count(model.device, "blocks"))
    candidates = {"ours": _training_rate(work, model, partial(_our_backward, model, threads, precision))}
    if work.public:
        public = work.public_model(model).train()
        candidates[PUBLIC] = _training_rate(work, public, partial(_public_backward, work, public, precision))
    rates = measure_in_rounds(candidates, work.rounds, PRECISIONS[precision], work.on_status, f"train {precision}")
    laid_out = [rows(document)[0] for round_number in range(work.rounds) for document in work.documents(round_number)]
    flops = sum(forward_flops(model.config, len(work.vocabulary), row) for row in laid_out) / len(laid_out)
    return rates.measurement(f"train-{precision}", "documents/s", "ours", PUBLIC, TRAINING * flops)


def _training_rate(work: Workload, model: nn.Module, prepare: Prepare) -> RateFunction:
    """Return a function that times one training step per round. `prepare` makes the batches before the clock starts."""
    config = TrainConfig()
    optimizer = make_optimizer(model, config)

    def step(round_number: int) -> float:
        backward = prepare(work.documents(round_number))
        start = time.perf_counter()
        backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return work.batch / (time.perf_counter() - start)

    return step


def _our_backward(
    model: Transformer, threads: WorkerThreads, precision: str, documents: Sequence[Document[int]]
) -> Backward:
    laid_out = [row for document in documents for row in rows(document)]
    batches = step_batches(laid_out, MICRO_TOKENS, threads.count)
    targets = count_targets(batches)

    def batch_loss(batch: Batch) -> Tensor:
        with _autocast(precision):
            return summed_loss(model, batch) / targets

    return partial(set_gradients, model, batches, batch_loss, threads)


def _public_backward(work: Workload, model: nn.Module, precision: str, documents: Sequence[Document[int]]) -> Backward:
    assert work.public is not None
    parts = [part.split(MICRO_ROWS) for part in work.public.pack(documents)]

    def backward() -> None:
        for tokens, targets in zip(*parts, strict=True):
            with _autocast(precision):
                loss = model(tokens, targets) / len(parts[0])
            loss.backward()

    return backward


def _autocast(precision: str) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
