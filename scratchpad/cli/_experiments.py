"""The shared code of `reproduce` and `sweep`, which adds options, runs an experiment and prints the results."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from scratchpad.cli._options import whole_number
from scratchpad.cli._output import message, print_json, print_table

if TYPE_CHECKING:
    from scratchpad.experiments.plan import Plan


def add_experiment_options(parser: ArgumentParser, folder: str) -> None:
    """Add --seeds, --jobs, --out, --device, --batch and --json to a command. folder: the default of --out."""
    add = parser.add_argument
    add("--seeds", type=whole_number(1), default=1, metavar="N", help="train with N seeds, 0 to N-1 (default: 1)")
    jobs = "number of runs to train in parallel; for small models, one per CPU core is fastest (default: 1)"
    add("--jobs", type=whole_number(1), default=1, metavar="N", help=jobs)
    add("--out", metavar="FOLDER", help=f"folder for the runs, the table and the figure (default: {folder})")
    add("--device", default="auto", metavar="auto|cpu|cuda", help="device (default: a GPU if there is one)")
    add("--batch", type=whole_number(1), default=64, metavar="N", help="questions per evaluation batch (default: 64)")
    add("--json", action="store_true", help="print one JSON object per table row")


def run_experiment(args: Namespace, plan: Plan, out: Path, command: str) -> None:
    """Train and evaluate the runs of a plan and print results. On Ctrl-C, show the command that resumes the runs."""
    from scratchpad.experiments.execute import ExecutionOptions, execute_plan, planned_runs, prepared
    from scratchpad.experiments.results import FILES, write_results
    from scratchpad.reporting.progress import TrainingProgress

    command += "".join(f" {name} {shlex.quote(str(value))}" for name, value in _changed_options(args).items())
    plan = prepared(plan, out)
    runs = planned_runs(plan, range(args.seeds), out)
    plan = plan.with_votes(args.seeds)
    trained = sum(run.trained for run in runs)
    message(f"{out}: {len(runs)} runs" + (f", {trained} of them already trained" if trained else ""))
    try:
        with TrainingProgress({run.name: run.config.train.steps for run in runs if not run.trained}) as progress:
            options = ExecutionOptions(args.device, args.jobs, args.batch, progress.show_metrics, progress.show_message)
            seed_results = execute_plan(plan, runs, options)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"unfinished runs are saved; resume them with: {command}") from None
    result = write_results(plan, runs, seed_results, out, command)
    _print_result(result, args.json)
    message(", ".join(str(out / name) for name in FILES))


def _changed_options(args: Namespace) -> dict[str, object]:
    """Return the options whose values differ from the defaults, without --json."""
    options = {
        "--seeds": (args.seeds, 1), "--jobs": (args.jobs, 1), "--device": (args.device, "auto"),
        "--batch": (args.batch, 64), "--out": (args.out, None),
    }  # fmt: skip
    return {name: value for name, (value, default) in options.items() if value != default}


def _print_result(result: dict[str, object], json: bool) -> None:
    from scratchpad.experiments.tables import cells

    rows = result["rows"]
    assert isinstance(rows, list)
    if json:
        for row in rows:
            print_json(row)
        return
    if result["paper"]:
        print(f"The paper: {result['paper']}\n")
    print_table(*cells(rows, str(result["measure"])))
