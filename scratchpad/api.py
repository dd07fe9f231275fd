"""The functions that `import scratchpad as sp` offers: `task`, `documents`, `train` and `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import format_named

if TYPE_CHECKING:
    from scratchpad.config.schema import RunConfig
    from scratchpad.evaluation.metrics import Score
    from scratchpad.run import Run
    from scratchpad.training.trainer import OnMetrics


def task(name: str, **settings: Any) -> Task:
    """Return a built-in task, as in `task("parity", bits="1-30")`. Raises ScratchpadError if a name is unknown."""
    return task_named(name, settings)


def documents(
    of: Task, format: str = "inductive", n: int = 1, seed: int = 0, split: str = "train", start: int = 0
) -> Iterator[Document[str]]:
    """Yield n documents of a task. `start` is the index of the first document in the split."""
    written = format_named(format)
    for _, question in draws(of, seed, split, start, n):
        yield written.write(of, question)


def train(
    config: RunConfig,
    out: str | Path | None = None,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    on_metrics: OnMetrics | None = None,
) -> Run:
    """Train a run in the folder `out` (default: runs/TASK-FORMAT). `scratchpad.training.setup.train` has details."""
    from scratchpad.training.setup import train as start

    folder = out or Path("runs") / f"{config.task.name}-{config.task.format}"
    return start(config, folder, device, resume, force, on_metrics=on_metrics or (lambda line: None))


def evaluate(run: Run, sizes: Sequence[int] = (), n: int = 1000, method: str = "forced", seed: int = 0) -> list[Score]:
    """Evaluate n test questions per size and save the results.

    method: `forced` (one forward pass over the correct document) or `free` (the model generates its answer).
    """
    return run.evaluate(sizes, n, method, seed)
