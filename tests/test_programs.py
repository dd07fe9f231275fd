"""The runs of synthetic programs: against the paper's trace and CPython's, and the inductive form."""

from __future__ import annotations

import json
import sys
from types import FrameType
from typing import Any

import pytest
from synthetic import BIEBER, PAPERS, programs, question_of
from traces import PAPER

from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import as_text, bare
from scratchpad.tasks.formats import format_named

PAPERS_TRACE = PAPER.split("[BEGIN]\n\n")[1].removesuffix("\n\n[DONE]")


def written(form: str, text: str) -> str:
    """Return the states of a document, without the last terminator."""
    (*states, last) = format_named(form).write(programs(), question_of(text)).states
    return as_text([symbol for state in (*states, bare(last)) for symbol in state])


# Traces


def test_the_papers_trace_byte_for_byte() -> None:
    assert written("scratchpad", PAPERS) == PAPERS_TRACE
    assert written("direct", PAPERS) == "24"
    assert question_of(PAPERS.replace("\n", "\\n")) == question_of(PAPERS) == tuple(PAPERS)


def test_changes_are_the_new_values_of_a_frame() -> None:
    states = [
        "{}", '{"f": "<callable_object f>"}', '{"v0": 6}', "{}", '{"v4": 2}', "{}", '{"v4": 1}', '{"v0": 12}', "{}",
        '{"v4": 0}', '{"v0": 24}', "{}", '{"output": 24}',
    ]  # fmt: skip
    lines = [line for line in PAPERS_TRACE.split("\n") if line.startswith("line: ")]
    expected = [part for state, line in zip(states, lines, strict=False) for part in (f"state: {state}", line)]
    assert written("changes", PAPERS) == "\n".join([*expected, f"state: {states[-1]}"])


def shown(names: dict[str, Any]) -> str:
    kept = {name: value for name, value in names.items() if name != "__builtins__"}
    return "state: " + json.dumps(kept, default=lambda function: f"<callable_object {function.__name__}>")


def traced(source: str) -> str:
    """Return the trace from CPython's line events, with variables in the order of their first assignment."""
    lines, found = source.split("\n"), []
    order: dict[FrameType, dict[str, None]] = {}

    def on_event(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            names = order.setdefault(frame, {})
            names |= dict.fromkeys(frame.f_locals)
            state = {name: frame.f_locals[name] for name in names}
            found.extend([shown(state), f"line: {lines[frame.f_lineno - 1]}"])
        return on_event

    names: dict[str, Any] = {"__builtins__": {}}
    code, before = compile(source, "a program", "exec"), sys.gettrace()
    sys.settrace(on_event)
    try:
        exec(code, names)
    finally:
        sys.settrace(before)
    return "\n".join([*found, shown(names)])


def compare_with_python(seed: int, count: int, **settings: Any) -> None:
    task = programs(**settings)
    for _, question in draws(task, seed, "train", 0, count):
        text = "".join(question)
        trace = traced(text)
        assert "".join(task.scratchpad_text(question, format_named("scratchpad"))) == trace, text
        *steps, end = trace.removeprefix("state: ").split("\nstate: ")
        expected = [(json.loads(state), line) for state, _, line in (step.partition("\nline: ") for step in steps[2:])]
        assert run_of_chain(task, question) == (expected, json.loads(end)["output"]), text


def run_of_chain(task: Task, question: Symbols) -> tuple[list[tuple[dict[str, int], str]], int]:
    """Return the variables of f and the next line of each inductive state, and the output."""
    *states, last = map("".join, task.chain(question))
    lines, run = "".join(question).split("\n"), []
    for state in states:
        number, _, values = state.removeprefix("L").partition(":")
        pairs = (part.split("=") for part in values.split(","))
        run.append(({name: int(value) for name, value in pairs}, lines[int(number) - 1]))
    return run, int(last.removeprefix("output="))


@pytest.mark.parametrize("settings", [{}, {**BIEBER, "steps": 199}, {"lines": "11-31", "steps": 101}])
def test_runs_are_those_of_python(settings: dict[str, Any]) -> None:
    compare_with_python(0, 251, **settings)


LATER = """def f(v0):
  v1 = 2
  while v1 > 0:
    v1 -= 1
    if v0 % 10 > 5:
      v2 = 1
      while v2 > 0:
        v2 -= 1
    else:
      v3 = 1
      while v3 > 0:
        v3 -= 1
    v0 += 2
  return v0

output = f(5)"""


def test_the_order_of_variables() -> None:
    """v3 gets its value before v2: a trace has this order, a state the order of the text."""
    trace = written("scratchpad", LATER)
    assert 'state: {"v0": 7, "v1": 0, "v3": 0, "v2": 1}' in trace
    assert trace == traced(LATER)
    states = [as_text(state) for state in programs().chain(question_of(LATER))]
    assert "L07 : v0 = 7 , v1 = 0 , v2 = 1 , v3 = 0" in states
    assert "L11 : v0 = 5 , v1 = 1 , v3 = 1" in states


@pytest.mark.slow
def test_ten_thousand_runs_are_those_of_python() -> None:
    compare_with_python(1, 4000)
    compare_with_python(1, 3000, **BIEBER, steps=300)
    compare_with_python(1, 3000, lines="11-43", repeats="1-3", steps=500)


# The inductive form

NESTED = """def f(v0):
  v1 = 2
  while v1 > 0:
    v1 -= 1
    if v0 % 10 >= 5:
      v0 -= 7
      break
    else:
      v0 *= 3
      continue
  pass
  return v0

output = f(3)"""


def test_the_listing_and_the_states_by_hand() -> None:
    task = programs()
    question = question_of(NESTED)
    assert as_text(task.inductive_question(question)).split(" ; ") == [
        "v0 = 3 -> L02",
        "L02 v1 = 2 -> L03",
        "L03 while v1 > 0 : -> L04 else L11",
        "L04 v1 -= 1 -> L05",
        "L05 if v0 % 1 0 >= 5 : -> L06 else L09",
        "L06 v0 -= 7 -> L07",
        "L07 break -> L11",
        "L09 v0 *= 3 -> L10",
        "L10 continue -> L03",
        "L11 pass -> L12",
        "L12 return v0 ;",
    ]
    assert [as_text(state) for state in task.chain(question)] == [
        "L02 : v0 = 3",
        "L03 : v0 = 3 , v1 = 2",
        "L04 : v0 = 3 , v1 = 2",
        "L05 : v0 = 3 , v1 = 1",
        "L09 : v0 = 3 , v1 = 1",
        "L10 : v0 = 9 , v1 = 1",
        "L03 : v0 = 9 , v1 = 1",
        "L04 : v0 = 9 , v1 = 1",
        "L05 : v0 = 9 , v1 = 0",
        "L06 : v0 = 9 , v1 = 0",
        "L07 : v0 = 2 , v1 = 0",
        "L11 : v0 = 2 , v1 = 0",
        "L12 : v0 = 2 , v1 = 0",
        "output = 2",
    ]


def test_states_of_runs_with_thousands_of_lines_stay_short() -> None:
    task = programs(**BIEBER, lines=23).at_size(90)
    runs = []
    for _, question in draws(task, 0, "test", 0, 5):
        state, lines, longest = task.first(question), 1, 0
        while (following := task.step(question, state)) is not None:
            state, lines, longest = following, lines + 1, max(longest, len(following))
        assert task.answer(question, state) == task.truth(question)
        assert longest <= 2 + 10 * 7  # the line, and ten variables of at most four digits, with separators
        runs.append(lines)
    assert max(runs) > 5000


INVALID_STATES = [
    "L01 : v0 = 3", "L08 : v0 = 3 , v1 = 2", "L13 : v0 = 3", "L02", "L02 : v0 = ", "L02 : v0 = 0 3", "L02 : v0 = - 0",
    "L02 : v1 = 3", "L04 : v0 = 3", "L06 : v0 = 3", "L03 : v1 = 2 , v0 = 3", "L03 : v0 = 3 , v2 = 2",
    "L03 : v0 = 3 , v1 = - 1", "L02 : v0 = 3 ,", "L02 v0 = 3", "output = ", "output = 0 2", "output = 2 ,", "",
]  # fmt: skip


@pytest.mark.parametrize("state", INVALID_STATES)
def test_invalid_states_are_refused(state: str) -> None:
    with pytest.raises(ValueError, match=r"not a state|needs the variables|never below 0"):
        programs().step(question_of(NESTED), tuple(state.split()))


def test_states_of_other_symbols_are_refused() -> None:
    with pytest.raises(ValueError, match="not a state"):
        programs().step(question_of(NESTED), tuple("L02:v0=3"))


def test_steps_continue_from_wrong_values() -> None:
    """Each step is evaluated alone, so it starts from the state as written."""
    task, question = programs(), question_of(NESTED)
    following = task.step(question, ("L09", ":", "v0", "=", "-", "4", ",", "v1", "=", "7"))
    assert following == ("L10", ":", "v0", "=", "-", "1", "2", ",", "v1", "=", "7")
    assert task.step(question, ("output", "=", "9", "9")) is None


def test_texts_without_an_output_have_no_answer() -> None:
    task, question = programs(), question_of(NESTED)
    for form, text in (("scratchpad", '\nstate: {"output": "24"}'), ("changes", '\nstate: {"output": true}')):
        assert task.answer_in_text(question, tuple(text), format_named(form)) is None
    for text in ("", "state: 5", '\nstate: {"v0": 24}', '\nstate: {"output": 24'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            task.answer_in_text(question, tuple(text), format_named("scratchpad"))
