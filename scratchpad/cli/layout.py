"""Write documents as training rows: for each token its position, the tokens it sees, and whether it is scored.

Reads the lines of `scratchpad show --json` and `scratchpad data`, or bare ones with `prompt` and `states` (marks in
place).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from scratchpad.cli._options import whole_number
from scratchpad.cli._output import message, new_file, print_json
from scratchpad.errors import ScratchpadError
from scratchpad.layout.rows import Budget, Row, rows
from scratchpad.tasks.jsonl import document_of_line, read_lines

EXAMPLE = """scratchpad show parity -n 1 --set bits=2 window=4 --json | scratchpad layout --input - --layout packed
  scratchpad layout --input parity.jsonl --layout mixed --budget 256 --question-loss --json"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--input", metavar="FILE.jsonl|-", required=True, help="documents; -: standard input")
    parser.add_argument(
        "--layout",
        choices=("packed", "split", "mixed"),
        default="packed",
        help="all in one row, one row a transition, or rows of at most --budget tokens (default: %(default)s)",
    )
    parser.add_argument("--budget", type=whole_number(1), metavar="N", help="tokens a row may have, for mixed")
    parser.add_argument("--question-loss", action="store_true", help="score the prompt's tokens, too")
    parser.add_argument("--json", action="store_true", help="one JSON object a document")
    parser.add_argument("--image", metavar="OUT.png", help="draw the rows of the first document")
    parser.add_argument("--force", action="store_true", help="replace the image if it is there")


def run(args: Namespace) -> None:
    budget = _budget(args.layout, args.budget)
    if not args.image:
        _print_rows(args, budget)
        return
    with new_file(args.image, args.force) as file:
        first = _print_rows(args, budget)
        from scratchpad.reporting.row_picture import draw_rows  # matplotlib takes its time

        draw_rows(first, file)
    message(f"{args.image}: the first document, {len(first)} row{'s' if len(first) > 1 else ''}")


def _print_rows(args: Namespace, budget: Budget) -> list[Row[str]]:
    """Print the rows of every document; those of the first one."""
    first: list[Row[str]] = []
    for place, value in read_lines(args.input):
        document = document_of_line(place, value)
        try:
            made = rows(document, budget, args.question_loss)
        except ScratchpadError as error:
            raise ScratchpadError(f"{place}: {error}") from None
        if args.json:
            print_json({"rows": [row_as_json(row) for row in made]})
        else:
            print("\n\n".join(f"{place}, row {i}\n{row_as_text(row)}" for i, row in enumerate(made)), end="\n\n")
        first = first or made
    return first


def _budget(layout: str, budget: int | None) -> Budget:
    if layout == "mixed":
        if budget is None:
            raise ScratchpadError("--layout mixed needs --budget, the tokens that a row may have")
        return budget
    if budget is not None:
        raise ScratchpadError(f"--budget belongs to --layout mixed; {layout} rows are as long as they are")
    return "packed" if layout == "packed" else "split"


def row_as_json(row: Row[str]) -> dict[str, Any]:
    """tokens, positions, visible (for each token the half-open ranges it sees), scored (0 or 1)."""
    return {
        "tokens": row.tokens,
        "positions": row.positions,
        "visible": row.visible(),
        "scored": [int(scored) for scored in row.scored],
    }


def row_as_text(row: Row[str]) -> str:
    """A table: place in the row, token, position, the places it sees (both ends included), scored."""
    lines = [("place", "token", "position", "scored", "sees")]
    for i, ranges in enumerate(row.visible()):
        sees = " ".join(f"{low}-{high - 1}" if high - low > 1 else str(low) for low, high in ranges)
        token = row.tokens[i] if row.tokens[i].isprintable() else repr(row.tokens[i])
        lines.append((str(i), token, str(row.positions[i]), "yes" if row.scored[i] else ".", sees))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(line[:4], widths, strict=True)), line[4]]) for line in lines
    )
