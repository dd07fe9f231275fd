"""Polynomials: the paper's text and limits, the induction by hand, and invalid input."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import as_text
from scratchpad.tasks.formats import format_named

PAPERS = "Evaluate -7*x**2 + 7*x + 5 at x = 1"


def polynomials(**settings: Any) -> Task:
    return task_named("polynomials", settings)


def written(form: str, question: str) -> str:
    task = polynomials()
    symbols = task.parse(question)
    task.check(symbols)
    return as_text(format_named(form).write(task, symbols).symbols())


@pytest.mark.parametrize(
    ("question", "work"),
    [
        (PAPERS, "-7*x**2: -7\n7*x: 7\n5: 5\n</scratch>\ntotal: 5"),
        ("Evaluate x**3 - x - 2 at x = -3", "x**3: -27\n-x: 3\n-2: -2\n</scratch>\ntotal: -26"),
        ("Evaluate -x**2 at x = 0", "-x**2: 0\n</scratch>\ntotal: 0"),
    ],
)
def test_the_papers_text(question: str, work: str) -> None:
    """The first text is the paper's example, byte for byte."""
    assert written("scratchpad", question) == f"{question}<scratch>\n{work}<end>"
    assert written("direct", question) == f"{question}{work.splitlines()[-1]}<end>"


def test_the_induction_by_hand() -> None:
    """Each state is one multiplication or one addition."""
    states = [
        "-7*x**2: -7*x**2; total: 0", "-7*x**2: -7*x; total: 0", "-7*x**2: -7; total: 0",
        "7*x: 7*x; total: -7", "7*x: 7; total: -7", "5: 5; total: 0", "total: 5",
    ]  # fmt: skip
    assert written("inductive", PAPERS) == f"{PAPERS}<start>{'<sep>'.join(states)}<end>"
    states = ["-x**2: -1*x**2; total: 0", "-x**2: 3*x; total: 0", "-x**2: -9; total: 0", "total: -9"]
    question = "Evaluate -x**2 at x = -3"
    assert written("inductive", question) == f"{question}<start>{'<sep>'.join(states)}<end>"


def horner(text: str) -> int:
    """Return the value by Horner's rule, from coefficients that are parsed independently of the task."""
    expression, _, point = text.removeprefix("Evaluate ").partition(" at x = ")
    coefficients: dict[int, int] = {}
    for sign, term in re.findall(r"([+-]?) ?([^ ]+?)(?= [+-]|$)", expression):
        factor, x, power = term.removeprefix("-").partition("x")
        number = int(factor.removesuffix("*") or 1)
        negative = sign == "-" or term.startswith("-")
        coefficients[(int(power[2:] or 1) if x else 0)] = -number if negative else number
    value = 0
    for power in range(max(coefficients), -1, -1):
        value = value * int(point) + coefficients.get(power, 0)
    return value


def test_the_papers_limits() -> None:
    task = polynomials()
    assert [task.count(split) for split in ("train", "test", "validation")] == [10_000, 2_000, None]
    seen: Counter[str] = Counter()
    for _, question in draws(task, 0, "train", 0, 1000):
        text = as_text(question)
        powers = {int(power or 1) for power in re.findall(r"x(?:\*\*(\d+))?(?= |$)", text.partition(" at ")[0])}
        numbers = [int(number) for number in re.findall(r"(?<!\*\*)\b\d+", text)]
        assert max(powers, default=0) <= 3
        assert max(numbers) <= 10
        assert abs(horner(text)) <= 1000
        assert as_text(task.truth(question)) == f"total: {horner(text)}"
        seen[text.rpartition(" ")[2]] += 1
    assert set(seen) == {str(x) for x in range(-10, 11)}


def test_sizes_are_highest_powers() -> None:
    found = set()
    for _, question in draws(polynomials(coefficients=2, points=2, values=50).at_size(5), 0, "test", 0, 301):
        powers = [int(power) for power in re.findall(r"x\*\*(\d+)", as_text(question))]
        found.add(max(powers, default=0))
    assert max(found) == 5
    assert len(found) > 1  # a zero term is left out, even the highest one


def test_coefficients_stay_within_their_setting() -> None:
    task = polynomials(coefficients=1, points=1, values=1, degree=2)
    for _, question in draws(task, 0, "train", 0, 101):
        assert set(re.findall(r"\d+", as_text(question))) <= {"0", "1", "2"}  # 2: the power
        assert abs(horner(as_text(question))) <= 1


@pytest.mark.parametrize("name", ["coefficients", "points", "values"])
def test_invalid_settings_are_refused(name: str) -> None:
    with pytest.raises(ScratchpadError, match=f"{name}=0 must be at least 1"):
        polynomials(**{name: 0})


@pytest.mark.parametrize(
    "question",
    [
        "Evaluate", "Evaluate at x = 1", "Evaluate x at x = ", "Evaluate x at x = 1.5", "Evaluate 0 at x = 1",
        "Evaluate x + 0 at x = 1", "Evaluate x**2+x at x = 1", "Evaluate x**1 at x = 1", "Evaluate 1*x at x = 1",
        "Evaluate 5 + x at x = 1", "Evaluate x + x at x = 1", "Evaluate x + -5 at x = 1", "Evaluate x at x = -0",
        "Evaluate x at x = 01", "Evaluate x**100 at x = 9", "Evaluate 2**x at x = 1", "evaluate x at x = 1",
    ],
)  # fmt: skip
def test_invalid_questions_are_refused(question: str) -> None:
    task = polynomials()
    with pytest.raises(ScratchpadError, match=r"a question needs terms with falling powers|not in the alphabet"):
        task.check(task.parse(question))


@pytest.mark.parametrize(
    "state",
    [
        "", "total: ", "total: 05", "total: -0", "total: 5;", "7*x: 7*x", "7*x: 7*x; total:-7", "8*x: 8*x; total: 0",
        "-7*x**2: -7*x**3; total: 0", "-7*x**2: -6*x**2; total: 0", "7*x: 7*x**1; total: 0", "7*x: 07; total: 0",
        "5: 6; total: 0", "7*x: x; total: 0", "7*x: 7*x; total: 0 ",
    ],
)  # fmt: skip
def test_invalid_states_are_refused(state: str) -> None:
    task = polynomials()
    with pytest.raises(ValueError, match=r"not a state|never has this state"):
        task.step(task.parse(PAPERS), tuple(state))


def test_steps_continue_from_wrong_values() -> None:
    """Each step is evaluated alone, so it starts from the state as written."""
    task = polynomials()
    question = task.parse(PAPERS)
    assert task.step(question, tuple("7*x: 9; total: 90")) == tuple("5: 5; total: 99")
    assert task.step(question, tuple("-7*x**2: 4*x; total: 2")) == tuple("-7*x**2: 4; total: 2")
    assert task.step(question, tuple("total: 44")) is None
