"""The functions of `import scratchpad as sp`: tasks, documents, training and evaluation."""

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
    """Return a built-in task: `task("parity", bits="1-30", window=60)`. Raises ScratchpadError if a name is unknown."""
    return task_named(name, settings)


def documents(
    of: Task, format: str = "inductive", n: int = 1, seed: int = 0, split: str = "train", start: int = 0
) -> Iterator[Document[str]]:
    """Yield n documents of a task, as symbols with marks; `start` is the number of the first draw."""
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
    """Train a run in the folder `out` (default: runs/TASK-FORMAT), see `scratchpad.training.setup.train`.

    on_metrics: a function that receives each line of metrics.jsonl.
    """
    from scratchpad.training.setup import train as start

    folder = out or Path("runs") / f"{config.task.name}-{config.task.format}"
    return start(config, folder, device, resume, force, on_metrics=on_metrics or (lambda line: None))


def evaluate(run: Run, sizes: Sequence[int] = (), n: int = 1000, method: str = "forced", seed: int = 0) -> list[Score]:
    """Evaluate n test questions per size, forced (one forward pass) or free (generation), and save the results."""
    return run.evaluate(sizes, n, method, seed)
