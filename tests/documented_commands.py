"""Helpers for tests of the documentation: find the shell commands of a page, and run them in this process."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scratchpad.cli.main import main

_PROGRAMS = (
    "bash", "cd", "cp", "curl", "git", "jupyter", "make", "marimo", "mkdir", "pip", "python", "scratchpad", "source",
    "torchrun", "wget",
)  # fmt: skip
_SHELLS = ("bash", "console", "sh", "shell")


@dataclass(frozen=True)
class DocumentedCommand:
    """A shell command of a page, as written. line: the number of its line in the page. output: the lines below it."""

    page: str
    line: int
    text: str
    output: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands_of(page: str, text: str) -> Iterator[DocumentedCommand]:
    """Yield the commands of a page in order.

    A block of code is a series of indented lines, or what stands between ``` and ```. If the first line of a block
    starts with `$`, the commands are the lines that start with `$`, and the other lines are their output. If the first
    line starts with a program, every line is a command.
    """
    for block in _blocks(text):
        prompted = block[0][1].startswith("$ ")
        if not prompted and block[0][1].split(maxsplit=1)[0].rpartition("/")[2] not in _PROGRAMS:
            continue
        lines = list(_joined(block))
        starts = [i for i, (_, line) in enumerate(lines) if not prompted or line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            number, line = lines[start]
            output = tuple(line for _, line in lines[start + 1 : end])
            yield DocumentedCommand(page, number, line.removeprefix("$ "), output)


def python_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the blocks of Python code of a page, each with the number of its first line."""
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, found.start(1)) + 1, found[1]


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Yield blocks of code as lists of numbered lines without the indentation."""
    block: list[tuple[int, str]] = []
    fence: str | None = None  # the language of the block between ``` and ```
    for number, line in enumerate([*text.split("\n"), ""], 1):
        mark = re.match(r"```(\w*)$", line)
        is_code = bool(line.strip()) and not mark and (fence in _SHELLS if fence is not None else line[:4] == "    ")
        if is_code:
            block.append((number, line if fence else line[4:]))
        elif block:
            yield block
            block = []
        if mark:
            fence = None if fence is not None else mark[1]


def _joined(block: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the lines of a block. A line that ends with a backslash includes the next line."""
    start, text = 0, ""
    for number, line in block:
        start, text = start if text else number, text + line
        if text.endswith("\\"):
            text = text[:-1]
        else:
            yield start, text
            text = ""


def words_of(text: str) -> list[str]:
    """Return the words and operators of a command line; a comment is left out."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|>&;<")
    lexer.whitespace_split = True
    return list(lexer)


def parts_of(words: Sequence[str]) -> tuple[list[list[str]], str | None]:
    """Return the commands of a pipe, each as a list of words, and the file that receives the output."""
    piped, target = (words[: words.index(">")], words[-1]) if ">" in words else (words, None)
    parts: list[list[str]] = [[]]
    for word in piped:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts, target


def run_part(words: Sequence[str], given: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Run one command with this standard input in this process. Return its exit status, stdout and stderr."""
    program, *arguments = words
    arguments = [name for word in arguments for name in _expanded(word)]
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if program == "scratchpad":
            status = main(arguments)
        elif program == "python":
            status = _python(arguments, monkeypatch)
        else:
            return 127, "", f"{program} is not run: add it to `run_part`, or add the command to those that are not run"
    return status, out.getvalue(), err.getvalue()


def _expanded(word: str) -> list[str]:
    """Return the files that a pattern such as `runs/seed-*` matches, as the shell does, or the word itself."""
    return (sorted(map(str, Path().glob(word))) if "/" in word and "*" in word else []) or [word]


def _python(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    is_module = arguments[0] == "-m"
    monkeypatch.setattr(sys, "argv", list(arguments[is_module:]))
    run = runpy.run_module if is_module else runpy.run_path
    try:
        run(arguments[is_module], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else bool(end.code)
    return 0


def run_command(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Run a command line. Return what went wrong, or an empty text, and the output."""
    text = ""
    parts, target = parts_of(words)
    for part in parts:
        status, text, err = run_part(part, text, monkeypatch)
        if status:
            return f"status {status}\n{err}", text
    if target:
        Path(target).write_text(text, encoding="utf-8")
    return "", text
