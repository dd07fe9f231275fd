"""The entry point of the command line. It runs a command and turns an error into one line and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

from scratchpad.errors import RunFailure, ScratchpadError, unknown_name
from scratchpad.signals import handling_termination, interrupt

SUCCESS, FAILURE, USER_ERROR, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "tasks": "list the tasks with their formats, settings and sources",
    "settings": "list the settings of a run or a task with their meanings",
    "show": "print documents of a task, or the document of one question",
    "data": "write documents of a task to a JSON Lines file",
    "layout": "print documents as training rows, with positions and attention",
    "demo": "train one task in three formats and compare them, in a few minutes",
    "train": "train a model on a task, on a task or problems of your own, or with a recipe",
    "evaluate": "evaluate a trained model at the given sizes",
    "solve": "solve questions with a trained model, state by state",
    "reproduce": "reproduce an experiment of the papers and compare the results",
    "sweep": "train a task with every combination of settings and compare the runs",
    "prompt": "write few-shot prompts for language models",
    "score": "score answers and work that any model wrote",
    "report": "write an HTML report about one or more runs",
    "diagnose": "analyse the errors in a run's chains, or plot its attention",
    "trace": "run a Python program in a sandbox and print its trace",
    "globality": "measure how many tokens a model must combine to predict the next token",
    "bench": "measure speed and compare it with the public implementation",
}

ARGUMENTS = {
    "checkpoint": "--checkpoint", "force=True": "--force", "method='free'": "--method free", "out": "--out",
    "resume=True": "--resume", "task.test_data": "--test-data", "task_file": "--task-file",
}  # fmt: skip
"""The Python arguments that messages of the library name in backquotes, with the options of the command line."""
_USER_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


class Command(Protocol):
    """The module of one command. The docstring of the module is the description in --help.

    Slow imports, such as torch, are inside `run`, so that --help is fast.
    """

    EXAMPLE: str
    """One or more example command lines, which --help prints at the end."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to the parser."""
        ...

    def run(self, args: argparse.Namespace) -> None:
        """Run the command. Raises ScratchpadError for a user's mistake, and RunFailure or OSError for a failure."""
        ...


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises ScratchpadError. For an unknown option, it suggests the nearest option."""

    def error(self, message: str) -> NoReturn:
        raise ScratchpadError(f"{message} (see `{self.prog} --help`)")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        known, rest = self.parse_known_args(arguments)
        for name in rest:
            if name.startswith("-"):
                raise unknown_name(f"option of {self.prog}", name.partition("=")[0], self._option_string_actions)
        if rest:
            self.error(f"unexpected arguments: {' '.join(rest)}")
        return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (default: sys.argv). Return the exit status. Print an error as one line."""
    try:
        with handling_termination(interrupt, ctrl_c=False):
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe, such as `head`, has closed the pipe
        _discard_output()
        return SUCCESS
    except KeyboardInterrupt as request:
        return _fail(INTERRUPTED, "scratchpad: interrupted" + (f": {request}" if request.args else ""))
    except ScratchpadError as error:
        return _fail(USER_ERROR, f"scratchpad: error: {error}")
    except RunFailure as error:
        return _fail(FAILURE, f"scratchpad: error: {error}")
    except UnicodeEncodeError as error:
        return _fail(USER_ERROR, f"scratchpad: error: this terminal cannot print a character ({error}); use --json")
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
        return _fail(USER_ERROR if isinstance(error, _USER_ERRORS) else FAILURE, f"scratchpad: error: {text}")
    return status


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview(), file=sys.stdout if arguments else sys.stderr)
        return SUCCESS if arguments else USER_ERROR
    if arguments[0] == "--version":
        from scratchpad.provenance import package_version

        print(f"scratchpad {package_version()}")
        return SUCCESS
    name, *rest = arguments
    if name.startswith("-"):
        raise unknown_name("option of scratchpad", name, ("--help", "--version"))
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    command = cast(Command, importlib.import_module(f"scratchpad.cli.{name}"))
    try:
        args = _parser(name, command).parse(rest)
    except SystemExit:  # argparse has printed --help
        return SUCCESS
    command.run(args)
    return SUCCESS


def _parser(name: str, command: Command) -> _Parser:
    examples = command.EXAMPLE.strip()
    parser = _Parser(
        prog=f"scratchpad {name}",
        description=command.__doc__,
        epilog=f"{'examples' if examples.count('scratchpad ') > 1 else 'example'}:\n  {examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.arguments(parser)
    return parser


def _overview() -> str:
    commands = "\n".join(f"  {name:11}{summary}" for name, summary in COMMANDS.items())
    return f"""usage: scratchpad COMMAND ...

Train Transformers to show their work in a scratchpad, and run them on longer inputs.

{commands}

`scratchpad COMMAND --help` describes a command and its options.

example:
  scratchpad show parity --format inductive --set bits=5 window=8"""


def _fail(status: int, text: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    print(with_options(text), file=sys.stderr)
    return status


def with_options(message: str) -> str:
    """Return a message of the library with options (--resume) in place of Python arguments (`resume=True`)."""
    return re.sub("`([^`]+)`", lambda quoted: ARGUMENTS.get(quoted[1], quoted[0]), message)


def _discard_output() -> None:
    """Discard the buffered output of stdout. Otherwise, Python reports an error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
