"""The example tasks: long questions have the symbols, positions and states of short ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.user_file import load_task_file

EXAMPLES = Path(__file__).parent.parent / "examples"
LONGEST = {"my_task": 18}
"""The longest questions that the documentation tests, by example."""


def example(name: str) -> Task:
    return load_task_file(str(EXAMPLES / f"{name}.py"))


def chains(task: Task, count: int) -> list[list[Symbols]]:
    return [task.chain(question) for _, question in draws(task, 0, "train", 0, count)]


@pytest.mark.parametrize("name", LONGEST)
def test_long_questions_are_answered(name: str) -> None:
    task = example(name)
    assert LONGEST[name] >= 2 * task.size_distribution().high
    for size in (1, LONGEST[name]):
        for _, question in draws(task.at_size(size), 0, "test", 0, 23):
            assert task.answer(question, task.chain(question)[-1]) == task.truth(question)


@pytest.mark.parametrize("name", LONGEST)
def test_long_documents_use_only_what_short_ones_train(name: str) -> None:
    """Questions and states have a constant length, and short ones have every symbol of long ones at every position."""
    task = example(name)
    long = task.at_size(LONGEST[name])
    questions = [question for one in (task, long) for _, question in draws(one, 0, "train", 0, 101)]
    assert len({len(question) for question in questions}) == 1
    short_states, long_states = (
        {s for chain in chains(one, n) for s in chain} for one, n in ((task, 1009), (long, 11))
    )
    assert len({len(state) for state in short_states | long_states}) == 1
    trained = {pair for state in short_states for pair in enumerate(state)}
    assert {pair for state in long_states for pair in enumerate(state)} <= trained


@pytest.mark.parametrize("name", LONGEST)
def test_typed_questions_are_completed(name: str) -> None:
    task = example(name)
    drawn = task.draw(0, "train", 0)
    assert task.completed(drawn) == drawn
    typed = task.completed(task.parse({"my_task": "2716"}[name]))
    assert len(typed) == len(drawn)
    assert task.truth(typed) == task.parse({"my_task": "7"}[name])
