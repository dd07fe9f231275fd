"""MBPP (Austin et al. 2021): Python programs with three tests each. The splits are as in Nye et al. 2021."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.base import BEYOND_PAPER
from scratchpad.tasks.hub_datasets import hub_lines
from scratchpad.tasks.jsonl import read_lines
from scratchpad.tasks.program_runs import ProgramProblem, ProgramRuns

_HUB = ("google-research-datasets/mbpp", "full")
_SPLITS = {"prompt": range(1, 11), "test": range(11, 511), "validation": range(511, 601), "train": range(601, 975)}


@dataclass(frozen=True)
class Mbpp(ProgramRuns):
    """`path`: the data file (default: use the Hugging Face hub). `lines`: the number of lines of a program.
    `steps`: the largest number of lines that a run may execute; longer runs are left out.
    `most_characters`: the largest length of a run's trace in characters; a task with a longer trace is left out. 0
    means no limit, and 1066 is about the paper's limit of 512 tokens. `candidates`: a file of programs that replace
    the data set's programs. Each line is {"task_id": 601, "program": ".."}. Runs that raise errors are left out.
    """

    name: ClassVar[str] = "mbpp"
    summary: ClassVar[str] = "the output of a Python program of MBPP"
    source: ClassVar[str] = "Nye et al. 2021, section 5.2; data of Austin et al. 2021, from a file or the hub"
    example_split: ClassVar[str] = "prompt"

    candidates: str = field(default="", metadata=BEYOND_PAPER)

    def problems(self) -> Iterator[ProgramProblem]:
        lines = read_lines(self.path) if self.path else hub_lines(*_HUB)
        tasks = dict(_problem(*placed) for placed in lines)
        yield from _candidates(self.candidates, tasks) if self.candidates else tasks.values()


def _problem(place: str, value: dict[str, Any]) -> tuple[int, ProgramProblem]:
    number, code, tests = (value.get(name) for name in ("task_id", "code", "test_list"))
    if type(number) is not int or not isinstance(code, str) or not isinstance(tests, list):
        raise ScratchpadError(f"{place}: an MBPP task must have `task_id` (a number), `code` (a text) and `test_list`")
    split = next((name for name, numbers in _SPLITS.items() if number in numbers), None)
    if split is None:
        raise ScratchpadError(f"{place}: task_id {number} must be from 1 to 974")
    calls = tuple(_call(place, test) for test in tests)
    return number, ProgramProblem(code, calls, split, value.get("test_setup_code") or "")


def _call(place: str, test: str) -> str:
    """Return the call in a test, for example `f(2)` in `assert f(2) == 4`."""
    try:
        (statement,) = ast.parse(test).body
    except (SyntaxError, ValueError, TypeError):
        statement = None
    if not isinstance(statement, ast.Assert):
        raise ScratchpadError(f"{place}: a test must have the form `assert f(..) == ..`, not {test!r}")
    tested = statement.test
    return ast.unparse(tested.left if isinstance(tested, ast.Compare) else tested)


def _candidates(path: str, tasks: dict[int, ProgramProblem]) -> Iterator[ProgramProblem]:
    """Yield a problem for each program in the file `path`, with the calls of the program's MBPP task."""
    for place, value in read_lines(path):
        number, program = value.get("task_id"), value.get("program")
        if type(number) is not int or number not in tasks or not isinstance(program, str):
            raise ScratchpadError(
                f"{place}: a candidate must have a `program` and the `task_id` of one of the {len(tasks)} tasks"
            )
        yield dataclasses.replace(tasks[number], program=program)
