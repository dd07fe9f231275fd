"""Tables on stdout whose columns line up, without a library's start-up time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Column names, then rows; the first column and those of words to the left, numbers to the right."""
    lined_up = [_lined_up(list(map(str, cells)), i == 0) for i, cells in enumerate(zip(columns, *rows, strict=True))]
    for cells in zip(*lined_up, strict=True):
        print("  ".join(cells).rstrip())


def _lined_up(cells: list[str], first: bool) -> list[str]:
    """A column, its name first, in cells of one width."""
    width, words = max(map(len, cells)), all(cell[:1].isalpha() for cell in cells[1:])
    return [cell.ljust(width) if first or words else cell.rjust(width) for cell in cells]
