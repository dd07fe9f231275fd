"""The command line: finds the command's module, and turns its errors into one line and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, cast

from scratchpad.cli._command import Command
from scratchpad.errors import RunFailure, ScratchpadError, unknown_name
from scratchpad.signals import handling_termination, interrupt

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "tasks": "what there is: tasks, their formats, settings and sources",
    "show": "print documents of a task, or the document of one question",
    "data": "write documents of a task to a file of JSON lines",
    "layout": "write documents as training rows: positions, who sees whom, what is scored",
    "demo": "train one task in three formats and compare them: the main idea in minutes",
    "train": "train a model from a recipe or a saved configuration",
    "evaluate": "judge a trained model at given sizes",
    "solve": "let a trained model work out questions, state by state",
    "reproduce": "run an experiment of the papers: a table and a figure, the paper's result beside ours",
    "sweep": "train a recipe with every combination of settings and compare the runs",
    "prompt": "write prompts with worked examples for language models",
    "score": "score what any model wrote, answers and whole work",
    "report": "write one HTML page about one run or several",
    "diagnose": "say what goes wrong in the chains of a run, and where it attends",
    "trace": "run a Python program in a process of its own, and write its trace",
    "globality": "how many tokens must be looked at together, for each token of a scratchpad",
    "bench": "measure speed beside the public implementation's way",
}

_MISTAKES = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ScratchpadErrors that offer the nearest option."""

    def error(self, message: str) -> NoReturn:
        raise ScratchpadError(f"{message} (see `{self.prog} --help`)")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        known, rest = self.parse_known_args(arguments)
        for name in rest:
            if name.startswith("-"):
                raise unknown_name(f"option of {self.prog}", name.partition("=")[0], self._option_string_actions)
        if rest:
            self.error(f"not understood: {' '.join(rest)}")
        return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, sys.argv by default; the exit status. Errors are printed on stderr, one line each."""
    try:
        with handling_termination(interrupt, ctrl_c=False):
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `| head`
        _drop_output()
        return DONE
    except KeyboardInterrupt as request:
        return _ended(INTERRUPTED, f"scratchpad: interrupted{_reason(request)}")
    except ScratchpadError as error:
        return _ended(MISTAKE, f"scratchpad: error: {error}")
    except RunFailure as error:
        return _ended(FAILED, f"scratchpad: error: {error}")
    except UnicodeEncodeError as error:
        return _ended(MISTAKE, f"scratchpad: error: cannot be printed here: {error}; --json can")
    except OSError as error:
        return _ended(MISTAKE if isinstance(error, _MISTAKES) else FAILED, f"scratchpad: error: {_os_text(error)}")
    return status


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview(), file=sys.stdout if arguments else sys.stderr)
        return DONE if arguments else MISTAKE
    if arguments[0] == "--version":
        print(_version())
        return DONE
    name, *rest = arguments
    if name.startswith("-"):
        raise unknown_name("option of scratchpad", name, ("--help", "--version"))
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    command = cast(Command, importlib.import_module(f"scratchpad.cli.{name}"))
    try:
        args = _parser(name, command).parse(rest)
    except SystemExit:  # argparse has printed --help
        return DONE
    command.run(args)
    return DONE


def _parser(name: str, command: Command) -> _Parser:
    parser = _Parser(
        prog=f"scratchpad {name}",
        description=command.__doc__,
        epilog=f"example:\n  {command.EXAMPLE.strip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.arguments(parser)
    return parser


def _overview() -> str:
    lines = [f"  {name:11}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: scratchpad COMMAND ...",
            "",
            "Trains Transformers to show their work in a scratchpad, and runs them.",
            "",
            *lines,
            "",
            "`scratchpad COMMAND --help` says what a command takes.",
            "example:",
            "  scratchpad show parity --format inductive --set bits=5 window=8",
        ]
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"scratchpad {version('scratchpad')}"
    except PackageNotFoundError:
        return "scratchpad (not installed: run from its source)"


def _reason(interrupt: KeyboardInterrupt) -> str:
    """What a command says about being interrupted: how to resume, say."""
    return f": {interrupt}" if interrupt.args else ""


def _os_text(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _ended(status: int, text: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    print(text, file=sys.stderr)
    return status


def _drop_output() -> None:
    """Let what stdout still holds go nowhere, or Python complains about it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
