"""CRUXEval: 800 short Python functions with one input each (Gu et al. 2024), all in the test split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.hub_datasets import hub_lines
from scratchpad.tasks.jsonl import read_lines
from scratchpad.tasks.program_runs import ProgramProblem, ProgramRuns

_HUB = "cruxeval-org/cruxeval"


@dataclass(frozen=True)
class Cruxeval(ProgramRuns):
    """`path`: the file with the data (default: the data come from the hub). `lines`: the number of lines of a program.
    `steps`: the largest number of lines that a run may execute; longer runs are left out.
    `most_characters`: the largest number of characters of a run's paper trace; longer runs are left out (0: no limit).
    """

    name: ClassVar[str] = "cruxeval"
    summary: ClassVar[str] = "the output of a Python function of CRUXEval"
    source: ClassVar[str] = "Gu et al. 2024, from a file or the hub"
    example_split: ClassVar[str] = "test"

    def problems(self) -> Iterator[ProgramProblem]:
        for place, value in read_lines(self.path) if self.path else hub_lines(_HUB):
            code, given = value.get("code"), value.get("input")
            if not isinstance(code, str) or not isinstance(given, str):
                raise ScratchpadError(f"{place}: a function of CRUXEval must have `code` and `input`, both strings")
            yield ProgramProblem(code, (f"f({given})",), "test")
