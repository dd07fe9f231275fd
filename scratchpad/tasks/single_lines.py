"""Single lines of programs that ran: the state before a line and the line, and the state after it (Nye et al. 2021,
section 5.3).

    state: {"v0": 6, "v4": 2}
    line: v4 -= 1
    state: {"v0": 6, "v4": 1}
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from scratchpad.errors import SkippedProblem
from scratchpad.programs import Trace, TraceStep
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.program_runs import ProgramRuns

_MODULE = 1
_ITERATOR = ".0"  # what a comprehension calls it, before Python 3.12
_STATEMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.Expr)


def single_lines(task: ProgramRuns, questions: Iterable[Symbols], left_out: Counter[str]) -> Iterator[list[Any]]:
    """For each run its single lines as problems without marks, each different one once over all runs.

    left_out: counts, by reason, the runs without a trace, and the lines of runs that are no single ones.
    """
    known: dict[str, str] = {}
    for question in questions:
        try:
            trace = task.traced(question)
        except SkippedProblem as problem:
            left_out[problem.reason] += 1
            yield []
        else:
            yield list(_of_trace(trace, known, left_out))


def _of_trace(trace: Trace, known: dict[str, str], left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    end, whole = TraceStep(0, "", trace.state, _MODULE), _whole_statements(trace.program)
    for step, after in pairwise((*trace.steps, end)):
        line = step.source.strip()
        if _ITERATOR in step.state:
            left_out["lines within a comprehension"] += 1
        elif not _are_statements(line, whole[step.line]):
            left_out["lines that are no statement alone"] += 1
        elif step.frame != after.frame:
            left_out["lines that call or return"] += 1
        else:
            asked, found = f"state: {json.dumps(step.state)}\nline: {line}", f"state: {json.dumps(after.state)}"
            if asked not in known:
                yield {"question": asked, "states": [found], "answer": found}
            elif known[asked] != found:
                left_out["lines that depend on more than their state"] += 1
            known.setdefault(asked, found)


def _whole_statements(program: str) -> Counter[int]:
    """How many of a program's statements, without a block and without a way out of one, are on each line alone."""
    try:
        nodes = ast.walk(ast.parse(program))
    except RecursionError:
        return Counter()
    return Counter(node.lineno for node in nodes if isinstance(node, _STATEMENTS) and node.lineno == node.end_lineno)


def _are_statements(line: str, whole: int) -> bool:
    """Whether a line is so many statements, at least one, and nothing beside them: no part of a longer one."""
    try:
        body = ast.parse(line).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return 0 < len(body) == whole and all(isinstance(each, _STATEMENTS) for each in body)
