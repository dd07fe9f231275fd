"""Train a model on a built-in task, on your own task or problems, or with a recipe.

A built-in task has its own small settings. With them, a small model learns the task in 1 to 30 minutes on a CPU; the
small settings of `heights` and `random-graphs` are not known to be enough.
For a file, the settings are those of the recipe `small`. --recipe takes the settings of another recipe.

Every choice is a setting, such as --set train.steps=500 model=25m task.format=direct bits=1-8. Settings of the task,
such as bits, need no prefix.

  train.start=RUN          start from the last weights of another run with the same model and symbols
  train.max_states=32      train only on the first 32 states of each inductive chain; with train.states_from=anywhere,
                           train on 32 consecutive states from a random position
  train.average=0.999      keep an exponential moving average of the weights, and use it to evaluate and solve
  curriculum.stages=...    train in stages. Each stage ends when the model passes its test. Example: --set
                           "curriculum.stages=bits=1-2; bits=3-8" curriculum.threshold=0.95 curriculum.forget=true
                           curriculum.every=1000 (steps between tests) curriculum.n=512 (questions per test)

Ctrl-C saves the current step and prints the command that resumes the run. If a run is killed, --resume continues from
the last checkpoint.
"""

from __future__ import annotations

import dataclasses
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from scratchpad.api import check_resuming, train_in_folder
from scratchpad.cli._options import add_config, add_set, whole_number
from scratchpad.cli._output import message
from scratchpad.config.describe import as_written
from scratchpad.config.parse import split_assignments
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.number_format import duration
from scratchpad.recipes import default_run_folder, training_config

if TYPE_CHECKING:
    from scratchpad.config.resolve import ResolvedRun

EXAMPLE = """scratchpad train cycles
  scratchpad train cycles --dry-run
  scratchpad train examples/my_task.py --out runs/largest
  scratchpad train examples/my_data.jsonl --out runs/data
  scratchpad train parity-small --out runs/mine --set train.steps=500
  scratchpad train parity-small --out runs/mine --resume
  scratchpad train parity-small --out runs/near --set model.positions=alibi model.span=32
  scratchpad train parity-small --set "curriculum.stages=bits=1-2; bits=3-8" curriculum.threshold=0.9
  scratchpad train parity-small --out runs/then-direct --set task.format=direct train.start=runs/mine"""


def arguments(parser: ArgumentParser) -> None:
    add_config(parser)
    add = parser.add_argument
    add("--data", metavar="FILE.jsonl", help="train on these problems instead of a built-in task")
    add("--test-data", metavar="FILE.jsonl", help="test on these problems (default: a tenth of the problems in --data)")
    add("--task-file", metavar="MY_TASK.py", help="Python file with your own task; the file is executed")
    add_set(parser, "one or more settings")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="device (default: a GPU if there is one)")
    add("--out", metavar="FOLDER", help="run folder (default: runs/WHAT)")
    add("--resume", action="store_true", help="continue an unfinished run")
    add("--checkpoint", default="last", metavar="STEP", help="checkpoint that --resume continues from (default: last)")
    add("--force", action="store_true", help="overwrite an existing run")
    dry = "train nothing and write nothing; print what would be trained, and its time from a few trained steps"
    add("--dry-run", action="store_true", help=dry)
    add("--seeds", type=whole_number(1), metavar="N", help="train N runs: seeds 0 to N-1, in FOLDER/seed-0 and so on")


def run(args: Namespace) -> None:
    from scratchpad.config.resolve import TaskLoader, resolve
    from scratchpad.training.distributed import is_main_process
    from scratchpad.training.setup import measure
    from scratchpad.training.trainer import Interrupted

    if args.dry_run and (args.resume or args.force):
        raise ScratchpadError("--dry-run writes nothing; leave --resume and --force out")
    check_resuming(args.resume, args.force, args.checkpoint)
    config, out = _config(args), Path(args.out or default_run_folder(args.config))
    runs = [(config, out)]
    if args.seeds:
        seeded = [
            dataclasses.replace(config, train=dataclasses.replace(config.train, seed=i)) for i in range(args.seeds)
        ]
        runs = [(one, out / f"seed-{i}") for i, one in enumerate(seeded)]
    tasks = TaskLoader()
    if args.dry_run:
        _print_dry_run(measure(resolve(runs[0][0], tasks)), args.device, [folder for _, folder in runs])
        return
    for one, folder in runs:
        try:
            measured = measure(resolve(one, tasks))
            train_in_folder(measured, folder, args.device, args.resume, args.force, args.checkpoint)
        except Interrupted as stop:
            raise Interrupted(f"{stop}; resume with: {_resume_command(args)}") from None
        if is_main_process():
            file = f" --task-file {measured.config.task.file}" if measured.config.task.file else ""
            message(
                f"{folder} is trained: continue with `scratchpad evaluate {folder}{file}` or "
                f"`scratchpad solve {folder}{file} ...`"
            )


def _print_dry_run(run: ResolvedRun, device: str, folders: list[Path]) -> None:
    """Print what training would do, and how long it would take. The runs in `folders` differ only in the seed."""
    from scratchpad.training.dry_run import dry_run

    found, train, model, task = dry_run(run, device), run.config.train, run.config.model, run.config.task
    settings = " ".join(f"{name}={as_written(value)}" for name, value in run.task.settings().items())
    seconds = len(folders) * train.steps * found.seconds
    sizes = ", ".join(map(str, run.sizes))
    lines = {
        "task": f"{task.file or task.data or task.name} ({settings})",
        "format": task.format,
        "model": f"{found.parameters:,} parameters: {model.layers} layers, {model.heads} heads, width {model.width}",
        "positions": model.positions + ("" if model.context is None else f", a context of {model.context}"),
        "documents": f"{train.steps * train.batch:,}: {train.steps:,} steps of {train.batch:,}",
        "tokens": f"{found.tokens:,.0f} per step, about {found.tokens * train.steps:,.0f} in total",
        "evaluation": f"{run.config.evaluate.n:,} questions of each size: {sizes}",
        "device": found.device,
        "runs": f"{len(folders)}, in {folders[0]}" + (f" to {folders[-1]}" if folders[1:] else ""),
        "time": f"about {duration(seconds)}, without evaluations: the median of {found.timed} steps is "
        f"{duration(found.seconds)}",
    }
    print("\n".join(f"{name:12}{text}" for name, text in lines.items()))


def _config(args: Namespace) -> RunConfig:
    named = {"task.data": args.data, "task.test_data": args.test_data, "task.file": args.task_file}
    files, values = {name: value for name, value in named.items() if value}, split_assignments(args.set)
    if twice := files.keys() & values.keys():
        name = min(twice)
        raise ScratchpadError(f"{name} is given twice: {files[name]!r} and, with --set, {values[name]!r}")
    return training_config(args.config, args.recipe, files | values).with_settings(files | values)


def _resume_command(args: Namespace) -> str:
    options = {
        "--recipe": args.recipe, "--data": args.data, "--test-data": args.test_data, "--task-file": args.task_file,
        "--out": args.out, "--seeds": args.seeds, "--device": args.device,
    }  # fmt: skip
    words = [word for name, value in options.items() if value for word in (name, str(value))]
    settings = ["--set", *args.set] if args.set else []
    return shlex.join(["scratchpad", "train", args.config, *words, *settings, "--resume"])
