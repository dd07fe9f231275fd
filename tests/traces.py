"""Traces for several tests, and runners for each isolation that this machine allows."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from scratchpad.errors import RunFailure
from scratchpad.programs import Isolation, ResourceLimits, Runner

FUNCTION = """\
def f(v0):
  v0 += 0
  v4 = 2
  while v4 > 0:
    v4 -= 1
    v0 *= 2
  return v0
"""

PAPER = """\
Consider the following Python function:

def f(v0):
  v0 += 0
  v4 = 2
  while v4 > 0:
    v4 -= 1
    v0 *= 2
  return v0

output = f(6)

What is the execution trace?

[BEGIN]

state: {}
line: def f(v0):
state: {"f": "<callable_object f>"}
line: output = f(6)
state: {"v0": 6}
line:   v0 += 0
state: {"v0": 6}
line:   v4 = 2
state: {"v0": 6, "v4": 2}
line:   while v4 > 0:
state: {"v0": 6, "v4": 2}
line:     v4 -= 1
state: {"v0": 6, "v4": 1}
line:     v0 *= 2
state: {"v0": 12, "v4": 1}
line:   while v4 > 0:
state: {"v0": 12, "v4": 1}
line:     v4 -= 1
state: {"v0": 12, "v4": 0}
line:     v0 *= 2
state: {"v0": 24, "v4": 0}
line:   while v4 > 0:
state: {"v0": 24, "v4": 0}
line:   return v0
state: {"f": "<callable_object f>", "output": 24}

[DONE]"""

CHANGES = """\
state: {}
line: def f(v0):
state: {"f": "<callable_object f>"}
line: output = f(6)
state: {"v0": 6}
line:   v0 += 0
state: {}
line:   v4 = 2
state: {"v4": 2}
line:   while v4 > 0:
state: {}
line:     v4 -= 1
state: {"v4": 1}
line:     v0 *= 2
state: {"v0": 12}
line:   while v4 > 0:
state: {}
line:     v4 -= 1
state: {"v4": 0}
line:     v0 *= 2
state: {"v0": 24}
line:   while v4 > 0:
state: {}
line:   return v0
state: {"output": 24}"""


def started(isolation: Isolation = "auto", limits: ResourceLimits | None = None) -> Runner:
    """Return a runner with a running server; skip the test if this machine does not allow the isolation."""
    runner = Runner(limits or ResourceLimits(seconds=60), isolation)
    try:
        return runner.__enter__()
    except RunFailure as refused:
        pytest.skip(str(refused))


class ReadTrace(NamedTuple):
    states: tuple[dict[str, Any], ...]
    lines: tuple[str, ...]
    error: str | None


def read_trace(text: str) -> ReadTrace:
    """Parse a trace's text, with or without the paper's question around it: `state:` and `line:` take turns."""
    states, lines, error = [], [], None
    trace = text.partition("[BEGIN]\n\n")[2].removesuffix("\n\n[DONE]") or text
    for line in trace.split("\n"):
        kind, _, rest = line.partition(": ")
        assert error is None
        assert kind in (("state", "error") if len(states) == len(lines) else ("line",)), line
        if kind == "state":
            states.append(json.loads(rest))
        elif kind == "line":
            lines.append(rest)
        else:
            error = rest
    return ReadTrace(tuple(states), tuple(lines), error)
