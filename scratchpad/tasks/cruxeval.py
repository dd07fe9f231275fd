"""CRUXEval (Gu et al. 2024): 800 short Python functions, each with one input. The test split has all functions."""

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
    """`path`: the data file (default: use the Hugging Face hub). `lines`: the number of lines of a program.
    `steps`: the largest number of lines that a run may execute; longer runs are left out.
    `most_characters`: the largest length of a run's trace in characters (0: no limit); longer runs are left out.
    """

    name: ClassVar[str] = "cruxeval"
    summary: ClassVar[str] = "the output of a Python function of CRUXEval"
    source: ClassVar[str] = "Gu et al. 2024, from a file or the hub"
    example_split: ClassVar[str] = "test"

    def problems(self) -> Iterator[ProgramProblem]:
        for place, value in read_lines(self.path) if self.path else hub_lines(_HUB):
            code, given = value.get("code"), value.get("input")
            if not isinstance(code, str) or not isinstance(given, str):
                raise ScratchpadError(f"{place}: a CRUXEval problem must have the strings `code` and `input`")
            yield ProgramProblem(code, (f"f({given})",), "test")
