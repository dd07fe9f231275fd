"""The paper's text of a trace, after Nye et al. 2021, section 5, and back: `state: {...}` and `line: ...` in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.programs.tracing.trace import State, Trace

BEGIN, DONE = "[BEGIN]", "[DONE]"

_STATE, _LINE, _ERROR = "state: ", "line: ", "error: "


@dataclass(frozen=True)
class ReadTrace:
    """A text read back. states: one before each line, and then the last one, unless there is an error instead."""

    states: tuple[State, ...]
    lines: tuple[str, ...]
    error: str | None

    @property
    def output(self) -> Any:
        """`output` in the last state as JSON, None too where there is none."""
        return self.states[-1].get("output") if self.states and self.error is None else None


def trace_text(trace: Trace) -> str:
    """A trace as text, without a line end at its end.

    A run that did not reach its end has its error in backend of the last state, or nothing where a limit cut it off.
    """
    parts = [f"{_STATE}{json.dumps(step.state)}\n{_LINE}{step.source}" for step in trace.steps]
    if trace.status == "done":
        parts.append(_STATE + json.dumps(trace.state))
    elif trace.error is not None:
        parts.append(_ERROR + trace.error)
    return "\n".join(parts)


def question_text(program: str) -> str:
    """What stands before the trace: the program and the question, as the paper asks it."""
    return f"Consider the following Python function:\n\n{program}\n\nWhat is the execution trace?\n\n{BEGIN}\n\n"


def whole_text(trace: Trace) -> str:
    """Question and trace between the paper's marks."""
    return f"{question_text(trace.program)}{trace_text(trace)}\n\n{DONE}"


def parse_trace(text: str) -> ReadTrace:
    """Read a trace's text back; what stands outside [BEGIN] and [DONE] is left out where those are there.

    ScratchpadError with the number of the line (from 1, in the text given) that is none of a trace.
    """
    states: list[State] = []
    lines: list[str] = []
    error = None
    for number, line in _body(text):
        if error is None and line.startswith(_STATE) and len(states) == len(lines):
            states.append(_state(line.removeprefix(_STATE), number))
        elif error is None and line.startswith(_LINE) and len(states) == len(lines) + 1:
            lines.append(line.removeprefix(_LINE))
        elif error is None and line.startswith(_ERROR) and len(states) == len(lines):
            error = line.removeprefix(_ERROR)
        else:
            wanted = "a state" if len(states) == len(lines) else "a line"
            raise ScratchpadError(f"line {number} of the trace: {line[:60]!r} where {wanted} is due")
    return ReadTrace(tuple(states), tuple(lines), error)


def _body(text: str) -> Iterator[tuple[int, str]]:
    """The lines between the marks that are not empty, with their numbers."""
    lines = text.split("\n")
    first = lines.index(BEGIN) + 1 if BEGIN in lines else 0
    last = lines.index(DONE, first) if DONE in lines[first:] else len(lines)
    return ((number, line) for number, line in enumerate(lines[first:last], first + 1) if line)


def _state(text: str, number: int) -> State:
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        state = None
    if not isinstance(state, dict):
        raise ScratchpadError(f"line {number} of the trace: {text[:60]!r} is no state: a JSON object is needed")
    return state
