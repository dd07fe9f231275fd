"""Make a problem from each line that a program runs (Nye et al. 2021, section 5.3).

A question gives the line and the variables before the line. The answer gives the variables after the line.

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
_ITERATOR = ".0"  # the hidden variable of a comprehension before Python 3.12
_STATEMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.Expr)


def single_lines(task: ProgramRuns, questions: Iterable[Symbols], left_out: Counter[str]) -> Iterator[list[Any]]:
    """Yield one list of problems per question, with one problem per line that runs. Repeated problems are left out.

    `left_out`: a counter of runs and lines that give no problem, by reason. This function updates the counter.
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
            left_out["lines that are not a complete simple statement"] += 1
        elif step.frame != after.frame:
            left_out["lines that call or return"] += 1
        else:
            question, answer = f"state: {json.dumps(step.state)}\nline: {line}", f"state: {json.dumps(after.state)}"
            if question not in known:
                yield {"question": question, "states": [answer], "answer": answer}
            elif known[question] != answer:
                left_out["lines that depend on more than their state"] += 1
            known.setdefault(question, answer)


def _whole_statements(program: str) -> Counter[int]:
    """Return, for each line number, how many simple statements begin and end in that line. Jumps do not count."""
    try:
        nodes = ast.walk(ast.parse(program))
    except RecursionError:
        return Counter()
    return Counter(node.lineno for node in nodes if isinstance(node, _STATEMENTS) and node.lineno == node.end_lineno)


def _are_statements(line: str, whole: int) -> bool:
    """Return whether a line, parsed alone, consists of exactly `whole` simple statements, at least one."""
    try:
        body = ast.parse(line).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return 0 < len(body) == whole and all(isinstance(each, _STATEMENTS) for each in body)
