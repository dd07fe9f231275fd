"""List the tasks with their questions, sources, formats, and settings with default values."""

from __future__ import annotations

import inspect
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
        print("formats\n" + "\n".join(f"  {name:12}{format_named(name).summary}" for name in names))


def _task_text(task: Task) -> str:
    settings = " ".join(f"{name}={_setting_text(value)}" for name, value in task.settings(everything=True).items())
    lines = [task.name, f"  {task.summary}", f"  source    {task.source}", f"  settings  {settings}"]
    if task.extra_formats:
        lines.append(f"  formats   {', '.join(task.extra_formats)}, and the formats of all tasks")
    meanings = inspect.getdoc(type(task)) or ""
    return "\n".join([*lines, *(f"            {line}" for line in meanings.splitlines())])


def _setting_text(value: object) -> str:
    """Return the value of a setting in the form that --set accepts."""
    return ",".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
