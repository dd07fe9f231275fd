"""Arguments that several commands share, and functions that turn arguments into tasks and sampling settings."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scratchpad.config.parse import split_assignments
from scratchpad.config.resolve import TaskLoader
from scratchpad.config.schema import TaskConfig
from scratchpad.errors import ScratchpadError
from scratchpad.recipes import RECIPES
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.formats import format_names
from scratchpad.tasks.user_programs import UserPrograms

if TYPE_CHECKING:
    from scratchpad.generation.sampling import Sampling

SPLITS = ("train", "validation", "test", "prompt")


def whole_number(least: int) -> Callable[[str], int]:
    """Return a type for argparse that accepts only whole numbers of at least `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"expected a whole number of at least {least}, not {text!r}")
        return number

    return read


def add_task(parser: ArgumentParser) -> None:
    """Add TASK, --task-file, --data, --test-data, --source and --set to a command."""
    add = parser.add_argument
    what = (
        "a task (`scratchpad tasks` lists all tasks), a Python file with your own task (MY_TASK.py, which is run), "
        "or a file with your own problems (MY_DATA.jsonl; see docs/data.md)"
    )
    add("task", metavar="TASK", nargs="?", help=what)
    add("--task-file", metavar="MY_TASK.py", help="the same as giving MY_TASK.py as TASK")
    add("--data", metavar="MY_DATA.jsonl", help="the same as giving MY_DATA.jsonl as TASK")
    add("--test-data", metavar="FILE.jsonl", help="file with the test problems (default: one tenth of --data)")
    add("--source", metavar="PATH", help="programs for the task `programs`: folder of .py files, or JSON Lines file")
    add_set(parser, "one or more settings of the task, such as --set bits=5 window=8")


def add_set(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--set", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=text)


def add_config(parser: ArgumentParser) -> None:
    """Add WHAT (the task, file or recipe to train) and --recipe."""
    with_task = ", ".join(name for name in RECIPES if name != "small")
    what = (
        "what to train: a task (`scratchpad tasks` lists them), your task MY_TASK.py, which is executed, your problems "
        f"MY_DATA.jsonl, a recipe ({with_task}), or a configuration CONFIG.json"
    )
    parser.add_argument("config", metavar="WHAT", help=what)
    recipes = (
        f"the recipe ({', '.join(RECIPES)}) that gives a task or file the settings of model, training and evaluation "
        "(default: the task's own small settings; `small` for a file)"
    )
    parser.add_argument("--recipe", metavar="RECIPE", help=recipes)


def add_draws(parser: ArgumentParser, format: str = "inductive", split: str = "train") -> None:
    """Add --format, --seed and --split to a command. `format` and `split` are the default values."""
    add_format_and_seed(parser, format)
    parser.add_argument("--split", choices=SPLITS, default=split, help="part of the data (default: %(default)s)")


def add_format_and_seed(parser: ArgumentParser, format: str = "inductive") -> None:
    """Add --format and --seed to a command. format: the default value of --format."""
    formats, add = f"{', '.join(format_names())}, or an extra format of the task", parser.add_argument
    add("--format", default=format, metavar="FORMAT", help=f"{formats} (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random draws (default: %(default)s)")


def task_from_arguments(args: Namespace) -> Task:
    """Return the task that the user chose with the arguments of `add_task`. Data must have the format of --format."""
    if [args.task, args.task_file, args.data].count(None) != 2:
        raise ScratchpadError(
            "give only one of these: a task (`scratchpad tasks` lists the names), MY_TASK.py or MY_DATA.jsonl"
        )
    suffix = Path(args.task or "").suffix
    task_file, data = (
        given or (args.task if suffix == ending else None)
        for given, ending in ((args.task_file, ".py"), (args.data, ".jsonl"))
    )
    if args.test_data is not None and data is None:
        raise ScratchpadError(f"--test-data {args.test_data} needs --data, the file with the training problems")
    if suffix and not (task_file or data):
        raise ScratchpadError(f"{args.task}: the name of a file must end in .py or .jsonl. Give other data with --data")
    settings = split_assignments(args.set)
    if args.source is not None:
        if args.task not in ("programs", UserPrograms.name):
            given = args.task or ("--data" if data else "--task-file")
            raise ScratchpadError(f"--source is only for the task `programs`, not for {given}")
        return task_named(UserPrograms.name, {**settings, "path": args.source})
    named = TaskConfig(args.task or TaskConfig.name, args.format, settings, data, args.test_data, task_file)
    return TaskLoader().load(named)


def draws_from_arguments(args: Namespace, task: Task) -> Iterator[tuple[int, Symbols]]:
    """Yield (index, question) for N questions (-n N) of --split and --seed. A line of data is drawn only once."""
    held = None if task.seeded else task.count(args.split)
    return draws(task, args.seed, args.split, 0, min(args.n, held) if held else args.n)


def sizes_list(text: str) -> tuple[int, ...]:
    """Convert a text such as `10,20,30` to a tuple of whole numbers."""
    return tuple(whole_number(1)(part) for part in text.split(","))


def add_run_loading(parser: ArgumentParser) -> None:
    """Add the options for loading a trained run: --checkpoint, --device and --task-file."""
    add = parser.add_argument
    add("--checkpoint", default="best", metavar="best|last|STEP", help="checkpoint to load (default: %(default)s)")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="device (default: a GPU if there is one)")
    own = "Python file with your own task, if the run was trained on this task; the file is executed"
    add("--task-file", metavar="MY_TASK.py", help=own)


def add_sampling(parser: ArgumentParser) -> None:
    """Add the sampling options --temperature, --top-k and --top-p."""
    add = parser.add_argument
    add("--temperature", type=float, default=0.0, metavar="T", help="sampling temperature; 0 (the default) is greedy")
    add("--top-k", type=whole_number(1), metavar="K", help="sample only from the K most likely tokens")
    nucleus = "sample only from the most likely tokens, which together have at least the probability P"
    add("--top-p", type=float, metavar="P", help=nucleus)


def sampling_from_arguments(args: Namespace) -> Sampling:
    """Return the sampling settings from --seed and the options of `add_sampling`."""
    from scratchpad.generation.sampling import Sampling

    return Sampling(args.temperature, args.top_k, args.top_p, args.seed)
