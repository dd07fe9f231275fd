"""Print documents of a task. With --question, print only the document of that question."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from scratchpad.cli._options import add_draws, add_task, draws_from_arguments, task_from_arguments, whole_number
from scratchpad.cli._output import SkippedTally, message, print_json
from scratchpad.tasks.document import as_text
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import line_of

EXAMPLE = """scratchpad show parity --format inductive -n 2 --set bits=5 window=8
  scratchpad show parity --question 0_1_101_= --marks paper
  scratchpad show examples/my_data.jsonl -n 2
  scratchpad show cruxeval --split test --format scratchpad --set path=cruxeval.jsonl"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_task(parser)
    add_draws(parser)
    add("-n", type=whole_number(1), default=3, metavar="N", help="number of documents (default: %(default)s)")
    question = (
        "print the document of this question: the text before <start>, with spaces between symbols of several "
        "characters; -n, --seed and --split then have no effect"
    )
    add("--question", metavar="TEXT", help=question)
    marks = "print marks as names (<start> <sep> <end>) or as in the papers (: # .) (default: %(default)s)"
    add("--marks", choices=("names", "paper"), default="names", help=marks)
    add("--json", action="store_true", help="print one JSON object per document")


def run(args: Namespace) -> None:
    task, chosen = task_from_arguments(args), format_named(args.format)
    if args.question is not None:
        question = task.read_question(args.question)
        _print(args, line_of(task.fitted_to(question), chosen, question, None, args.marks == "paper"))
        return
    task.check_draws()
    tally = SkippedTally()
    for index, question in draws_from_arguments(args, task):
        with tally.counting():
            _print(args, line_of(task, chosen, question, (args.seed, args.split, index), args.marks == "paper"))
    if tally.reasons:
        message(f"{args.n} documents requested{tally}")


def _print(args: Namespace, line: dict[str, Any]) -> None:
    if args.json:
        print_json(line)
    else:
        print(as_text([*line["prompt"], *(symbol for state in line["states"] for symbol in state)]))
