"""List the tasks with their questions, sources, formats, and settings with default values."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from argparse import ArgumentParser, Namespace

from scratchpad.cli._output import print_json
from scratchpad.tasks import BUILT_IN, TASKS
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_named, format_names

EXAMPLE = "scratchpad tasks"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object per task")


def run(args: Namespace) -> None:
    for kind in BUILT_IN.values():
        task = kind()
        if args.json:
            settings = task.settings(everything=True)
            print_json({"task": task.name, "formats": format_names(task), "settings": settings, "source": task.source})
        else:
            print(_task_text(task), end="\n\n")
    if not args.json:
        names = dict.fromkeys(name for kind in TASKS.values() for name in format_names(kind))
        print("formats", *(_wrapped(name, format_named(name).summary, 14) for name in names), sep="\n")


def _task_text(task: Task) -> str:
    settings = " ".join(f"{name}={_setting_text(value)}" for name, value in task.settings(everything=True).items())
    lines = [task.name, f"  {task.summary}", _wrapped("source", task.source), _wrapped("settings", settings)]
    if task.extra_formats:
        lines.append(_wrapped("formats", f"{', '.join(task.extra_formats)}, and the formats of all tasks"))
    meanings = re.split(r"\n\n|\n(?=`\w+`[:,])", inspect.getdoc(type(task)) or "")
    return "\n".join([*lines, *(_wrapped("", meaning) for meaning in meanings)])


def _wrapped(name: str, text: str, indent: int = 12) -> str:
    """Return the text beside its name, in lines that fit the terminal."""
    width = min(120, shutil.get_terminal_size((120, 0)).columns)
    first, rest = f"  {name}".ljust(indent), " " * indent
    return textwrap.fill(
        " ".join(text.split()), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _setting_text(value: object) -> str:
    """Return the value of a setting in the form that --set accepts."""
    return ",".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
