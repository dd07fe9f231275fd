"""The output of commands: JSON lines, tables, messages, progress counts, and files."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from scratchpad.errors import ScratchpadError, SkippedProblem

_SECONDS_BETWEEN_REPORTS = 0.2
_CLEAR_LINE = "\r\x1b[K"
_GAP = "  "  # between the columns of a table


def print_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object as one line on stdout."""
    print(json.dumps(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table that fits the width of the terminal. A pipe or file receives one line per row."""
    for line in table_lines(columns, rows, shutil.get_terminal_size((0, 0)).columns):
        print(line)


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int = 0) -> list[str]:
    """Return the lines of a table of at most `width` characters; 0 means any width.

    Numbers are right-aligned; the first column and columns of words are left-aligned. If the table is too wide, headers
    and words are wrapped. If wrapping is not enough, the columns are divided into several tables, which all start with
    the first column.
    """
    table = [list(map(str, column)) for column in zip(columns, *rows, strict=True)]
    words = [number == 0 or all(cell[:1].isalpha() for cell in cells[1:]) for number, cells in enumerate(table)]
    widths = [max(map(len, cells)) for cells in table]
    groups = [list(range(len(widths)))]
    if width and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        fixed = [[] if is_words else cells[1:] for cells, is_words in zip(table, words, strict=True)]  # never wrapped
        least = [
            max(map(len, (*" ".join(cells[: len(cells) - len(whole)]).split(), *whole)))
            for cells, whole in zip(table, fixed, strict=True)
        ]
        while sum(widths) + len(_GAP) * (len(widths) - 1) > width and widths != least:
            widths[max((i for i in groups[0] if widths[i] > least[i]), key=lambda i: widths[i])] -= 1
        groups = _column_groups(widths, width)
    wrapped = [
        [textwrap.wrap(cell, room, break_on_hyphens=False) or [""] if len(cell) > room else [cell] for cell in cells]
        for cells, room in zip(table, widths, strict=True)
    ]
    widths = [max(len(part) for parts in cells for part in parts) for cells in wrapped]
    lines: list[str] = []
    for group in groups:
        lines += [""] if lines else []
        for row in zip(*wrapped, strict=True):
            for parts in itertools.zip_longest(*(row[i] for i in group), fillvalue=""):
                sized = zip(parts, group, strict=True)
                cells = [part.ljust(widths[i]) if words[i] else part.rjust(widths[i]) for part, i in sized]
                lines.append(_GAP.join(cells).rstrip())
    return lines


def _column_groups(widths: Sequence[int], width: int) -> list[list[int]]:
    """Divide columns into groups that fit the width. A group is a list of column numbers and starts with column 0."""
    groups = [[0]]
    for number in range(1, len(widths)):
        if len(groups[-1]) > 1 and sum(widths[i] + len(_GAP) for i in groups[-1]) + widths[number] > width:
            groups.append([0])
        groups[-1].append(number)
    return groups


def message(text: str) -> None:
    """Print a message on stderr, because stdout is only for data."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def new_file(path: str, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a new file for writing. The file appears at `path` only if the `with` block ends without an error.

    Raises ScratchpadError before the block if `path` exists and `force` is not set, or if `path` cannot be written.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ScratchpadError(f"{path} exists but is not a regular file; choose another path")
    if Path(path).exists() and not force:
        raise ScratchpadError(f"{path} already exists: choose another file, or overwrite it with --force")
    target = Path(path).resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:  # `open` is inside the `try`, because Ctrl-C may come right after `open`
        try:
            file = unfinished.open("wb")
        except OSError as error:
            raise ScratchpadError(f"{path} cannot be written: {unfinished.parent}: {error.strerror}") from None
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


class SkippedTally:
    """The number of problems that a command leaves out, for each reason."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Return a context manager that catches and counts a SkippedProblem."""
        try:
            yield
        except SkippedProblem as problem:
            self.reasons[problem.reason] += 1

    def __str__(self) -> str:
        """Return a text such as `; left out 12: 8 syntax, 4 exception`, or an empty text if nothing was left out."""
        parts = [f"{count:,} {reason}" for reason, count in self.reasons.most_common()]
        return f"; left out {self.reasons.total():,}: {', '.join(parts)}" if parts else ""


class ProgressCounter:
    """A progress count on stderr. Without a terminal, only `end` prints. total: the final count, or 0 if unknown."""

    def __init__(self, unit: str = "", total: int = 0) -> None:
        self._unit, self._total, self._count = unit, total, 0
        self._live = sys.stderr.isatty()
        self._next_report = monotonic()

    def advance(self) -> None:
        self.update(self._unit, self._count + 1, self._total)

    def update(self, unit: str, count: int, total: int) -> None:
        """Show the count, such as `30 of 100 problems`. The display changes at most five times per second."""
        self._unit, self._count, self._total = unit, count, total
        if self._live and monotonic() >= self._next_report:
            self._next_report = monotonic() + _SECONDS_BETWEEN_REPORTS
            of = f" of {total:,}" if total else ""
            print(f"{_CLEAR_LINE}{count:,}{of} {unit}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the count from the terminal."""
        if self._live:
            print(_CLEAR_LINE, end="", file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        """Remove the count and print a final message."""
        message((_CLEAR_LINE if self._live else "") + text)
