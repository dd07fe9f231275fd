"""The trace of one run of a program: its steps, its last state, and how it ended."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

State = dict[str, Any]

STATUSES = {
    "done": "the program ran to its end",
    "exception": "it raised an exception that it did not catch",
    "exit": "it ended its process itself: sys.exit, os._exit",
    "time": "it took more time than allowed (wall-clock or processor time)",
    "memory": "it needed more memory than allowed",
    "steps": "it ran more lines than allowed",
    "output": "it printed more than allowed",
    "trace": "its trace is longer than allowed",
    "signal": "a signal ended it, for example after a crash of the interpreter",
    "syntax": "it is not valid Python",
    "refused": "it uses a construct that the inductive form does not cover",
    "lost": "the tracer was removed: by the program, or by the interpreter when a recursion left no room for it",
    "tampered": "its process sent something that is not a trace",
}
LIMIT_STATUSES = ("time", "memory", "steps", "output", "trace")


@dataclass(frozen=True)
class TraceStep:
    """A line about to run, and the state before it.

    line: its number, from 1. source: its text, with its indentation. state: the local variables of its frame; in the
    inductive form, everything that the rest of the run depends on. frame: the number of the call to which the line
    belongs, 1 for the module; 0 in the inductive form.
    """

    line: int
    source: str
    state: State
    frame: int


@dataclass(frozen=True)
class Trace:
    """One run of a program, as reported by its own process: a hostile program can forge its own trace.

    program: the whole text that ran, including the call. state: the module's variables at the end, such as `output`;
    empty if the process could not report them. status: one of STATUSES. error: the exception, such as
    `ValueError: the message`, or details of the status. output_text: `output` as a Python literal, if it has one.
    cuts: the number of values that were too long to be written whole. seconds: of wall-clock time.
    """

    program: str
    steps: tuple[TraceStep, ...]
    state: State
    status: str
    error: str | None = None
    error_line: int | None = None
    output_text: str | None = None
    stdout: str = ""
    stderr: str = ""
    cuts: int = 0
    seconds: float = 0.0

    @property
    def output(self) -> Any:
        """The last value of `output` as JSON; also None if there is no `output`."""
        return self.state.get("output")

    def changes(self) -> Trace:
        """Return the trace with only what changed in each state since the frame's (or module's) state before it.

        A deleted variable has the value "<deleted>".
        """
        seen: dict[int, State] = {}
        steps = [dataclasses.replace(step, state=_changed(seen, step.frame, step.state)) for step in self.steps]
        return dataclasses.replace(self, steps=tuple(steps), state=_changed(seen, 1, self.state))


def _changed(seen: dict[int, State], frame: int, state: State) -> State:
    """Return what has changed in a frame since its state in `seen`, and store the new state there."""
    before, seen[frame] = seen.get(frame, {}), state
    new = {name: value for name, value in state.items() if name not in before or not same_json(before[name], value)}
    return new | {name: "<deleted>" for name in before if name not in state}


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, where 1, 1.0 and true differ; the order of an object's keys does not count."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def count_statuses(traces: Iterable[Trace]) -> Counter[str]:
    """Count how the runs ended: by status, and refused ones by the construct, such as `refused: yield`."""
    return Counter(
        f"refused: {trace.error}".partition(" (")[0] if trace.status == "refused" else trace.status for trace in traces
    )
