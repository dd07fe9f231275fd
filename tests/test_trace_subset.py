"""What the inductive form of traces does not support, by name, and the statuses of its runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from inductive_checks import check_against_cpython, next_state, run, states
from traces import started

from scratchpad.errors import ScratchpadError
from scratchpad.programs import ResourceLimits, Runner
from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.unsupported import Unsupported

UNSUPPORTED = {
    "class": "class A: pass",
    "with": "with x: pass",
    "decorator": "@f\ndef g(): pass",
    "match": "match 1:\n    case 1: pass",
    "async def": "async def f(): pass",
    "eval()": "eval('1')",
    "import random": "import random",
    "import *": "from math import *",
    "sys.settrace": "import sys\nsys.settrace(None)",
    "assignment to an attribute": "f.x = 1",
    ".__class__": "().__class__",
    "is between values": "a = b = 1\na is b",
    "is between values ": "a = 1000\na is 1000",
    "is between values  ": "a = 1.0\na is 1.0",
    "not-a-number as a constant": "x = 1e999 - 1e999",
    "call in an annotation": "def f(): pass\ndef g(x: f()): pass",
    "call in the target of an assignment": "def f(): pass\nx[f()], y = 1, 2",
    "call in a chained comparison": "def f(): pass\n1 < 2 < f()",
    "call in the message of an assertion": "def f(): pass\nassert 1, f()",
    "name bound twice in a comprehension that calls a function": "def f(x): pass\nx = [f([x for x in x]) for x in '']",
    "call in a generator expression": "def f(): pass\nx = (f() for i in '')",
}


@pytest.mark.filterwarnings("ignore:.* with .* literal:SyntaxWarning")  # about the unsupported `is`
@pytest.mark.parametrize("construct", UNSUPPORTED)
def test_unsupported_constructs_have_names(construct: str) -> None:
    with pytest.raises(Unsupported) as caught:
        CompiledProgram(UNSUPPORTED[construct])
    assert caught.value.construct == construct.strip()
    assert caught.value.line in (1, 2)


def test_deeply_nested_expressions_are_unsupported() -> None:
    with pytest.raises(Unsupported, match="expression nested too deeply"):
        CompiledProgram(f"def f(): pass\nx = f(){' + 1' * 1009}")


def test_recursion_has_the_depth_of_cpython() -> None:
    machine = Machine(CompiledProgram("def f(n):\n    global deepest\n    deepest = n\n    f(n + 1)\nf(1)"))
    with pytest.raises(RecursionError, match="maximum recursion depth exceeded"):
        deque(iter(machine.advance, False))
    assert machine.globals["deepest"] == 999


UNSUPPORTED_VALUES = {
    "generator": "def g():\n    yield 1\nx = g()\ny = 1",
    "value of type count": "import itertools\nx = itertools.count()\ny = 1",
    "dict or set changed during its iteration": ("d = {1: 1, 2: 2}\nfor k in d:\n    d.pop(2, 0)\n    d[3] = 3"),
    "dict or set changed during its iteration ": "d = {'a': 1}\nfor k in d: d[k] = d.pop(k)\ny = 1",
    "dict or set changed during its iteration  ": "s = {1}\nfor x in s:\n    s.remove(1)\n    s.add(9)\n",
    "functools.partial with keywords": "import functools\np = functools.partial(int, base=2)\ny = 1",
    "regex match that is not the first match of its pattern": "import re\nm = [*re.finditer('a', 'aa')][1]\ny = 1",
    "value nested too deeply": "x = []\nfor i in range(101): x = [x]",
    "reversed() of a dict": "for x in reversed({1: 2}):\n    y = 1",
    "iterator of a set": "for x in zip(*[{1, 2}]):\n    y = 1",
    "class created by a call": "from collections import namedtuple\nP = namedtuple('P', 'x y')\ny = 1",
    "two lambdas in one line": "x = (lambda: 1), (lambda: 2)\ny = 1",
    "set in an order that its elements do not determine": "s = {7, 15}\ny = 1",
    "set of values whose hash is their address": "s = {lambda: 1, 2}\ny = 1",
}


@pytest.mark.parametrize("construct", UNSUPPORTED_VALUES)
def test_states_cannot_hold_some_values(construct: str) -> None:
    with pytest.raises(Unsupported) as caught:
        list(states(CompiledProgram(UNSUPPORTED_VALUES[construct])))
    assert caught.value.construct == construct.strip()


def test_unsupported_values_within_a_line_are_allowed() -> None:
    check_against_cpython("import itertools\ndef g():\n    yield 5\nx = list(itertools.chain([1], [2]))\noutput = x")
    _, error, machine = run("def g():\n    yield 5\noutput = list(g()), next(g())")
    assert (error, machine.globals["output"]) == (None, ([5], 5))


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"frames": []},
        {"frames": [{"in": "g", "line": 1, "locals": {}}]},
        {"frames": [{"in": "<module>", "line": 7, "locals": {}}]},
        {"frames": [{"in": "<module>", "line": 1, "locals": {"x": {"$same": 3}}}]},
        {"frames": [{"in": "<module>", "line": 1, "locals": {"x": {"$exception": ["exit"]}}}]},
        {"frames": [{"in": "<module>", "line": 1, "locals": {"x": {"$module": ["os"]}}}]},
        {"frames": [{"in": "<module>", "line": 1, "locals": {}, "blocks": [{"what": 1}]}]},
        {"frames": 3},
    ],
)
def test_invalid_states_are_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ScratchpadError, match="not a state of this program"):
        next_state(CompiledProgram("x = 1"), state)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with started() as made:
        yield made


def test_a_runner_resumes_from_each_state(runner: Runner) -> None:
    trace = runner.run_inductive("def f(n):\n    print(n)\n    return n and f(n - 1)", "f(2)")
    assert (trace.status, trace.output_text, trace.stdout) == ("done", "0", "2\n1\n0\n")
    for place, step in enumerate(trace.steps):
        rest = runner.resume(trace.program, step.state)
        assert rest.steps == trace.steps[place + 1 :]
        assert (rest.state, rest.status, rest.stdout) == (trace.state, "done", trace.stdout)


def test_an_unsupported_value_is_reported_with_its_line(runner: Runner) -> None:
    text = "x = 1\ndef f():\n    g = (i for i in 'ab')\n    return 1\ny = f()"
    trace = runner.run_inductive(text)
    assert (trace.status, trace.error) == ("refused", "generator (line 3)")
    assert runner.resume(text, trace.steps[-1].state).error == "generator (line 3)"


def test_statuses_of_the_machine(runner: Runner) -> None:
    short = ResourceLimits(seconds=60, steps=101, output_bytes=307, trace_bytes=10_007)
    endings = {
        "x = [0] * 10**12": "memory",
        "while True: pass": "steps",
        "while True:\n    print('x' * 100)": "output",
        "x = ''\nwhile True:\n    x += 'a' * 1000": "trace",
        "import sys\nsys.exit(3)": "exit",
        "1 / 0": "exception",
        "def f(): yield\nx = f()\ny = 1": "refused",
        "x = (": "syntax",
        "": "done",
    }
    assert {text: runner.run_inductive(text, limits=short).status for text in endings} == endings
    assert runner.resume("x = 1", {}).error == "not a state of this program: KeyError: 'frames'"


def test_a_runner_resumes_with_the_hidden_order_of_a_set(runner: Runner) -> None:
    text = "s = {1, 2, 3}\ns.pop()\ns.add(1)\nx = s.pop()\noutput = x"
    trace = runner.run_inductive(text)
    assert (trace.output_text, runner.resume(text, trace.steps[2].state).output_text) == ("2", "2")
    assert trace.steps[2].state["frames"][0]["locals"]["s"] == {"$set": [{"$past": [2, 8]}, {"$gap": [1]}, 2, 3]}
