"""List the settings of a run or of a task, with their default values, allowed values and meanings.

Without WHAT, the command lists the settings of every run. `train`, `sweep` and `reproduce` take settings with --set.
"""

from __future__ import annotations

import shutil
import textwrap
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from scratchpad.cli._output import print_json
from scratchpad.config.describe import Setting, run_settings, task_settings
from scratchpad.config.resolve import TaskLoader
from scratchpad.errors import unknown_name
from scratchpad.recipes import RECIPES, training_config
from scratchpad.tasks import BUILT_IN

EXAMPLE = """scratchpad settings
  scratchpad settings train
  scratchpad settings train.steps
  scratchpad settings cycles
  scratchpad settings examples/my_task.py"""


def arguments(parser: ArgumentParser) -> None:
    what = (
        "a task, MY_TASK.py or MY_DATA.jsonl, for the task's settings; or a setting or a group of settings of a run, "
        "such as train.steps or train"
    )
    parser.add_argument("what", metavar="WHAT", nargs="?", help=what)
    parser.add_argument("--json", action="store_true", help="print one JSON object per setting")


def run(args: Namespace) -> None:
    found = _found(args.what)
    if args.json:
        for setting in found:
            print_json(asdict(setting))
        return
    width = min(100, shutil.get_terminal_size().columns)
    for setting in found:
        print(f"{setting.name}={setting.default}")
        text = " ".join(filter(None, (setting.meaning, f"Values: {setting.values}.")))
        print(textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    "))
    if small := BUILT_IN[args.what].small if args.what in BUILT_IN else "":
        print(textwrap.fill(f"`scratchpad train {args.what}` sets: {small}", width))


def _found(what: str | None) -> list[Setting]:
    """Return the settings that `what` names (a setting, group or task). `None`: return all settings of a run."""
    of_runs = run_settings()
    found = [setting for setting in of_runs if what is None or f"{setting.name}.".startswith(f"{what}.")]
    if found or what is None:
        return found
    group = [setting.name for setting in of_runs if setting.name.startswith(f"{what.partition('.')[0]}.")]
    if group:
        raise unknown_name("setting", what, group)
    return task_settings(TaskLoader().load(training_config(what, None if what in RECIPES else "small").task))
