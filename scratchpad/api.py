"""The functions that `import scratchpad as sp` offers: `task`, `documents`, `train` and `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.recipes import default_run_folder, training_config
from scratchpad.tasks import BUILT_IN, task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import format_named

if TYPE_CHECKING:
    from scratchpad.config.resolve import ResolvedRun
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
    config: RunConfig | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    on_metrics: OnMetrics = lambda line: None,
    *,
    task: str | Path | Task | None = None,
    recipe: str | None = None,
    format: str | None = None,
    checkpoint: str | int = "last",
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train a run and return it, as in `train(task="cycles", n="3-5", train__steps=500)`.

    config: the settings of the run, such as `sp.recipe("parity-small")`. Without `config`, give `task`. out: the run
    folder (default: runs/TASK, or runs/TASK-FORMAT with `config`). device: `auto` (a GPU if there is one), `cpu` or
    `cuda`. resume: whether to continue the unfinished run in the folder, from `checkpoint` (`last` or a step). force:
    whether to replace the run in the folder. on_metrics: a function that receives each line of metrics.jsonl.

    task: what to train: the name of a task, MY_TASK.py, MY_DATA.jsonl, CONFIG.json or a built-in task with its settings
    (`sp.task("cycles", n=4)`). recipe: the recipe for the model, training and evaluation. format: the task's format.
    progress: whether to show the progress on stderr: bars on a terminal, otherwise lines of text.

    settings: every other setting of the run. A name without `__` is `model` or a task setting (`bits="1-8"`). In other
    names `__` stands for the dot: `train__steps=500` is `train.steps`. `scratchpad settings` lists the names.

    Raises ScratchpadError if an argument or a setting is wrong, before anything is written. Raises RunFailure if the
    loss diverges, the disk is full or a background process dies. Raises KeyboardInterrupt after Ctrl-C, when the
    current step is saved.
    """
    from scratchpad.config.resolve import resolve
    from scratchpad.training.setup import measure
    from scratchpad.training.trainer import Interrupted

    check_resuming(resume, force, str(checkpoint))
    values = {name.replace("__", "."): value for name, value in settings.items()}
    values |= {} if format is None else {"task.format": format}
    chosen, default = _config_and_folder(config, task, recipe, values)
    run, folder = measure(resolve(chosen)), Path(out or default)
    try:
        return train_in_folder(run, folder, device, resume, force, str(checkpoint), on_metrics, progress)
    except Interrupted as stop:
        raise Interrupted(f"{stop}; continue with `resume=True`") from None


def check_resuming(resume: bool, force: bool, checkpoint: str) -> None:
    """Raise ScratchpadError if these three arguments of `train` contradict each other."""
    if resume and force:
        raise ScratchpadError("`resume=True` continues a run, but `force=True` overwrites it; give only one of the two")
    if checkpoint != "last" and not resume:
        raise ScratchpadError(f"`checkpoint` {checkpoint} is only for `resume=True`; add `resume=True`")


def _config_and_folder(
    config: RunConfig | None, task: str | Path | Task | None, recipe: str | None, values: dict[str, Any]
) -> tuple[RunConfig, Path]:
    """Return the run settings that the arguments of `train` describe, and the default run folder."""
    if config is not None:
        if not isinstance(config, RunConfig):
            raise ScratchpadError(f"give task={config!r}, or settings such as sp.recipe('parity-small') as config")
        if task is not None or recipe is not None:
            raise ScratchpadError("`config` has a task and its settings: give either `config`, or `task` and `recipe`")
        chosen = config.with_settings(values)
        return chosen, Path("runs") / f"{chosen.task.name}-{chosen.task.format}"
    if isinstance(task, Task):
        if BUILT_IN.get(task.name) is not type(task):
            raise ScratchpadError(f"the task {task.name!r} is not built in: give task='MY_TASK.py' or 'MY_DATA.jsonl'")
        values = {"evaluate.sizes": (), **task.settings(), **values}
        task = task.name
    name = recipe if task is None else str(task)
    if name is None:
        raise ScratchpadError("nothing to train: give task='cycles', task='MY_TASK.py' or recipe='parity-small'")
    chosen = training_config(name, None if task is None else recipe, values)
    return chosen.with_settings(values), default_run_folder(name)


def train_in_folder(
    run: ResolvedRun,
    folder: Path,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    checkpoint: str = "last",
    on_metrics: OnMetrics = lambda line: None,
    progress: bool = True,
) -> Run:
    """Train a run that `measure` returned, show the progress, then evaluate questions one size longer than trained."""
    from scratchpad.reporting.progress import TrainingProgress, accuracies
    from scratchpad.training.distributed import is_main_process
    from scratchpad.training.setup import train as start

    if not progress:
        return start(run, folder, device, resume, force, checkpoint, on_metrics)
    name, longest = str(folder), run.trained_sizes.high
    with TrainingProgress({name: run.config.train.steps}, {name: longest}) as display:

        def show(line: dict[str, Any]) -> None:
            display.show_metrics(name, line)
            on_metrics(line)

        trained = start(run, folder, device, resume, force, checkpoint, show)
        if is_main_process() and max(run.sizes) <= longest:
            try:
                longer = trained.evaluate_longer()
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"{name} is trained and saved; size {longest + 1} was not evaluated") from None
            if longer:
                display.show_message(f"{name}: accuracy {accuracies([longer.to_json()], longest)}")
    return trained


def evaluate(
    run: Run,
    sizes: Sequence[int] = (),
    n: int = 1000,
    method: str = "forced",
    seed: int = 0,
    progress: bool = True,
) -> list[Score]:
    """Evaluate n test questions per size and save the results in the run folder.

    sizes: the sizes of the questions (default: the run's). method: `forced` (one forward pass over the correct
    document) or `free` (the model generates its answer). progress: whether to count the questions on a terminal.
    """
    from scratchpad.cli._output import ProgressCounter

    if not progress:
        return run.evaluate(sizes, n, method, seed)
    counter = ProgressCounter()
    results = run.evaluate_by_size(sizes, n, method, seed, on_progress=counter.update)
    scores = [result.score for result in results]
    counter.clear()
    return scores
