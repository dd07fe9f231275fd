"""Analyse the errors of an inductive run in the samples that `scratchpad evaluate` saved.

The command prints how many single transitions (from one state to the next state) are correct, by place in the chain
and by properties that the task defines. It compares the measured accuracy of whole chains with the accuracy that the
transitions predict. For generated samples (`scratchpad evaluate RUN --method free`), it also groups the first wrong
states by the kind of error.

The command then names likely causes of failures at a size: positions, symbols of states or kinds of states that
training documents never or hardly ever have. docs/generalise.md explains the remedies.

--attention plots the attention weights of one state for every layer and head. With --json, the weights are also
printed as an array of shape (layers, heads, tokens of the state, tokens of the whole input).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from scratchpad.cli._options import add_run_loading, whole_number
from scratchpad.cli._output import message, new_file, print_json, print_table
from scratchpad.errors import ScratchpadError
from scratchpad.number_format import percent
from scratchpad.tasks.formats import format_named

if TYPE_CHECKING:
    from scratchpad.reporting.diagnosis import Diagnosis

EXAMPLE = """scratchpad diagnose runs/parity-small
  scratchpad diagnose runs/parity-small --json
  scratchpad diagnose runs/parity-small --attention attention.png --question 0_1_101_= --state 2"""

_PLOT_FORMATS = (".png", ".svg", ".pdf")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("run", metavar="RUN", help="run folder with samples from `scratchpad evaluate`")
    add("--attention", metavar="FILE.png|svg|pdf", help="also plot the attention weights of one state to this file")
    add("--question", metavar="TEXT", help="question for the plot (default: the first test question)")
    number = "which state of the chain to plot, counted from 1 (default: %(default)s)"
    add("--state", type=whole_number(1), default=2, metavar="N", help=number)
    add("--force", action="store_true", help="overwrite an existing plot")
    add_run_loading(parser)
    add(
        "--json",
        action="store_true",
        help="print one JSON object per method and size, one per likely cause, and one for the plot",
    )


def run(args: Namespace) -> None:
    from scratchpad.reporting.causes import find_causes
    from scratchpad.reporting.diagnosis import diagnose
    from scratchpad.reporting.run_records import read_run

    if args.question is not None and not args.attention:
        raise ScratchpadError("--question is for the attention plot; give --attention FILE.png as well")
    if args.attention and Path(args.attention).suffix.lower() not in _PLOT_FORMATS:
        raise ScratchpadError(f"--attention {args.attention}: choose one of the file types {', '.join(_PLOT_FORMATS)}")
    record = read_run(args.run, args.task_file)
    if not format_named(record.config.task.format).inductive:
        raise ScratchpadError(
            f"{args.run} has the format {record.config.task.format}; this command can only analyse inductive runs"
        )
    found = diagnose(record)
    if args.attention:
        _draw(args, Path(args.attention).suffix[1:].lower())
    elif not found:
        file = f" --task-file {args.task_file}" if args.task_file else ""
        raise ScratchpadError(
            f"{args.run} has no samples; run `scratchpad evaluate {args.run}{file} --method free` first"
        )
    for diagnosis in found:
        print_json(diagnosis.to_json()) if args.json else _print(diagnosis)
    causes = find_causes(record, found)
    if args.json:
        for cause in causes:
            print_json({"cause": cause.to_json()})
        return
    for cause in causes:
        print(f"likely cause at size {cause.size}: {cause.what}")
    for advice in dict.fromkeys(cause.advice for cause in causes):
        print(f"what to do: {advice}")


def _draw(args: Namespace, kind: str) -> None:
    from scratchpad.evaluation.attention_weights import attention_of
    from scratchpad.reporting.attention_plot import attention_figure
    from scratchpad.reporting.charts import save
    from scratchpad.run import Run

    run = Run.load(Path(args.run), args.checkpoint, args.device, args.task_file)
    task = run.evaluated.task
    question = run.parse_question(args.question) if args.question is not None else task.draw(0, "test", 0)
    attention = attention_of(run.evaluated, question, args.state)
    figure = attention_figure(attention)
    with new_file(args.attention, args.force) as file:
        save(figure, file, kind)
    message(f"{args.attention}: attention weights of state {args.state}")
    if args.json:
        print_json({"attention": attention.to_json()})


def _print(diagnosis: Diagnosis) -> None:
    measured, every = diagnosis.chains, diagnosis.transitions
    print(
        f"{diagnosis.protocol}, size {diagnosis.size}: {percent(measured.accuracy)} of {measured.n:,} chains are "
        f"correct; {percent(every.accuracy, 2)} of {every.n:,} transitions are correct, which predicts "
        f"{percent(diagnosis.predicted)} correct chains"
    )
    places = {f"{place}": diagnosis.by_place[place] for place in sorted(diagnosis.by_place)}
    for name, shares in {"transition": places, **diagnosis.by_trait}.items():
        order = shares if name == "transition" else sorted(shares)
        rows = [(value, percent(shares[value].accuracy), shares[value].n) for value in order]
        print_table((name, "correct", "n"), rows)
    groups = diagnosis.errors()
    if groups:
        rows = [
            (what, one.count, one.state, one.written or "(nothing)", one.due or "(nothing)") for what, one in groups
        ]
        print_table(("first wrong state: what", "chains", "state", "example: written", "correct"), rows)
    print()
