"""Write documents of a task to a file of JSON lines: what `scratchpad train --data` and `scratchpad layout` read."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from scratchpad.commands.options import add_draws, add_task, task_of, whole_number
from scratchpad.commands.output import Progress, new_file
from scratchpad.tasks.base import draws
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.lines import line_of

EXAMPLE = "scratchpad data parity --format inductive -n 1000 --seed 0 --set bits=1-8 window=24 --out parity.jsonl"


def arguments(parser: ArgumentParser) -> None:
    add_task(parser)
    add_draws(parser)
    parser.add_argument("-n", type=whole_number(1), required=True, help="how many documents")
    parser.add_argument("--out", metavar="FILE.jsonl", required=True, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def run(args: Namespace) -> None:
    task, form = task_of(args), format_named(args.format)
    progress = Progress("documents", args.n)
    with new_file(args.out, args.force) as file:
        for index, question in draws(task, args.seed, args.split, 0, args.n):
            line = line_of(task, form, question, (args.seed, args.split, index))
            file.write(json.dumps(line).encode() + b"\n")
            progress.advance()
    progress.end(f"{args.out}: {args.n:,} documents")
