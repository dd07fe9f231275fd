"""Aligned tables on stdout, without the start-up time of a library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table. The first column and columns of words are left-aligned, numbers right-aligned."""
    aligned = []
    for number, column in enumerate(zip(columns, *rows, strict=True)):
        cells = list(map(str, column))
        width, left = max(map(len, cells)), number == 0 or all(cell[:1].isalpha() for cell in cells[1:])
        aligned.append([cell.ljust(width) if left else cell.rjust(width) for cell in cells])
    for line in zip(*aligned, strict=True):
        print("  ".join(line).rstrip())
