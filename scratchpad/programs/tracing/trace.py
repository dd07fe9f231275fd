"""The trace of one run of a program: its steps, the state at its end, and how it ended."""

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
    "exception": "it raised an exception that nothing caught",
    "exit": "it ended its process itself: sys.exit, os._exit",
    "time": "it took more time than allowed, on the wall or on the processor",
    "memory": "it needed more memory than allowed",
    "steps": "it ran more lines than allowed",
    "output": "it printed more than allowed",
    "trace": "its trace is longer than allowed",
    "signal": "a signal ended it: a crash of the interpreter, say",
    "syntax": "it is no valid Python",
    "refused": "it uses a construct that the inductive form does not cover",
    "lost": "the tracer was dropped: by the program, or by the interpreter where a recursion left no room for it",
    "tampered": "what came out of its process is no trace",
}
"""Every way in which a run ends."""

LIMIT_STATUSES = ("time", "memory", "steps", "output", "trace")


@dataclass(frozen=True)
class TraceStep:
    """A line about to run, and the state before it.

    line: its number, from 1. source: its text, with its indentation. state: the locals of the frame it runs in; in the
    inductive form, all that the rest of the run depends on. frame: the number of the call that the line belongs to, 1
    for the module; 0 in the inductive form.
    """

    line: int
    source: str
    state: State
    frame: int


@dataclass(frozen=True)
class Trace:
    """One run of a program, as the process that it ran in has told it: a hostile program can forge its own trace.

    program: all of the text that ran, the call included. state: the module's names at the end, `output` among them;
    empty where the process could no longer tell. status: one of STATUSES. error: `ValueError: the message`, or more
    about the status. output_text: `output` as a Python literal, where it has one. cuts: how many values were too
    long to be written whole. seconds: on the wall.
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
        """The last value of `output` as JSON; None too where there is none."""
        return self.state.get("output")

    def changes(self) -> Trace:
        """The same trace with only what is new in each state, compared with the last one of the same frame.

        A name that is gone is written as "<deleted>". The last state is compared with the module's last one.
        """
        seen: dict[int, State] = {}
        steps = [dataclasses.replace(step, state=_new(seen, step.frame, step.state)) for step in self.steps]
        return dataclasses.replace(self, steps=tuple(steps), state=_new(seen, 1, self.state))


def _new(seen: dict[int, State], frame: int, state: State) -> State:
    """What is new in a frame's state; the state is kept in `seen`."""
    before, seen[frame] = seen.get(frame, {}), state
    new = {name: value for name, value in state.items() if name not in before or not same_json(before[name], value)}
    return new | {name: "<deleted>" for name in before if name not in state}


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; 1, 1.0 and true are three. The order of an object's names says nothing."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def count_statuses(traces: Iterable[Trace]) -> Counter[str]:
    """How many runs ended in each way; refused ones by the construct: `refused: yield`."""
    return Counter(
        f"refused: {trace.error}".partition(" (")[0] if trace.status == "refused" else trace.status for trace in traces
    )
