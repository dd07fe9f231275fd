"""Write documents as JSON lines, and read documents and problems from files of JSON lines."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, Document, in_paper_marks, letters
from scratchpad.tasks.formats import Format


def line_of(
    task: Task, format: Format, question: Symbols, draw: tuple[int, str, int] | None = None, paper_marks: bool = False
) -> dict[str, Any]:
    """Return the JSON object of a question's document. `draw`: the seed, split and index of a drawn question."""
    document = format.write(task, question)
    seed, split, index = draw or (None, None, None)
    prompt, states = document.prompt, document.states
    if paper_marks:
        prompt, states = in_paper_marks(prompt), tuple(map(in_paper_marks, states))
    return {
        "task": task.name, "format": format.name, "settings": task.settings(),
        "seed": seed, "split": split, "index": index, "question": question, "prompt": prompt,
        **({"preamble": document.preamble} if document.preamble else {}),
        "states": states, "answer": format.answer(task, question, document.states),
    }  # fmt: skip


def document_of_line(place: str, value: dict[str, Any]) -> Document[str]:
    """Read a document with its marks (<sep>, ...) from a JSON object. `place`: `FILE:LINE`, for error messages."""
    if not isinstance(value.get("states"), list) or "prompt" not in value:
        raise ScratchpadError(f"{place}: a document needs `prompt` and a list `states`, both with marks such as <sep>")
    prompt = symbols_of(value["prompt"], f"{place}: prompt", marks=True, empty=True)
    states = tuple(symbols_of(state, f"{place}: state {i}", marks=True) for i, state in enumerate(value["states"]))
    preamble = value.get("preamble", 0)
    if type(preamble) is not int:
        raise ScratchpadError(f"{place}: preamble must be a whole number (how many symbols), not {preamble!r}")
    with error_prefix(place):
        return Document(prompt, states, preamble)


def symbols_of(value: Any, place: str, marks: bool = False, empty: bool = False) -> Symbols:
    """Return the symbols of a JSON value: a list of symbols, or a string that is cut into characters and marks.

    `marks`: whether marks such as <sep> are allowed. `empty`: whether an empty value is allowed. `place`: the file,
    line and JSON key, for error messages. Raises ScratchpadError if the value is not allowed.
    """
    if not isinstance(value, (str, list)) or not all(isinstance(item, str) and item for item in value):
        raise ScratchpadError(f"{place} must be a text or a list of symbols, not {json.dumps(value)[:60]}")
    if not value and not empty:
        raise ScratchpadError(f"{place} is empty, but at least one symbol is needed")
    found = letters(value) if isinstance(value, str) else tuple(value)
    reserved = set() if marks else set(found) & set(MARKS)
    if reserved:
        raise ScratchpadError(f"{place}: {', '.join(sorted(reserved))} is not allowed: the tool adds marks itself")
    return found


def read_lines(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (`FILE:LINE`, object) for each JSON object in a file of JSON lines. The path `-` means standard input."""
    if path == "-":
        yield from _objects(sys.stdin, "standard input")
        return
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            yield from _objects(file, path)
    except OSError as error:
        raise _unreadable(path, error) from None


@dataclass(frozen=True)
class DataFile:
    """A file of JSON lines in memory. `path`: the name of the file in messages."""

    path: str
    content: bytes = field(repr=False)

    @classmethod
    def read(cls, path: str) -> DataFile:
        """Read a file. The path `-` means standard input."""
        try:
            return cls(path, sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
        except OSError as error:
            raise _unreadable(path, error) from None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the content, as a hexadecimal number."""
        return hashlib.sha256(self.content).hexdigest()

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (`FILE:LINE`, object) for each JSON object in the file."""
        yield from _objects(io.TextIOWrapper(io.BytesIO(self.content), encoding="utf-8-sig"), self.path)


def _unreadable(path: str, error: OSError) -> ScratchpadError:
    return ScratchpadError(f"{path}: cannot be read: {error.strerror}")


def _objects(file: Iterable[str], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    count = 0
    try:
        for number, line in enumerate(file, 1):
            if line.strip():
                count += 1
                yield f"{name}:{number}", _object(line, f"{name}:{number}")
    except UnicodeDecodeError as error:
        raise ScratchpadError(f"{name}: not UTF-8 text: {error}") from None
    if not count:
        raise ScratchpadError(f"{name}: no lines. The file must have at least one JSON object.")


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise ScratchpadError(f"{place}: not JSON: {error.msg}: column {error.pos + 1}") from None
    except (ValueError, RecursionError) as error:
        raise ScratchpadError(f"{place}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ScratchpadError(f"{place}: a line must be one JSON object, not {type(value).__name__}")
    return value
