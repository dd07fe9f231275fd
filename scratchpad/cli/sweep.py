"""Train a task, file or recipe with every combination of settings, evaluate all runs, and write a table and a figure.

Separate the values of a setting by | and quote the setting for the shell. For example, --set 'train.batch=64|128'
'model.dropout=0|0.1' trains four combinations. Finished runs are not trained again. If only evaluate.* settings
change, the runs are only evaluated again.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from scratchpad.cli._experiments import add_experiment_options, run_experiment
from scratchpad.cli._options import add_config, add_set
from scratchpad.config.parse import split_assignments
from scratchpad.errors import ScratchpadError
from scratchpad.recipes import training_config

EXAMPLE = """scratchpad sweep parity-small --set 'train.batch=16|64' 'model.dropout=0|0.1' train.steps=400
  scratchpad sweep parity-small --set 'task.format=inductive|scratchpad' --seeds 3 --jobs 2"""


def arguments(parser: ArgumentParser) -> None:
    add_config(parser)
    add_set(parser, "one or more settings; a setting with several values (a|b) takes each value in turn")
    add_experiment_options(parser, "runs/sweep-WHAT-SETTINGS")


def run(args: Namespace) -> None:
    from scratchpad.experiments.plan import sweep, varying_settings

    settings = split_assignments(args.set)
    config = training_config(args.config, args.recipe, settings)
    if not varying_settings(settings):
        raise ScratchpadError("no setting has several values; give at least one, such as 'train.batch=64|128'")
    plan = sweep(Path(args.config).stem, config, settings)
    recipe = ["--recipe", args.recipe] if args.recipe else []
    command = shlex.join(["scratchpad", "sweep", args.config, *recipe, "--set", *args.set])
    swept = "-".join(name.rpartition(".")[2] for name in varying_settings(settings))  # for the folder's name
    run_experiment(args, plan, Path(args.out or f"runs/{plan.name}-{swept}"), command)
