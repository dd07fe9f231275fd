"""What commands write: JSON lines, messages, progress, and files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from scratchpad.errors import ScratchpadError, SkippedProblem

_SECONDS_BETWEEN_REPORTS = 0.2


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object as a line on stdout."""
    print(json.dumps(value))


def message(text: str) -> None:
    """A line for people: on stderr, so that stdout holds data alone."""
    print(text, file=sys.stderr, flush=True)


def refuse_existing(path: str, force: bool) -> None:
    """ScratchpadError if a file is there and may not be replaced, or if what is there is no file."""
    if Path(path).exists() and not Path(path).is_file():
        raise ScratchpadError(f"{path} is there and is not a file: name another")
    if Path(path).exists() and not force:
        raise ScratchpadError(f"{path} is there already: name another file, or --force to replace it")


@contextmanager
def new_file(path: str, force: bool = False) -> Iterator[IO[bytes]]:
    """A file to write that takes its place only when all of it is written; after an error there is none.

    ScratchpadError, before anything is done, where it would replace another one without `force` or cannot be written.
    """
    refuse_existing(path, force)
    target = Path(path).resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:  # around the opening, too: Ctrl-C may come right behind it
        with _opened(unfinished, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _opened(unfinished: Path, path: str) -> IO[bytes]:
    try:
        return unfinished.open("wb")
    except OSError as error:
        raise ScratchpadError(f"{path} cannot be written: {unfinished.parent}: {error.strerror}") from None


class LeftOutTally:
    """Counts the problems that are left out, by reason."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Around the work on one problem, which ends where that has to be left out."""
        try:
            yield
        except SkippedProblem as problem:
            self.reasons[problem.reason] += 1

    def __str__(self) -> str:
        """`; left out 12: 8 refused: class, 4 exception`; empty where nothing was."""
        parts = [f"{count:,} {reason}" for reason, count in self.reasons.most_common()]
        return f"; left out {self.reasons.total():,}: {', '.join(parts)}" if parts else ""


class Progress:
    """A count on stderr: rewritten in place on a terminal, and elsewhere only the last one. total: 0 if not known."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self._live = sys.stderr.isatty()
        self._next_report = monotonic()

    def advance(self) -> None:
        self.done += 1
        if self._live and monotonic() >= self._next_report:
            self._next_report = monotonic() + _SECONDS_BETWEEN_REPORTS
            of = f" of {self.total:,}" if self.total else ""
            print(f"\r\x1b[K{self.done:,}{of} {self.what}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the count away."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self, text: str) -> None:
        """Say how it ended, in place of the count."""
        message(("\r\x1b[K" if self._live else "") + text)
