"""A task from a user's programs: a folder of .py files, or JSON lines `{"program": .., "call": ..}`.

A comment `# call: f(6)` on a separate line of a .py file gives a call to run. A program without such comments must set
`output` itself. A file in the folder that is not text counts as a syntax error.
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
    """`path`: a folder of .py files, a .py file, or JSON lines {"program": .., "call": ..}.
    `lines`: the number of lines of a program. Every split has all programs.
    `steps`: the largest number of lines that a run may execute; longer runs are left out.
    `most_characters`: the largest number of characters in the paper's trace; longer traces are left out (0: no limit).
    """

    name: ClassVar[str] = "own-programs"
    summary: ClassVar[str] = "the output of your Python programs"
    source: ClassVar[str] = "your folder or file"

    def count(self, split: str) -> int:
        return super().count(_SPLIT)

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        return super().draw(seed, _SPLIT, index)

    def problems(self) -> Iterator[ProgramProblem]:
        if not self.path:
            raise ScratchpadError("own-programs needs the setting path=FOLDER (of .py files) or path=FILE.jsonl")
        path = Path(self.path)
        if not path.is_dir() and path.suffix != ".py":
            yield from (_from_line(*placed) for placed in read_lines(self.path))
            return
        if not path.is_dir():
            yield _from_text(read_program(path))
            return
        files = sorted(file for file in path.rglob("*.py") if file.is_file())
        if not files:
            raise ScratchpadError(f"{path}: the folder has no .py file")
        for file in files:
            try:
                yield _from_text(read_program(file))
            except ScratchpadError as error:  # a file that is not text counts as a syntax error
                yield ProgramProblem(str(error), (None,), _SPLIT)


def _from_text(text: str) -> ProgramProblem:
    text = text.replace("\r\n", "\n")
    calls = _calls(text)
    lines = [line for number, line in enumerate(text.split("\n"), 1) if number not in calls]
    return ProgramProblem("\n".join(lines).rstrip(), tuple(calls.values()) or (None,), _SPLIT)


def _calls(text: str) -> dict[int, str]:
    """Return {line number: call} for the comments that give calls, or {} if the text has a syntax error."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return {}
    alone = (token for token in tokens if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"))
    found = ((token.start[0], _CALL.match(token.string)) for token in alone)
    return {number: call[1].strip() for number, call in found if call}


def _from_line(place: str, value: dict[str, Any]) -> ProgramProblem:
    program, call = value.get("program"), value.get("call")
    if not isinstance(program, str) or not isinstance(call, str | None):
        raise ScratchpadError(
            f'{place}: a line must be {{"program": .., "call": ..}} with two strings; "call" may be missing or null'
        )
    return ProgramProblem(program, (call,), _SPLIT)
