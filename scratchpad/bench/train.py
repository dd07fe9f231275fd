"""Steps of training: forward, backward, clipping and the optimiser."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from scratchpad.bench.figures import Figure, Way, take_turns
from scratchpad.bench.flops import TRAINING, forward_flops
from scratchpad.bench.workload import Workload
from scratchpad.layout.batch import Batch, collate, micro_batches
from scratchpad.layout.rows import rows
from scratchpad.model.transformer import Transformer
from scratchpad.tasks.document import Document
from scratchpad.train.config import TrainConfig
from scratchpad.train.loss import count_targets, summed_loss
from scratchpad.train.optimiser import make_optimiser

MICRO_TOKENS = 8192
"""Tokens of one forward pass of ours, and of the public way its padded rows: for each what was fastest on a CPU."""
MICRO_ROWS = 2
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}

Forward = Callable[[], Tensor]
"""The forward pass of one micro-batch: its share of the step's loss."""
Prepare = Callable[[Sequence[Document[int]]], list[Forward]]


def bench_train(work: Workload, precision: str) -> Figure:
    """Documents a second, with the preset's dropout. Drawing documents and laying them out is not counted."""
    model = work.fresh_model().train()
    ways = {"ours": _way(work, model, partial(_our_forwards, model), precision)}
    if work.public:
        public = work.public_model(model).train()
        ways["the public way"] = _way(work, public, partial(_public_forwards, work, public), precision)
    turns = take_turns(ways, work.turns, PRECISIONS[precision], work.say, f"train {precision}")
    laid_out = [rows(document)[0] for turn in range(work.turns) for document in work.documents(turn)]
    flops = sum(forward_flops(model.config, len(work.vocabulary), row) for row in laid_out) / len(laid_out)
    return turns.figure(f"train-{precision}", "documents/s", "ours", "the public way", TRAINING * flops)


def _way(work: Workload, model: nn.Module, prepare: Prepare, precision: str) -> Way:
    """One step of training a turn, the same for both models but for the forward passes."""
    config = TrainConfig()
    optimiser = make_optimiser(model, config)

    def step(turn: int) -> float:
        forwards = prepare(work.documents(turn))
        start = time.perf_counter()
        for forward in forwards:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                loss = forward()
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return work.batch / (time.perf_counter() - start)

    return step


def _our_forwards(model: Transformer, documents: Sequence[Document[int]]) -> list[Forward]:
    laid_out = [row for document in documents for row in rows(document)]
    batches = [collate(part) for part in micro_batches(laid_out, MICRO_TOKENS)]
    return [partial(_our_share, model, batch, count_targets(batches)) for batch in batches]


def _our_share(model: Transformer, batch: Batch, targets: int) -> Tensor:
    return summed_loss(model, batch) / targets


def _public_forwards(work: Workload, model: nn.Module, documents: Sequence[Document[int]]) -> list[Forward]:
    assert work.public is not None
    tokens, targets = work.public.pack(documents)
    parts = list(zip(tokens.split(MICRO_ROWS), targets.split(MICRO_ROWS), strict=True))
    return [partial(_public_share, model, *part, len(parts)) for part in parts]


def _public_share(model: nn.Module, tokens: Tensor, targets: Tensor, parts: int) -> Tensor:
    return model(tokens, targets) / parts
