"""Benchmark of tracing short programs. A running server forks a new process for each program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from scratchpad.bench.measurement import Measurement, measure_in_rounds
from scratchpad.bench.parity_workload import Workload
from scratchpad.errors import RunFailure
from scratchpad.programs import Isolation, Runner
from scratchpad.tasks.programs import Programs

_ISOLATIONS: tuple[Isolation, ...] = ("namespaces", "hooks")


def bench_trace(work: Workload) -> Iterator[Measurement]:
    """Measure how many runs of the paper's program fit in a second of processor time, for each kind of isolation.

    The time includes this process and its descendants, but not the start of the server.
    """
    with ExitStack() as stack:
        candidates: dict[str, Callable[[int], float]] = {}
        for isolation in _ISOLATIONS:
            try:
                runner = stack.enter_context(Runner(isolation=isolation))
            except RunFailure as refused:
                work.on_status(str(refused))
            else:
                candidates[isolation] = partial(_rate, runner, work.batch)
        rates = measure_in_rounds(candidates, work.rounds, torch.float32, work.on_status, "trace")
    for isolation in candidates:
        yield rates.measurement(f"trace-{isolation}", "programs/s/core", isolation, reference="none")


def _rate(runner: Runner, count: int, round_number: int) -> float:
    task = Programs()
    program = "".join(task.parse(task.examples[0][0]))
    begin = _processor_seconds()
    for _ in range(count):
        trace = runner.run(program)
        assert trace.output == 24, trace.status
    return count / (_processor_seconds() - begin)


def _processor_seconds() -> float:
    """Return the processor time, in seconds, of this process and its running and ended descendants."""
    return time.process_time() + sum(map(_ticks, _descendants(os.getpid()))) / os.sysconf("SC_CLK_TCK")


def _descendants(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [number for child in map(int, children) for number in (child, *_descendants(child))]


def _ticks(process: int) -> int:
    """Return the processor time, in clock ticks, of a process and its ended children (man proc_pid_stat)."""
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
