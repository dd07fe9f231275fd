"""Reproduce an experiment of the papers: train and evaluate its runs, and write a table and a figure.

Without NAME or with --list, the command lists the experiments. Finished runs and evaluations are reused. So the same
command resumes the work after Ctrl-C, and a larger --seeds trains only the additional runs.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from scratchpad.cli._experiments import add_experiment_options, run_experiment
from scratchpad.cli._options import add_set
from scratchpad.cli._output import message, print_json, print_table
from scratchpad.config.parse import split_assignments
from scratchpad.errors import ScratchpadError

EXAMPLE = """scratchpad reproduce
  scratchpad reproduce fig4b
  scratchpad reproduce fig5-parity --seeds 3 --jobs 2
  scratchpad reproduce fig5-parity --scale paper --seeds 10"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="name of an experiment, or your own file MY_EXPERIMENT.toml")
    add("--list", action="store_true", help="list the experiments with their titles and sources")
    scale = "small (default) takes the listed time on a CPU; paper needs a GPU"
    add("--scale", default="small", metavar="small|paper", help=scale)
    add_experiment_options(parser, "runs/NAME-SCALE")
    add_set(parser, "settings for all runs; if settings other than evaluate.* change, choose a new --out folder")


def run(args: Namespace) -> None:
    from scratchpad.experiments.catalogue import experiment

    if args.list or not args.name:
        if args.name:
            raise ScratchpadError(f"--list lists all experiments; leave out {args.name}")
        _list(args.json)
        return
    plan = experiment(args.name).plan(args.scale).with_settings(split_assignments(args.set))
    words = ["scratchpad", "reproduce", args.name, *(["--scale", args.scale] if args.scale != "small" else [])]
    settings = ["--set", *args.set] if args.set else []
    run_experiment(args, plan, Path(args.out or f"runs/{plan.name}"), shlex.join([*words, *settings]))


def _list(json: bool) -> None:
    from scratchpad.experiments.catalogue import experiment, experiment_names

    experiments = [experiment(name) for name in experiment_names()]
    if json:
        for one in experiments:
            fields = ("name", "title", "source", "setup", "result")
            minutes = {name: scale.minutes for name, scale in one.scales.items()}
            print_json({name: getattr(one, name) for name in fields} | {"scales": list(one.scales), "minutes": minutes})
        return
    print_table(
        ("name", "time", "what", "source"),
        [(one.name, f"{one.scales['small'].minutes} min", one.title, one.source) for one in experiments],
    )
    message("The times are for --scale small with one seed, on one CPU core. --scale paper needs a GPU.")
