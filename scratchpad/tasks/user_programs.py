"""Programs of your own: a folder of .py files, or JSON lines `{"program": .., "call": ..}`.

In a file a comment `# call: f(6)` on a line of its own is a run of the program with that call; without one the program
is run as it is, and has to set `output` itself. A file of a folder that is no text counts as one that is no Python.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.programs import read_program
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.jsonl import read_lines
from scratchpad.tasks.program_runs import ProgramProblem, ProgramRuns

_CALL = re.compile(r"#\s*call:(.*)")
_SPLIT = "train"


@dataclass(frozen=True)
class UserPrograms(ProgramRuns):
    """path: a folder of .py files, one of them, or JSON lines {"program": .., "call": ..}. Every split is all of them.

    lines: of the programs that are drawn; steps: a run of more lines is left out; most_characters: so is a problem of
    which one run has a paper's trace of more characters (0: none is).
    """

    name: ClassVar[str] = "own-programs"
    summary: ClassVar[str] = "what a Python program of yours puts out"
    source: ClassVar[str] = "a folder or a file of yours"

    def count(self, split: str) -> int:
        return super().count(_SPLIT)

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        return super().draw(seed, _SPLIT, index)

    def problems(self) -> Iterator[ProgramProblem]:
        if not self.path:
            raise ScratchpadError("own-programs: which? --set path=FOLDER (of .py files) or path=FILE.jsonl")
        path = Path(self.path)
        if not path.is_dir() and path.suffix != ".py":
            yield from (_of_line(*placed) for placed in read_lines(self.path))
            return
        if not path.is_dir():
            yield _of_text(read_program(path))
            return
        files = sorted(file for file in path.rglob("*.py") if file.is_file())
        if not files:
            raise ScratchpadError(f"{path}: a folder without a .py file")
        yield from map(_of_file, files)


def _of_file(file: Path) -> ProgramProblem:
    """The program of one file of many; of one that cannot be read the error, which is no Python, and is counted so."""
    try:
        return _of_text(read_program(file))
    except ScratchpadError as error:
        return ProgramProblem(str(error), (None,), _SPLIT)


def _of_text(text: str) -> ProgramProblem:
    text = text.replace("\r\n", "\n")
    calls = _calls(text)
    lines = [line for number, line in enumerate(text.split("\n"), 1) if number not in calls]
    return ProgramProblem("\n".join(lines).rstrip(), tuple(calls.values()) or (None,), _SPLIT)


def _calls(text: str) -> dict[int, str]:
    """The calls that stand in comments, by the numbers of their lines; none in a text that is no Python."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return {}
    alone = (token for token in tokens if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"))
    found = ((token.start[0], _CALL.match(token.string)) for token in alone)
    return {number: call[1].strip() for number, call in found if call}


def _of_line(place: str, value: dict[str, Any]) -> ProgramProblem:
    program, call = value.get("program"), value.get("call")
    if not isinstance(program, str) or not isinstance(call, str | None):
        raise ScratchpadError(f'{place}: a line is {{"program": .., "call": ..}}, both texts; `call` may be left out')
    return ProgramProblem(program, (call,), _SPLIT)
