"""Show the main idea: which of three formats gives correct answers on inputs longer than the inputs in training?

The demo trains the same model on the same task for the same number of steps in the formats direct, scratchpad and
inductive. It evaluates the models on trained and longer lengths, solves one long question step by step, and writes a
report. If you run the demo again, interrupted runs are resumed and finished runs are not trained again.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scratchpad.cli._output import ProgressCounter, message, new_file, print_table
from scratchpad.number_format import percent, percent_range
from scratchpad.recipes import DEMO, with_format
from scratchpad.reporting.progress import TrainingProgress
from scratchpad.tasks.document import as_text

if TYPE_CHECKING:
    from scratchpad.config.schema import RunConfig
    from scratchpad.evaluation.metrics import Score
    from scratchpad.run import Run

EXAMPLE = "scratchpad demo --seed 1"
FORMATS = ("inductive", "direct", "scratchpad")  # inductive trains longest, so it starts first


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--seed", type=int, default=0, metavar="N", help="seed of models and training data (default: %(default)s)")
    add("--out", default="runs/demo", metavar="FOLDER", help="folder for the runs and report (default: %(default)s)")


def run(args: Namespace) -> None:
    from scratchpad.run import Run
    from scratchpad.training.launcher import TrainingJob, launch_runs

    folder = Path(args.out)
    demo = DEMO.with_settings({"train.seed": args.seed})
    jobs = [TrainingJob(name, with_format(demo, name), folder / f"seed-{args.seed}" / name) for name in FORMATS]
    message(_plan(demo))
    with TrainingProgress({job.name: job.config.train.steps for job in jobs}) as progress:
        launch_runs(jobs, at_once=2, on_metrics=progress.show_metrics)
    runs = {job.name: Run.load(job.folder, "last") for job in jobs}
    progress = ProgressCounter()
    scores = {
        name: [result.score for result in one.evaluate_by_size(on_progress=progress.update)]
        for name, one in runs.items()
    }
    progress.clear()
    _print_scores(scores, runs["direct"])
    _solve_long_question(runs["inductive"])
    _write_summary(folder, args.seed, runs, scores)
    _write_report(folder, list(runs.values()))


def _plan(demo: RunConfig) -> str:
    """Return what the demo will do, and how long it takes."""
    settings, sizes = demo.task.settings, ", ".join(map(str, demo.evaluate.sizes))
    return (
        f"Three small models learn the parity of {settings['bits']} bits in a window of {settings['window']}, in the "
        f"formats {', '.join(FORMATS)}. Each model trains for {demo.train.steps:,} steps, two models at a time.\n"
        f"Then the demo evaluates the models at {sizes} bits and writes a report. This takes 5 minutes on two free "
        "CPU cores.\nCtrl-C stops the demo, and the same command resumes it."
    )


def _print_scores(scores: dict[str, list[Score]], run: Run) -> None:
    """Print a table of accuracies: one row per length, one column per format."""
    task, names = run.evaluated.task, list(scores)
    print(f"\nCorrect answers with correct work, out of {scores['direct'][0].n} questions per length (95 % interval).")
    trained = task.size_distribution().to_json()
    print(f"Trained on {trained} {task.size_setting}; guessing is correct half of the time.\n")
    rows = [
        (row[0].size, *(f"{percent(one.accuracy)} [{percent_range(one.low, one.high)}]" for one in row))
        for row in zip(*scores.values(), strict=True)
    ]
    print_table((task.size_setting, *names), rows)


def _solve_long_question(run: Run) -> None:
    """Solve a question that is twice as long as the longest training questions, and print each state."""
    task = run.evaluated.task.at_size(2 * run.evaluated.task.size_distribution().high)
    question = task.draw(0, "aloud", 0)
    print(f"\n{as_text(question)}\n")
    solved = run.solve(as_text(question), on_state=lambda index, state: print(f"{index + 1:5}  {as_text(state)}"))
    answer = as_text(solved.answer) if solved.answer is not None else "none"
    print(f"answer: {answer}  ({solved.status}; correct: {as_text(task.truth(question))})\n")


def _write_summary(folder: Path, seed: int, runs: dict[str, Run], scores: dict[str, list[Score]]) -> None:
    from scratchpad.training.checkpoint import write_atomically
    from scratchpad.training.run_folder import read_run_record

    record = read_run_record(runs["inductive"].folder)
    table = [score.to_json() for row in scores.values() for score in row]
    origin: dict[str, Any] = {name: record[name] for name in ("versions", "git", "machine")}
    write_atomically(folder / "summary.json", json.dumps({"seed": seed, **origin, "table": table}, indent=1) + "\n")
    message(f"table: {folder / 'summary.json'}")


def _write_report(folder: Path, runs: list[Run]) -> None:
    from scratchpad.reporting.html_page import report

    path = folder / "report.html"
    with new_file(str(path), force=True) as file:
        file.write(report([str(run.folder) for run in runs], "Three formats, one task", None).encode())
    message(f"report: {path}")
