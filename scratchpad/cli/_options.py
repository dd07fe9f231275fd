"""Arguments of several commands, and the conversion of arguments to tasks and sampling settings."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from scratchpad.config.parse import split_assignments
from scratchpad.config.schema import RunConfig, read_config
from scratchpad.errors import ScratchpadError
from scratchpad.recipes import RECIPES, recipe
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_names
from scratchpad.tasks.user_file import load_task_file
from scratchpad.tasks.user_programs import UserPrograms

if TYPE_CHECKING:
    from scratchpad.generation.sampling import Sampling

SPLITS = ("train", "validation", "test", "prompt")


def whole_number(least: int) -> Callable[[str], int]:
    """Return a converter for argparse that takes whole numbers of at least `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"expected a whole number from {least} on, not {text!r}")
        return number

    return read


def add_task(parser: ArgumentParser) -> None:
    """Add TASK, --task-file, --source and --set."""
    add = parser.add_argument
    add("task", metavar="TASK", nargs="?", help="name of a task; `scratchpad tasks` lists them")
    add("--task-file", metavar="MY_TASK.py", help="the file of your own task, in place of TASK; the file is executed")
    add("--source", metavar="PATH", help="your programs, for the task programs: a folder of .py files, or JSON Lines")
    add_set(parser, "one or more settings of the task, such as --set bits=5 window=8")


def add_set(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--set", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=text)


def add_config(parser: ArgumentParser) -> None:
    """Add RECIPE|CONFIG.json."""
    recipes = f"a recipe ({', '.join(RECIPES)}) or a configuration file"
    parser.add_argument("config", metavar="RECIPE|CONFIG.json", help=recipes)


def config_named(name: str, task_file: str | None) -> RunConfig:
    """Return the settings of a recipe or configuration file.

    task_file: the Python file that the user names as task. Raises ScratchpadError if the configuration's task is a
    Python file and the user names no file.
    """
    config = read_config(name) if name.endswith(".json") else recipe(name)
    if config.task.file and not task_file:
        raise ScratchpadError(f"{name}: its task is a Python file, which will be executed: name it with --task-file")
    return config


def add_draws(parser: ArgumentParser, format: str = "inductive", split: str = "train") -> None:
    """Add --format, --seed and --split, with the given defaults."""
    add_format_and_seed(parser, format)
    parser.add_argument("--split", choices=SPLITS, default=split, help="which part of the data (default: %(default)s)")


def add_format_and_seed(parser: ArgumentParser, format: str = "inductive") -> None:
    """Add --format and --seed, with the given default."""
    formats, add = f"{', '.join(format_names())}, or a format that the task adds", parser.add_argument
    add("--format", default=format, metavar="FORMAT", help=f"{formats} (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the random draws (default: %(default)s)")


def task_from_arguments(args: Namespace) -> Task:
    """Return the task that the arguments of `add_task` describe."""
    if (args.task is None) == (args.task_file is None):
        raise ScratchpadError("give either a task (`scratchpad tasks` lists them) or a --task-file")
    settings = split_assignments(args.set)
    if args.source is not None:
        if args.task not in ("programs", UserPrograms.name):
            raise ScratchpadError(f"--source goes with the task programs, not with {args.task or '--task-file'}")
        return task_named(UserPrograms.name, {**settings, "path": args.source})
    return load_task_file(args.task_file, settings) if args.task_file else task_named(args.task, settings)


def sizes_list(text: str) -> tuple[int, ...]:
    """Convert `10,20,30` for argparse."""
    return tuple(whole_number(1)(part) for part in text.split(","))


def add_run_loading(parser: ArgumentParser) -> None:
    """Add --checkpoint, --device and --task-file, which say how to load a run."""
    add = parser.add_argument
    add("--checkpoint", default="best", metavar="best|last|STEP", help="checkpoint to load (default: %(default)s)")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="device (default: a GPU if present)")
    add(
        "--task-file",
        metavar="MY_TASK.py",
        help="the file of your own task, if the run was trained on it; the file is executed",
    )


def add_sampling(parser: ArgumentParser) -> None:
    """Add --temperature, --top-k and --top-p."""
    add = parser.add_argument
    add("--temperature", type=float, default=0.0, metavar="T", help="sampling temperature; 0: greedy (default)")
    add("--top-k", type=whole_number(1), metavar="K", help="sample from the K most likely tokens")
    add("--top-p", type=float, metavar="P", help="sample from the most likely tokens with total probability P")


def sampling_from_arguments(args: Namespace) -> Sampling:
    """Return the sampling that the arguments of `add_sampling` and --seed describe."""
    from scratchpad.generation.sampling import Sampling

    return Sampling(args.temperature, args.top_k, args.top_p, args.seed)
