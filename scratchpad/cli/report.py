"""Write an HTML report about one or more runs, with tables, plots, sample chains and settings.

The report is one file without scripts or network access. Runs that differ only in the seed form one group. Evaluate
the runs first with `scratchpad evaluate`. Otherwise, the report shows the last evaluation during training.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from scratchpad.cli._output import message, new_file
from scratchpad.tasks.formats import format_named

if TYPE_CHECKING:
    from scratchpad.reporting.diagnosis_tables import AttentionImage
    from scratchpad.reporting.run_records import RunRecord

EXAMPLE = """scratchpad report runs/parity-small --out report.html
  scratchpad report runs/direct runs/inductive/seed-* --out report.html --title "Two formats"
"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="+", help="one or more run folders")
    add("--out", metavar="FILE.html", required=True, help="the file to write")
    add("--plot", metavar="FILE.png", help="also save the plot of accuracy against length")
    add("--attention", action="store_true", help="plot the attention weights of one state for each inductive run")
    add("--force", action="store_true", help="overwrite existing files")
    add("--title", metavar="TEXT", help="title of the report (default: the tasks and formats)")
    add("--task-file", metavar="MY_TASK.py", help="Python file with your own task, if a run uses it; it is executed")


def _attention_plots(run: RunRecord, task_file: str | None) -> list[AttentionImage]:
    """Return a list with the attention plot of one state. The list is empty if the run is not inductive."""
    from scratchpad.evaluation.attention_weights import attention_of
    from scratchpad.reporting.attention_plot import attention_figure
    from scratchpad.reporting.diagnosis_tables import attention_image
    from scratchpad.run import Run

    if not format_named(run.config.task.format).inductive:
        return []
    evaluated = Run.load(run.folder, "best", "auto", task_file).evaluated
    question = evaluated.task.draw(0, "test", 0)
    found = attention_of(evaluated, question, min(2, len(evaluated.format.states(evaluated.task, question))))
    return [attention_image(attention_figure(found), question, found.state)]


def run(args: Namespace) -> None:
    from scratchpad.reporting.charts import save
    from scratchpad.reporting.html_page import accuracy_figure, page, read_runs

    runs = read_runs(args.runs, args.task_file)
    with new_file(args.out, args.force) as file:
        drawn = {run.folder: _attention_plots(run, args.task_file) for run in runs if args.attention}
        file.write(page(runs, args.title, drawn).encode())
        if args.plot:
            with new_file(args.plot, args.force) as picture:
                save(accuracy_figure(runs), picture)
    message(f"{args.out}: a report about {len(args.runs)} run{'s' if len(args.runs) > 1 else ''}")
