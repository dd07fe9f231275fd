"""Arguments that several commands take, and what they stand for."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from scratchpad.config.parse import split_assignments
from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_names
from scratchpad.tasks.user_file import load_task_file
from scratchpad.tasks.user_programs import UserPrograms

if TYPE_CHECKING:
    from scratchpad.generation.sampling import Sampling

SPLITS = ("train", "validation", "test", "prompt")


def whole_number(least: int) -> Callable[[str], int]:
    """A converter for argparse: whole numbers from `least` on."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"a whole number from {least} on is needed, not {text!r}")
        return number

    return read


def add_task(parser: ArgumentParser) -> None:
    """TASK or --task-file, --source, and --set."""
    parser.add_argument("task", metavar="TASK", nargs="?", help="a task's name: `scratchpad tasks` lists them")
    parser.add_argument("--task-file", metavar="MY_TASK.py", help="a task of your own instead; the file is run")
    parser.add_argument(
        "--source", metavar="PATH", help="with the task programs: your own, a folder of .py files or JSON lines"
    )
    add_set(parser, "settings of the task, several at once: --set bits=5 window=8")


def add_set(parser: ArgumentParser, text: str) -> None:
    parser.add_argument("--set", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=text)


def add_draws(parser: ArgumentParser, format: str = "inductive", split: str = "train") -> None:
    """--format, --seed, --split: which documents; with their defaults."""
    add_format_and_seed(parser, format)
    parser.add_argument("--split", choices=SPLITS, default=split, help="default: %(default)s")


def add_format_and_seed(parser: ArgumentParser, format: str = "inductive") -> None:
    """--format, --seed, with their defaults."""
    parser.add_argument(
        "--format",
        default=format,
        metavar="FORMAT",
        help=f"{', '.join(format_names())}, or one of the task's own (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="names the random draws (default: %(default)s)")


def task_from_arguments(args: Namespace) -> Task:
    """The task that the arguments of `add_task` name, with their settings."""
    if (args.task is None) == (args.task_file is None):
        raise ScratchpadError("name a task (`scratchpad tasks` lists them) or give a --task-file, one of the two")
    settings = split_assignments(args.set)
    if args.source is not None:
        if args.task not in ("programs", UserPrograms.name):
            raise ScratchpadError(f"--source belongs to the task programs, not to {args.task or 'a task of your own'}")
        return task_named(UserPrograms.name, {**settings, "path": args.source})
    return load_task_file(args.task_file, settings) if args.task_file else task_named(args.task, settings)


def sizes_list(text: str) -> tuple[int, ...]:
    """A converter for argparse: `10,20,30`."""
    return tuple(whole_number(1)(part) for part in text.split(","))


def add_run_loading(parser: ArgumentParser) -> None:
    """--checkpoint, --device, --task-file: how a run is loaded."""
    parser.add_argument("--checkpoint", default="best", metavar="best|last|STEP", help="default: %(default)s")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="default: a GPU where there is one")
    parser.add_argument("--task-file", metavar="MY_TASK.py", help="of a run on a task of your own; the file is run")


def add_sampling(parser: ArgumentParser) -> None:
    """--temperature, --top-k, --top-p."""
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default)")
    parser.add_argument("--top-k", type=whole_number(1), metavar="K", help="draw from the K likeliest tokens")
    parser.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest tokens that reach P together")


def sampling_from_arguments(args: Namespace) -> Sampling:
    """The sampling that the arguments of `add_sampling`, and --seed, name."""
    from scratchpad.generation.sampling import Sampling

    return Sampling(args.temperature, args.top_k, args.top_p, args.seed)
