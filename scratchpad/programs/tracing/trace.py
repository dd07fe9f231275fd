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
    "exception": "the program raised an exception and did not catch it",
    "exit": "the program ended its own process with sys.exit or os._exit",
    "time": "the program took more time than allowed (wall-clock or processor time)",
    "memory": "the program needed more memory than allowed",
    "steps": "the program ran more lines than allowed",
    "output": "the program printed more than allowed",
    "trace": "the trace is longer than allowed",
    "signal": "a signal ended the program, for example after a crash of the interpreter",
    "syntax": "the program is not valid Python",
    "refused": "the program uses a construct that the inductive format does not support",
    "lost": "the program removed the tracer, or a deep recursion left no room for the tracer",
    "tampered": "the program's process sent data that is not a trace",
}
LIMIT_STATUSES = ("time", "memory", "steps", "output", "trace")


@dataclass(frozen=True)
class TraceStep:
    """A line of a program, and the state before this line runs.

    `line`: the line's number, starting at 1. `source`: the line's text with indentation. `state`: the frame's local
    variables; in the inductive format, everything on which the rest of the run depends. `frame`: the number of the call
    that runs the line. The module has number 1. In the inductive format, the number is always 0.
    """

    line: int
    source: str
    state: State
    frame: int


@dataclass(frozen=True)
class Trace:
    """One run of a program, as reported by the program's process. A hostile program can forge its trace.

    `program`: the whole text that ran, including the call. `state`: the module's variables at the end, or an empty dict
    if the process could not report them. `status`: a key of STATUSES. `error`: the exception, such as `ValueError: the
    message`, or details of the status. `output_text`: the value of `output`, as a Python literal if possible.
    `cuts`: the number of shortened values. `seconds`: the wall-clock time.
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
        """The final value of the program's variable `output`, as JSON. It is None if no such variable exists."""
        return self.state.get("output")

    def changes(self) -> Trace:
        """Return a copy whose states hold only changes since the call's previous state. "<deleted>" marks deletions."""
        seen: dict[int, State] = {}
        steps = [dataclasses.replace(step, state=_changed(seen, step.frame, step.state)) for step in self.steps]
        return dataclasses.replace(self, steps=tuple(steps), state=_changed(seen, 1, self.state))


def _changed(seen: dict[int, State], frame: int, state: State) -> State:
    """Return the changes since `seen[frame]`, the frame's previous state. Store the new state in `seen`."""
    before, seen[frame] = seen.get(frame, {}), state
    new = {name: value for name, value in state.items() if name not in before or not same_json(before[name], value)}
    return new | {name: "<deleted>" for name in before if name not in state}


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal. 1, 1.0 and true differ; the order of keys does not matter."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def count_statuses(traces: Iterable[Trace]) -> Counter[str]:
    """Count the runs with each status. Refused runs are counted by construct, for example `refused: class`."""
    return Counter(
        f"refused: {trace.error}".partition(" (")[0] if trace.status == "refused" else trace.status for trace in traces
    )
