"""The inductive form: the same lines, variables and ends as CPython's, and each state determines the next."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import random
import re
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.programs.inductive.chain import first_state, next_state, states
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.program import Program
from scratchpad.programs.inductive.reading import machine_in
from scratchpad.programs.inductive.subset import Refused
from scratchpad.programs.inductive.writing import write_state
from scratchpad.programs.limits import Limits
from scratchpad.programs.runner import Runner

INSIDE_A_LINE = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"}


class Seen:
    """What CPython does with a program: its lines and where, its last names, what it prints, and its error."""

    def __init__(self, text: str) -> None:
        self.lines: list[tuple[int, str, list[str]]] = []
        self.error: str | None = None
        self.names: dict[str, Any] = {"__name__": "__main__"}
        code: CodeType = compile(text, "<seen>", "exec")
        before, printed = sys.gettrace(), io.StringIO()
        with contextlib.redirect_stdout(printed):
            sys.settrace(self._begin)
            try:
                exec(code, self.names)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
            finally:
                sys.settrace(before)
        self.printed = printed.getvalue()

    def _begin(self, frame: FrameType, event: str, argument: Any) -> Any:
        own = frame.f_code.co_filename == "<seen>" and frame.f_code.co_name not in INSIDE_A_LINE
        return self._line if own else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            names = sorted(name for name in frame.f_locals if not name.startswith("__"))
            self.lines.append((frame.f_lineno, frame.f_code.co_name, names))
        return self._line


def run(text: str) -> tuple[list[dict[str, Any]], str | None, Machine]:
    """All states of a run, one machine from the beginning to the end; its error, and the machine."""
    machine = Machine(Program(text))
    found: list[dict[str, Any]] = []
    try:
        while machine.advance():
            found.append(copied(write_state(machine)))
    except Exception as error:
        if isinstance(error, Refused):
            raise
        return found, f"{type(error).__name__}: {error}", machine
    return found, None, machine


def copied(state: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(state))


def check_against_cpython(text: str) -> None:
    found, error, machine = run(text)
    seen = Seen(text)
    tops = [state["frames"][-1] for state in found]
    assert [(top["line"], top["in"].partition("@")[0], sorted(top["locals"])) for top in tops] == seen.lines
    assert error == seen.error
    assert machine.printed.getvalue() == seen.printed
    if error is None:
        assert repr(machine.names.get("output")) == repr(seen.names.get("output"))


def check_induction(text: str) -> None:
    """From each state and the program alone the next one, and the same end."""
    found, error, _ = run(text)
    program = Program(text)
    following: list[Any] = [*found[1:], None]
    assert copied(first_state(program)) == found[0]
    for place, state in enumerate(found):
        assert copied(write_state(machine_in(program, state))) == state
        if place == len(found) - 1 and error:
            kind, _, message = error.partition(": ")
            with pytest.raises(getattr(builtins, kind), match=re.escape(message)):
                next_state(program, state)
        else:
            assert copied(next_state(program, state)) == following[place]


PROGRAMS = {
    "loops": """\
total = 0
for i in range(3):
    for j in "ab":
        if j == "b" and i:
            continue
        total += i
    else:
        total += 10
while total > 5:
    total -= 7
    if total == 1:
        break
else:
    total = -total
while True:
    total += 1
    if total > 3: break
for k in range(2): total += k
output = total
""",
    "calls": """\
def fib(n):
    "A docstring is no line."
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)
def twice(g, x, *more, k=1, **named):
    return g(g(x)) + len(more) + k + sum(named.values())
def nothing():
    pass
output = [fib(4), twice(fib, 5, 1, 2, k=fib(3), z=1), nothing()]
""",
    "order": """\
def note(x):
    global seen
    seen = seen + [x]
    return x
seen = []
a = [1, 2, 3]
output = note(1) + len(seen) * note(2) - a[note(0)]
a[note(1)] += note(5)
d = {note("k"): note("v"), "n": len(seen)}
t = note(0) and note(1) or note(2)
c = note(3) if len(seen) > 2 else note(4)
e = 1 < note(7) < 9
seen += note([8])
x = y = note(6)
assert note(True), "never"
del d[note("n")]
w = f"{seen} {note(2)!r:>4}"
s = a[note(0):note(2)]
""",
    "closures": """\
def counter(start):
    count = start
    def more(by=1):
        nonlocal count
        count += by
        return count
    def now():
        return count
    return more, now
more, now = counter(5)
other, _ = counter(50)
output = more() + more(10) + now() + other()
fs = [lambda x, n=n: x + n for n in range(3)]
late = [f(10) for f in fs]
def rec():
    def inner(n):
        return n if n == 0 else inner(n - 1)
    return inner(2)
r = rec()
""",
    "aliases": """\
def grow(xs, acc=[]):
    xs.append(len(xs))
    acc.append(xs)
    return acc
a = [1]
b = a
m = [[0] * 2] * 2
m[0][1] = 5
c = grow(a)
d = grow(b)
a.append(a)
loop = {"self": None}
loop["self"] = loop
output = len(c), m, b[0]
for x in a:
    if len(a) < 6:
        a.append(7)
    y = 1
""",
    "exceptions": """\
def check(x):
    try:
        if x == 0:
            raise ValueError("zero", x)
        return 10 // (x - 1)
    except ZeroDivisionError as e:
        return str(e)
    except (KeyError, ValueError) as e:
        try:
            raise
        except ValueError:
            return e.args
    else:
        pass
    finally:
        done.append(x)
done = []
output = [check(n) for n in (0, 1, 2)]
for n in range(4):
    try:
        if n == 1:
            continue
        if n == 3:
            break
    finally:
        done.append(-n)
try:
    try:
        done[99]
    finally:
        z = 1
except IndexError:
    z = 2
missing
""",
    "containers": """\
from collections import Counter, OrderedDict, defaultdict, deque
import heapq, itertools, math, re
a = {1, 2, 3}
b = frozenset(a)
c = Counter("aab")
d = defaultdict(list)
d["x"].append(1)
o = OrderedDict(b=1, a=2)
q = deque([1, 2], 5)
e = {(1, 2): [3], None: 4.5, 7: float("inf"), "$k": -0.0}
by = bytes(3), bytearray(b"ab"), 1j, ..., range(2, 9, 3), slice(1, None)
m = re.search(r"(\\d)(x)?", "ab1x")
p = re.compile("a", re.I)
f = math.floor, heapq.heappush, len, int, str.upper, "a".join, q.append
huge = 7 ** 6007
it = iter([1, 2, 3])
first = next(it)
z = zip(it, reversed("ab"), enumerate("cd", 5))
row = next(z)
mapped = map(lambda v: v * first, [5, 6])
got = next(mapped)
text = 'a"\\n\\u2028é'
for v in d.items():
    w = v
for v in c.values():
    w = v
for v in a:
    w = v
for v in itertools.combinations([1, 2, 3], 2):
    w = v
output = sorted(a), m.group(1), list(z), list(mapped), w
""",
    "comprehensions": """\
def odd(n):
    return n % 2 == 1
output = [
    n for n in range(5) if odd(n)]
a = {odd(n): n for n in range(3)}
b = {odd(n) for n in range(3)}
c = sum(odd(n) for n in range(4))
d = any(odd(n) for n in (2, 3, 5)), all(odd(n) for n in (3, 2, 5))
e = [[odd(x + y) for x in range(2)] for y in range(odd(1))]
f = [x for x in range(3)]
g = any(odd(x * y) for x in (0, 1) for y in (0, 1) if x)
h = list(map(odd, [1, 2]))
""",
    "printing": """\
print("a", 1, sep="-", end="!\\n")
def show(x):
    print(x)
    return x
print(show(2), show(3))
output = show(None)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_state_determines_the_next(name: str) -> None:
    check_induction(PROGRAMS[name])


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - {"comprehensions"}))
def test_lines_and_ends_are_cpythons(name: str) -> None:
    check_against_cpython(PROGRAMS[name])


def test_what_builtins_and_comprehensions_over_lines_do_is_part_of_a_line() -> None:
    """There CPython has more lines, but the same end."""
    _, _, machine = run(PROGRAMS["comprehensions"])
    assert machine.names["h"] == [True, False]
    assert {name: machine.names[name] for name in "abcdefg"} == {
        name: Seen(PROGRAMS["comprehensions"]).names[name] for name in "abcdefg"
    }


def drawn_program(rng: random.Random) -> str:
    """A program of loops, tests, arithmetic and calls, which ends."""
    lines = ["def g(a, b=2):", "    if a > b:", "        return g(b, a - 1)", "    return a * b % 7", "def f(v0):"]
    return "\n".join([*lines, *drawn_block(rng, 4, 3), " return v0", f"output = f({rng.randrange(10)})"])


def drawn_block(rng: random.Random, size: int, depth: int, indent: str = " ") -> list[str]:
    lines: list[str] = []
    for _ in range(rng.randrange(1, size)):
        kind, name, k = rng.randrange(9 if depth else 4), f"v{depth}{len(lines)}", rng.randrange(1, 10)
        if kind < 2:
            lines.append(f"{indent}v0 {rng.choice('+-*')}= {k}")
        elif kind == 2:
            lines.append(f"{indent}v0 = (v0 + g(v0 % 10, {k})) % 1000")
        elif kind == 3:
            lines.append(f"{indent}v0 += sum(g(i) for i in range({k % 3}) if v0 > i)")
        else:
            body = drawn_block(rng, size, depth - 1, indent + " ")
            tail = rng.choice(
                [[], [f"{indent} if v0 % {k + 1} == 0:", f"{indent}  {rng.choice(('break', 'continue'))}"]]
            )
            if kind < 6:
                lines += [f"{indent}for {name} in range({k % 4}):", *tail, *body]
            elif kind < 8:
                test = f"v0 % 10 {rng.choice(['<', '<=', '>', '>='])} {k} and g(v0 % 5)"
                lines += [
                    f"{indent}if {test}:",
                    *body,
                    f"{indent}else:",
                    *drawn_block(rng, size, depth - 1, indent + " "),
                ]
            else:
                lines += [
                    f"{indent}try:",
                    f"{indent} 1 // (v0 % {k})",
                    *body,
                    f"{indent}except ZeroDivisionError:",
                    *body,
                ]
    return lines


@pytest.mark.parametrize("seed", range(23))
def test_drawn_programs(seed: int) -> None:
    text = drawn_program(random.Random(seed))
    check_against_cpython(text)
    check_induction(text)


def test_states_say_where_a_call_is_waited_for() -> None:
    """In line 3 both calls are waited for; the second time the first one's result is kept."""
    chain = list(states(Program("def f(x):\n    return x\ny = f(1) + f(2)")))
    waiting = [state["frames"][0] for state in chain if len(state["frames"]) == 2]
    assert [(frame["part"], frame.get("kept")) for frame in waiting] == [(1, None), (2, {".1": 1})]
    assert [frame["locals"] for frame in (chain[2]["frames"][1], chain[3]["frames"][1])] == [{"x": 1}, {"x": 2}]


def test_states_hold_what_aliases_share_once() -> None:
    state = list(states(Program("a = [1]\nb = a\nc = [a]\nx = 0")))[-1]
    assert state["frames"][0]["locals"] == {"a": {"$shared": [1, [1]]}, "b": {"$same": 1}, "c": [{"$same": 1}]}


def test_an_endless_loop_has_a_flat_cost_in_its_state() -> None:
    text = "x = 0\nfor i in range(10**9):\n    x = (x + i) % 7"
    machine = Machine(Program(text))
    lengths = []
    for _ in range(4001):
        assert machine.advance()
        lengths.append(len(json.dumps(write_state(machine))))
    assert max(lengths) < min(lengths[3:]) + 23


REFUSED = {
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
    "call in the target of an assignment": "def f(): pass\nx[f()], y = 1, 2",
    "call in a chained comparison": "def f(): pass\n1 < 2 < f()",
    "call in a generator expression": "def f(): pass\nx = (f() for i in '')",
}


@pytest.mark.parametrize("construct", REFUSED)
def test_constructs_outside_the_subset_are_refused_by_name(construct: str) -> None:
    with pytest.raises(Refused) as caught:
        Program(REFUSED[construct])
    assert caught.value.construct == construct
    assert caught.value.line in (1, 2)


KEPT = {
    "generator": "def g():\n    yield 1\nx = g()\ny = 1",
    "value of type count": "import itertools\nx = itertools.count()\ny = 1",
    "two lambdas in one line": "x = (lambda: 1), (lambda: 2)\ny = 1",
    "set in an order that its elements do not tell": "s = set(range(1009))\ns -= set(range(3, 1009))\ny = 1",
}


@pytest.mark.parametrize("construct", KEPT)
def test_values_that_a_state_cannot_hold_are_refused(construct: str) -> None:
    with pytest.raises(Refused) as caught:
        list(states(Program(KEPT[construct])))
    assert caught.value.construct == construct


def test_values_that_do_not_outlive_a_line_are_no_matter() -> None:
    check_against_cpython("import itertools\ndef g():\n    yield 5\nx = list(itertools.chain([1], [2]))\noutput = x")
    _, error, machine = run("def g():\n    yield 5\noutput = list(g()), next(g())")
    assert (error, machine.names["output"]) == (None, ([5], 5))


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
def test_what_is_no_state_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ScratchpadError, match="no state of this program"):
        next_state(Program("x = 1"), state)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner(Limits(seconds=30)) as made:
        yield made


def test_a_runner_goes_on_from_each_state(runner: Runner) -> None:
    trace = runner.run_inductive("def f(n):\n    print(n)\n    return n and f(n - 1)", "f(2)")
    assert (trace.status, trace.output_text, trace.stdout) == ("done", "0", "2\n1\n0\n")
    for place, step in enumerate(trace.steps):
        rest = runner.resume(trace.program, step.state)
        assert rest.steps == trace.steps[place + 1 :]
        assert (rest.state, rest.status, rest.stdout) == (trace.state, "done", trace.stdout)


def test_how_runs_of_the_machine_end(runner: Runner) -> None:
    short = Limits(seconds=30, steps=101, output_bytes=307, trace_bytes=10_007)
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
    assert runner.resume("x = 1", {}).error == "no state of this program: KeyError: 'frames'"
