"""The two kinds of errors: a user's mistake, and a failure of a run.

A message names a Python argument in backquotes, such as `resume=True`. The command line prints its own option instead,
such as --resume (`ARGUMENTS` in `scratchpad/cli/main.py`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class ScratchpadError(ValueError):
    """A user's mistake. The message says what is wrong and what to do. The command ends with exit status 2."""


class SkippedProblem(ScratchpadError):
    """An error about one problem of a data set. The problem is left out. Reports count such problems by `reason`."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class RunFailure(RuntimeError):
    """A failure that is not the user's mistake, such as a full disk. The command ends with exit status 1."""


def unknown_name(kind: str, given: str, known: Iterable[str]) -> ScratchpadError:
    """Return the error for an unknown name. The message lists the known names, with the most similar name first."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    rest = near + [name for name in names if name not in near]
    return ScratchpadError(f"unknown {kind} {given!r}: {hint}known: {', '.join(rest)}")


@contextmanager
def error_prefix(text: str) -> Iterator[None]:
    """Put `text: ` before the message of every ScratchpadError that the `with` block raises."""
    try:
        yield
    except ScratchpadError as error:
        raise ScratchpadError(f"{text}: {error}") from None
