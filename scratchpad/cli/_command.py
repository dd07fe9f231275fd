"""The interface of a command module."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol


class Command(Protocol):
    """A command module. Its docstring is the description in its --help.

    A command module imports nothing slow at its top: `run` imports torch and the like, so that --help is quick.
    """

    EXAMPLE: str
    """One or more command lines, printed at the end of --help."""

    def arguments(self, parser: ArgumentParser) -> None:
        """Add the command's arguments to the parser."""
        ...

    def run(self, args: Namespace) -> None:
        """Run the command. Raises ScratchpadError for a user's mistake, RunFailure or OSError for a failure."""
        ...
