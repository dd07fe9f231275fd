"""Print documents as training rows. A row is a sequence of tokens that the model reads in one forward pass.

For each token, the command prints its position, the tokens that it sees, and whether the loss includes it. The
documents are drawn from a task or your own data. With --input, documents are read from JSON Lines of `scratchpad show
--json` or `scratchpad data`. A line needs only the keys `prompt` and `states`. Both include marks such as <sep>.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from scratchpad.cli._options import add_draws, add_task, draws_from_arguments, task_from_arguments, whole_number
from scratchpad.cli._output import message, new_file, print_json
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.layout.rows import Budget, Row, rows
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import document_of_line, read_lines

EXAMPLE = """scratchpad layout parity --set bits=2 window=4 --layout split
  scratchpad layout examples/my_data.jsonl --format causal
  scratchpad show parity -n 1 --set bits=2 window=4 --json | scratchpad layout --input - --layout packed
  scratchpad layout --input parity.jsonl --layout mixed --budget 256 --question-loss --json"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_task(parser)
    add_draws(parser)
    add("-n", type=whole_number(1), default=1, metavar="N", help="number of documents to draw (default: %(default)s)")
    add("--input", metavar="FILE.jsonl|-", help="JSON Lines file with documents, instead of TASK (-: standard input)")
    layouts = (
        "packed: one row per document; split: one row per state, with the state before it; mixed: rows of at most "
        "--budget tokens (default: %(default)s)"
    )
    add("--layout", choices=("packed", "split", "mixed"), default="packed", help=layouts)
    add("--budget", type=whole_number(1), metavar="N", help="maximum number of tokens per row for --layout mixed")
    add("--question-loss", action="store_true", help="include the tokens of the prompt in the loss")
    add("--json", action="store_true", help="print one JSON object per document")
    add("--image", metavar="OUT.png", help="save a picture of the rows of the first document")
    add("--force", action="store_true", help="overwrite an existing image")


def run(args: Namespace) -> None:
    budget = _budget(args.layout, args.budget)
    if not args.image:
        _print_rows(args, budget)
        return
    with new_file(args.image, args.force) as file:
        first = _print_rows(args, budget)
        from scratchpad.reporting.row_picture import draw_rows  # imports matplotlib, which is slow

        draw_rows(first, file)
    message(f"{args.image}: picture of the first document, {len(first)} row{'s' if len(first) > 1 else ''}")


def _print_rows(args: Namespace, budget: Budget) -> list[Row[str]]:
    """Print the rows of every document. Return the rows of the first document."""
    first: list[Row[str]] = []
    for place, document in _documents(args):
        with error_prefix(place):
            made = rows(document, budget, args.question_loss)
        if args.json:
            print_json({"rows": [_row_json(row) for row in made]})
        else:
            print("\n\n".join(f"{place}, row {i}\n{row_as_text(row)}" for i, row in enumerate(made)), end="\n\n")
        first = first or made
    return first


def _documents(args: Namespace) -> Iterator[tuple[str, Document[str]]]:
    """Yield pairs (name of a document for messages, document)."""
    if [args.input, args.task, args.task_file, args.data].count(None) != 3:
        raise ScratchpadError("give only one of these: a task, --task-file, --data, or --input")
    if args.input is not None:
        for place, value in read_lines(args.input):
            yield place, document_of_line(place, value)
        return
    task, chosen = task_from_arguments(args), format_named(args.format)
    for index, question in draws_from_arguments(args, task):
        yield f"{task.name} {args.split} {index}", chosen.write(task, question)


def _budget(layout: str, budget: int | None) -> Budget:
    if layout == "mixed":
        if budget is None:
            raise ScratchpadError("--layout mixed needs --budget, the maximum number of tokens per row")
        return budget
    if budget is not None:
        raise ScratchpadError(f"--budget is only for --layout mixed, not for {layout}")
    return "packed" if layout == "packed" else "split"


def _row_json(row: Row[str]) -> dict[str, Any]:
    """Return a row as JSON. `visible` lists, for each token, the half-open index ranges of the tokens that it sees."""
    return {
        "tokens": row.tokens, "positions": row.positions, "visible": row.visible(),
        "scored": [int(scored) for scored in row.scored],
    }  # fmt: skip


def row_as_text(row: Row[str]) -> str:
    """Return a table with one line for each token. The ranges of indices that a token sees include both ends."""
    lines = [("index", "token", "position", "scored", "sees")]
    for i, ranges in enumerate(row.visible()):
        sees = " ".join(f"{low}-{high - 1}" if high - low > 1 else str(low) for low, high in ranges)
        token = row.tokens[i] if row.tokens[i].isprintable() else repr(row.tokens[i])
        lines.append((str(i), token, str(row.positions[i]), "yes" if row.scored[i] else ".", sees))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(line[:4], widths, strict=True)), line[4]]) for line in lines
    )
