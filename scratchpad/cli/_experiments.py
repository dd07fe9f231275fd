"""What `reproduce` and `sweep` share: their options, and carrying out a plan in front of people."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scratchpad.cli._options import whole_number
from scratchpad.cli._output import message, print_json
from scratchpad.cli._progress import TrainingProgress
from scratchpad.cli._table import print_table

if TYPE_CHECKING:
    from scratchpad.experiments.aggregate import SeedResult
    from scratchpad.experiments.execute import PlannedRun
    from scratchpad.experiments.plan import Plan


def add_experiment_options(parser: ArgumentParser, folder: str) -> None:
    """--seeds, --jobs, --out, --device, --batch, --json."""
    parser.add_argument("--seeds", type=whole_number(1), default=1, metavar="N", help="seeds 0 to N-1 (default: 1)")
    parser.add_argument(
        "--jobs",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="runs trained side by side; one a core is fastest for small models (default: 1)",
    )
    parser.add_argument("--out", metavar="FOLDER", help=f"runs, table and figure (default: {folder})")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="default: a GPU where there is one")
    parser.add_argument("--batch", type=whole_number(1), default=64, metavar="N", help="questions answered at a time")
    parser.add_argument("--json", action="store_true", help="one JSON object a line of the table")


def run_experiment(args: Namespace, plan: Plan, out: Path, command: str) -> None:
    """Carry out a plan and show what came of it. After Ctrl-C it says how to go on."""
    from scratchpad.experiments.execute import planned_runs, prepared
    from scratchpad.experiments.results import FILES, write_results

    command += "".join(f" {name} {shlex.quote(str(value))}" for name, value in _given(args).items())
    plan = prepared(plan, out)
    work = planned_runs(plan, range(args.seeds), out)
    plan = plan.with_votes(args.seeds)
    _announce(work, out)
    try:
        seed_results = _carried_out(args, plan, work)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what was begun is saved; go on with: {command}") from None
    result = write_results(plan, work, seed_results, out, command)
    _show(result, args.json)
    message(", ".join(str(out / name) for name in FILES))


def _given(args: Namespace) -> dict[str, object]:
    """The options that decide what the table holds, times among it, where they are not the usual ones."""
    options = {
        "--seeds": (args.seeds, 1), "--jobs": (args.jobs, 1), "--device": (args.device, "auto"),
        "--batch": (args.batch, 64), "--out": (args.out, None),
    }  # fmt: skip
    return {name: value for name, (value, usual) in options.items() if value != usual}


def _announce(work: Sequence[PlannedRun], out: Path) -> None:
    there = sum(run.trained for run in work)
    message(f"{out}: {len(work)} runs" + (f", {there} of them trained already" if there else ""))


def _carried_out(args: Namespace, plan: Plan, work: Sequence[PlannedRun]) -> list[SeedResult]:
    from scratchpad.experiments.execute import ExecutionOptions, execute_plan

    steps = {run.name: run.config.train.steps for run in work if not run.trained}
    with TrainingProgress(steps) as progress:
        options = ExecutionOptions(args.device, args.jobs, args.batch, progress.show_metrics, progress.show_message)
        return execute_plan(plan, work, options)


def _show(result: dict[str, object], json: bool) -> None:
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
