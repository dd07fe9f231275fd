"""List the tasks: what is asked, their formats and settings with defaults, and where they come from."""

from __future__ import annotations

import inspect
from argparse import ArgumentParser, Namespace

from scratchpad.cli._output import print_json
from scratchpad.tasks import DATA_SETS, TASKS
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_named, format_names

EXAMPLE = "scratchpad tasks"


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a task")


def run(args: Namespace) -> None:
    for kind in (*TASKS.values(), *DATA_SETS.values()):
        task = kind()
        if args.json:
            settings = task.settings(everything=True)
            print_json({"task": task.name, "formats": format_names(task), "settings": settings, "source": task.source})
        else:
            print(_described(task), end="\n\n")
    if not args.json:
        names = dict.fromkeys(name for kind in TASKS.values() for name in format_names(kind))
        print("formats\n" + "\n".join(f"  {name:12}{format_named(name).summary}" for name in names))


def _described(task: Task) -> str:
    settings = " ".join(f"{name}={_written(value)}" for name, value in task.settings(everything=True).items())
    lines = [task.name, f"  {task.summary}", f"  source    {task.source}", f"  settings  {settings}"]
    lines += [f"  formats   {', '.join(task.extra_formats)}, and those of all tasks"] if task.extra_formats else []
    meanings = inspect.getdoc(type(task)) or ""
    return "\n".join([*lines, *(f"            {line}" for line in meanings.splitlines())])


def _written(value: object) -> str:
    """A setting as --set takes it."""
    return ",".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
