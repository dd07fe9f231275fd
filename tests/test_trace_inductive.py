"""The inductive form of traces: CPython's lines, variables and results, and each state determines the next."""

from __future__ import annotations

import json
import random

import pytest
from inductive_checks import CPythonRun, check_against_cpython, check_induction, has_more_lines, run, states
from inductive_programs import PROGRAMS
from inductive_values import VALUES

from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_writer import write_state

ALL = PROGRAMS | VALUES


@pytest.mark.parametrize("name", ALL)
def test_each_state_determines_the_next(name: str) -> None:
    check_induction(ALL[name])


@pytest.mark.parametrize("name", sorted(set(ALL) - {"comprehensions"}))
def test_lines_and_results_are_those_of_cpython(name: str) -> None:
    if has_more_lines(ALL[name]):
        pytest.skip("from Python 3.12 on, comprehensions and `and` have line events of their own in the frame around")
    check_against_cpython(ALL[name])


def test_comprehensions_over_several_lines_are_part_of_one_line() -> None:
    """CPython has more line events, but the same result."""
    _, _, machine = run(PROGRAMS["comprehensions"])
    assert machine.globals["h"] == [True, False]
    assert {name: machine.globals[name] for name in "abcdefg"} == {
        name: CPythonRun(PROGRAMS["comprehensions"]).names[name] for name in "abcdefg"
    }


def test_every_test_of_a_while_begins_a_line() -> None:
    """CPython has no line event before a test if the body is on the same line."""
    found, _, _ = run("n = 3\nwhile n: n -= 1\noutput = n")
    assert [state["frames"][-1]["line"] for state in found] == [1, 2, 2, 2, 2, 3]


HEAD = """
seen = []
def note(x):
    seen.append(x)
    return x
def g(a, b=note(2), *more, key=lambda x, y=note(3): x + y, **named):
    if a > b:
        return g(b, a - 1, *more[:1], c=a)
    return key(a * b) % 7 + len(more) - len(named)
def adder(n):
    def add(x):
        nonlocal n
        n = (n + x) % 11
        return n
    return add
def f(v0):
 add, xs, d = adder(v0), [3, 1, 2], {"k": 1}"""


def drawn_program(rng: random.Random) -> str:
    """Return a program of loops, tests, arithmetic and calls that ends."""
    return "\n".join([HEAD, *drawn_block(rng, 2), " return v0", f"output = f({rng.randrange(10)}), seen"])


def drawn_block(rng: random.Random, depth: int, indent: str = " ") -> list[str]:
    places = range(rng.randrange(1, 4))
    return [line for place in places for line in drawn_statement(rng, depth, indent, f"v{depth}{place}")]


def drawn_statement(rng: random.Random, depth: int, indent: str, name: str) -> list[str]:
    k = rng.randrange(1, 10)
    simple = (
        f"v0 {rng.choice('+-*')}= {k}",
        f"v0 = (v0 + g(v0 % 10, {k})) % 1000",
        f"v0 += sum(g(i) for i in range({k % 3}) if v0 > i)",
        f"v0 -= (w := note({k})) if add(v0) > {k} else add({k}) or -g(v0, {k}, *xs)",
        f"xs[note({k}) % 3] += g(note(v0 % {k + 1}), key=lambda x, y=add(1): x - y, z=add(2))",
        f"d[v0 % 2], v0 = {k}, len([note(x) for x in xs if g(x) > {k % 4}] + [*d]) + v0 % {k}",
        f"d['k'] = len(f'{{g({k})!r:>{{note(3)}}}}') + (any if add(1) > 5 else all)([add(x) > {k % 3} for x in xs])",
        "for xs[v0 % 3], x in enumerate(xs): v0 += note(x) - xs[v0 % 3]",
        f"add = adder({k}) if v0 < {10 * k} and note(v0) else add; v0 -= add({k})",
    )
    if depth == 0 or rng.random() < 0.4:
        return [indent + rng.choice(simple)]
    body, other = drawn_block(rng, depth - 1, indent + " "), drawn_block(rng, depth - 1, indent + " ")
    leave = [f"{indent} if v0 % {k + 1} == 0:", f"{indent}  {rng.choice(('break', 'continue'))}"]
    again = [f"{indent} if v0 % {k} == 1:", f"{indent}  raise"]
    ends = [f"{indent}else:", *other, f"{indent}finally:", *body]
    test = f"v0 % 10 {rng.choice(['<', '<=', '>', '>='])} {k} and g(v0 % 5)"
    return rng.choice(
        [
            [f"{indent}for {name} in range({k % 4}):", *leave, *body],
            [f"{indent}{name} = {k % 4}", f"{indent}while {name} > 0:", f"{indent} {name} -= 1", *leave, *body],
            [f"{indent}if {test}:", *body, f"{indent}else:", *other],
            [f"{indent}try:", f"{indent} 1 // (v0 % {k})", *body, f"{indent}except ZeroDivisionError:", *other],
            [f"{indent}try:", f"{indent} note(xs[v0 % 4])", *body, f"{indent}except IndexError as e:", *again, *ends],
        ]
    )


@pytest.mark.parametrize("seed", range(17))
def test_drawn_programs(seed: int) -> None:
    text = drawn_program(random.Random(seed))
    check_induction(text)
    if not has_more_lines(text):
        check_against_cpython(text)


def test_states_tell_which_call_a_frame_waits_for() -> None:
    """Line 3 waits for two calls, the second time with the result of the first one."""
    chain = list(states(CompiledProgram("def f(x):\n    return x\ny = f(1) + f(2)")))
    waiting = [state["frames"][0] for state in chain if len(state["frames"]) == 2]
    assert [(frame["part"], frame.get("kept")) for frame in waiting] == [(1, None), (2, {".1": 1})]
    assert [frame["locals"] for frame in (chain[2]["frames"][1], chain[3]["frames"][1])] == [{"x": 1}, {"x": 2}]


def test_states_hold_shared_values_once() -> None:
    state = list(states(CompiledProgram("a = [1]\nb = a\nc = [a]\nx = 0")))[-1]
    assert state["frames"][0]["locals"] == {"a": {"$shared": [1, [1]]}, "b": {"$same": 1}, "c": [{"$same": 1}]}


def test_states_of_a_long_loop_do_not_grow() -> None:
    text = "x = 0\nfor i in range(10**9):\n    x = (x + i) % 7"
    machine = Machine(CompiledProgram(text))
    lengths = []
    for _ in range(4001):
        assert machine.advance()
        lengths.append(len(json.dumps(write_state(machine))))
    assert max(lengths) < min(lengths[3:]) + 23
