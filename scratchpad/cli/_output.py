"""Output of commands: JSON lines, tables, messages, progress counts, and files that appear complete or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from scratchpad.errors import ScratchpadError, SkippedProblem

_SECONDS_BETWEEN_REPORTS = 0.2
_CLEAR_LINE = "\r\x1b[K"


def print_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object as one line on stdout."""
    print(json.dumps(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table. The first column and columns of words are left-aligned, numbers right-aligned."""
    aligned = []
    for number, column in enumerate(zip(columns, *rows, strict=True)):
        cells = list(map(str, column))
        width, left = max(map(len, cells)), number == 0 or all(cell[:1].isalpha() for cell in cells[1:])
        aligned.append([cell.ljust(width) if left else cell.rjust(width) for cell in cells])
    for line in zip(*aligned, strict=True):
        print("  ".join(line).rstrip())


def message(text: str) -> None:
    """Print a line for people on stderr: stdout carries only data."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def new_file(path: str, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when it is complete; after an error no file appears.

    Raises ScratchpadError before any work if `path` exists and `force` is not set, or if `path` cannot be written.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ScratchpadError(f"{path} exists and is not a file: choose another path")
    if Path(path).exists() and not force:
        raise ScratchpadError(f"{path} already exists: choose another file, or overwrite it with --force")
    target = Path(path).resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:  # includes the opening: Ctrl-C may come right after it
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
    """The number of problems that are left out, by reason."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Return a context for the work on one problem: a SkippedProblem in it ends the work and is counted."""
        try:
            yield
        except SkippedProblem as problem:
            self.reasons[problem.reason] += 1

    def __str__(self) -> str:
        """Return `; left out 12: 8 refused: class, 4 exception`, or an empty text if nothing was left out."""
        parts = [f"{count:,} {reason}" for reason, count in self.reasons.most_common()]
        return f"; left out {self.reasons.total():,}: {', '.join(parts)}" if parts else ""


class ProgressCounter:
    """A count on stderr. A terminal shows it live; elsewhere only `end` prints. total: 0 if unknown."""

    def __init__(self, unit: str = "", total: int = 0) -> None:
        self._unit, self._total, self._count = unit, total, 0
        self._live = sys.stderr.isatty()
        self._next_report = monotonic()

    def advance(self) -> None:
        self.update(self._unit, self._count + 1, self._total)

    def update(self, unit: str, count: int, total: int) -> None:
        """Show `count of total unit`, at most five times a second."""
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
        """Replace the count by a final line."""
        message((_CLEAR_LINE if self._live else "") + text)
