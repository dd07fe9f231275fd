"""Write documents of a task to a JSON Lines file, which `scratchpad train --data` and `scratchpad layout` can read.

For programs (the tasks mbpp and cruxeval, or --source), this command runs and traces each program. It leaves out
programs that raise an exception, programs that the inductive format does not support, and documents that exceed
--context. It prints how many problems it left out for each reason.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from scratchpad.cli._options import add_draws, add_task, task_from_arguments, whole_number
from scratchpad.cli._output import ProgressCounter, SkippedTally, new_file
from scratchpad.errors import ScratchpadError, SkippedProblem
from scratchpad.layout.rows import positions_needed
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import Format, format_named
from scratchpad.tasks.jsonl import line_of
from scratchpad.tasks.program_runs import ProgramRuns
from scratchpad.tasks.single_lines import single_lines

EXAMPLE = """scratchpad data parity --format inductive -n 1000 --seed 0 --set bits=1-8 window=24 --out parity.jsonl
  scratchpad data mbpp --split train --format scratchpad --context 1024 --set path=mbpp.jsonl --out traces.jsonl
  scratchpad data programs --source examples/programs --format inductive --out traces.jsonl"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_task(parser)
    add_draws(parser)
    add("-n", type=whole_number(1), metavar="N", help="number of documents (default for tasks with a data set: all)")
    add("--context", type=whole_number(1), metavar="N", help="leave out documents that need more than N positions")
    single = "for programs: write distinct lines (state and line, then the next state) instead of whole runs"
    add("--single-lines", action="store_true", help=single)
    add("--out", metavar="FILE.jsonl", required=True, help="the file to write")
    add("--force", action="store_true", help="overwrite an existing file")


def run(args: Namespace) -> None:
    task, chosen = task_from_arguments(args), format_named(args.format)
    drawn = draws(task, args.seed, args.split, 0, _count(args, task))
    progress, tally = ProgressCounter("problems", _count(args, task)), SkippedTally()
    if not args.single_lines:
        lines = _documents(args, task, chosen, drawn, tally)
    elif isinstance(task, ProgramRuns):
        lines = single_lines(task, (question for _, question in drawn), tally.reasons)
    else:
        raise ScratchpadError(f"--single-lines needs a task that runs programs (mbpp, --source), not {task.name}")
    written = 0
    with new_file(args.out, args.force) as file:
        for made in lines:
            file.writelines(json.dumps(line).encode() + b"\n" for line in made)
            written += len(made)
            progress.advance()
        if tally.reasons and not written:
            raise ScratchpadError(f"{args.out}: nothing to write{tally}")
    progress.end(f"{args.out}: {written:,} documents{tally}")


def _count(args: Namespace, task: Task) -> int:
    held = task.count(args.split)
    wanted = held if args.n is None else args.n
    if wanted is None:
        raise ScratchpadError(f"{task.name} can draw any number of documents; choose a number with -n")
    if held == 0:
        task.draw(args.seed, args.split, 0)  # raises an error that lists the splits with questions
    if held is not None and wanted > held and not task.seeded:
        raise ScratchpadError(f"-n {wanted}: the {args.split} split of {task.name} has only {held} questions")
    return wanted


def _documents(
    args: Namespace, task: Task, format: Format, drawn: Iterator[tuple[int, Symbols]], tally: SkippedTally
) -> Iterator[list[dict[str, Any]]]:
    """Yield a list for each question: the question's line of the file, or an empty list if the question is left out."""
    for index, question in drawn:
        made = []
        with tally.counting():
            line = line_of(task, format, question, (args.seed, args.split, index))
            needed = positions_needed(Document(line["prompt"], line["states"])) if args.context else 0
            if args.context and needed > args.context:
                reason = f"over {args.context:,} positions"
                raise SkippedProblem(f"a document needs {needed} positions: {reason}", reason)
            made.append(line)
        yield made
