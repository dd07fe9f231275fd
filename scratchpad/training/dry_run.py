"""A dry run, which measures the size of a model and the tokens and time of a step. It writes nothing."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from scratchpad.config.resolve import ResolvedRun
from scratchpad.training.distributed import ProcessGroup, choose_device
from scratchpad.training.setup import load_start, make_trainer

_TIMED_STEPS = 10


@dataclass(frozen=True)
class DryRun:
    """The size of a run. parameters: the number of parameters of the model. timed: the number of steps that were
    trained to measure `tokens` and `seconds`. tokens: the mean number of tokens in a step. seconds: the median time of
    a step. device: the device of the measurement.
    """

    parameters: int
    timed: int
    tokens: float
    seconds: float
    device: str


def dry_run(run: ResolvedRun, device: str = "auto") -> DryRun:
    """Train the first steps of a run that `measure` returned, and return measurements. Nothing is written.

    Raises ScratchpadError if training would refuse the settings, or if the device does not exist.
    """
    where, train = choose_device(device), run.config.train
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    start = load_start(run)
    trainer = make_trainer(run, Path(), where, ProcessGroup(), lambda line: None)
    if start:
        trainer.load_initial_weights(start)
    seconds, tokens = zip(*trainer.timed_steps(min(_TIMED_STEPS, train.steps)), strict=True)
    parameters = sum(weights.numel() for weights in trainer.model.parameters())
    threads = torch.get_num_threads()
    used = str(where) if where.type == "cuda" else f"{where}, {threads} thread{'s' if threads > 1 else ''}"
    return DryRun(parameters, len(seconds), statistics.mean(tokens), statistics.median(seconds), used)
