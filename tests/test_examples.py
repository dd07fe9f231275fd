"""The example tasks: long questions have the symbols, positions and states of short ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.user_data import load_corpus
from scratchpad.tasks.user_file import load_task_file

SLOTS = "ABCDEFGHIJKLMNOP"
EXAMPLES = Path(__file__).parent.parent / "examples"
LONGEST = {"my_task": 18, "insertion_sort": 12, "binary_search": 16}
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
    text, truths = {
        "my_task": ("2716", "7"), "insertion_sort": ("kcpa", "ackp"), "binary_search": ("bdkm?d", SLOTS[1:14])
    }[name]  # fmt: skip
    typed = task.completed(task.parse(text))
    assert len(typed) == len(drawn)
    assert "".join(task.truth(typed)) in truths
    assert task.answer(typed, task.chain(typed)[-1]) == task.truth(typed)


def test_the_example_of_data_comes_from_its_script() -> None:
    script = [sys.executable, str(EXAMPLES / "make_my_data.py")]
    ran = subprocess.run(script, capture_output=True, text=True, check=True)
    assert ran.stdout == (EXAMPLES / "my_data.jsonl").read_text()


def test_the_states_of_the_example_of_data_are_turns(tmp_path: Path) -> None:
    """Long problems have the symbols and lengths of short ones."""
    data = load_corpus(str(EXAMPLES / "my_data.jsonl"))
    script = [sys.executable, str(EXAMPLES / "make_my_data.py"), "--turns", "12", "--lines", "20", "--seed", "1"]
    file = tmp_path / "longer.jsonl"
    file.write_text(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    longer = load_corpus(str(file))
    for task, turns in ((data, range(1, 7)), (longer, (12,))):
        for _, question in draws(task, 0, "train", 0, 18):
            (inside,) = re.findall(r"\[(.*)\]", "".join(question))
            assert len(question) == 15
            assert len(inside) in turns
            right_turns = inside.count("R") + 2 * inside.count("B") + 3 * inside.count("L")
            assert task.truth(question) == task.answer(question, task.chain(question)[-1]) == ("NESW"[right_turns % 4],)
    assert set(longer.symbols()) <= set(data.symbols())


def test_the_example_of_words(tmp_path: Path) -> None:
    """Words are symbols, and no question is written twice."""
    script = [sys.executable, str(EXAMPLES / "make_words.py")]
    file = tmp_path / "words.jsonl"
    file.write_text(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    data = load_corpus(str(file))
    assert data.symbols() == ("?", "black", "blue", "green", "red", "white")
    assert (data.count("train"), data.count("test")) == (360, 40)
    assert data.steps.to_json() == "2-4"
    for _, question in draws(data, 0, "train", 0, 360):
        assert data.truth(question) == data.chain(question)[-1] == question[-2::-1]
    assert data.known_truth(data.parse("black green white ?")) is None
