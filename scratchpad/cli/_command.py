"""What a command module provides."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Protocol


class Command(Protocol):
    """What a module of this package is. Its docstring is the description that its --help begins with.

    Nothing slow is imported at the top of such a module: tensor libraries come inside `run`, so that --help is quick.
    """

    EXAMPLE: str
    """One or more command lines, at the end of its --help."""

    def arguments(self, parser: ArgumentParser) -> None:
        """Say what the command takes."""
        ...

    def run(self, args: Namespace) -> None:
        """Do it. ScratchpadError: the user's mistake; RunFailure and OSError: something failed."""
        ...
