"""Programs of your own: a folder of .py files, or JSON lines `{"program": .., "call": ..}`.

In a file a line `# call: f(6)` is a run of the program with that call; without one the program is run as it is, and has
to set `output` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.programs.source import read_program
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.lines import read_lines
from scratchpad.tasks.program_runs import ProgramProblem, ProgramRuns

_CALLED = re.compile(r"^# call:(.*)\n?", re.MULTILINE)
_SPLIT = "train"


@dataclass(frozen=True)
class OwnPrograms(ProgramRuns):
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
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if not files:
            raise ScratchpadError(f"{path}: a folder without a .py file")
        yield from map(_of_file, files)


def _of_file(file: Path) -> ProgramProblem:
    text = read_program(file).replace("\r\n", "\n")
    calls = tuple(call.strip() for call in _CALLED.findall(text))
    return ProgramProblem(_CALLED.sub("", text).rstrip(), calls or (None,), _SPLIT)


def _of_line(place: str, value: dict[str, Any]) -> ProgramProblem:
    program, call = value.get("program"), value.get("call")
    if not isinstance(program, str) or not isinstance(call, str | None):
        raise ScratchpadError(f'{place}: a line is {{"program": .., "call": ..}}, both texts; `call` may be left out')
    return ProgramProblem(program, (call,), _SPLIT)
