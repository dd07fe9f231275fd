"""Questions that are not in the user's data: a trained model answers them, and the truth is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Capture, command, dotted, refused, tiny, trained

from scratchpad.run import Run
from scratchpad.tasks import task_named
from scratchpad.tasks.base import draws
from scratchpad.tasks.document import START, bare
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import line_of
from scratchpad.tasks.user_data import load_corpus

WORDS = [
    {"question": ["red", "green", "?"], "states": [["green"], ["green", "red"]], "answer": ["red"]},
    {"question": ["green", "red", "?"], "states": [["red"], ["red", "green"]], "answer": ["green"]},
    {"question": ["red", "red", "?"], "states": [["red"], ["red", "red"]], "answer": ["red"]},
]


def write(path: Path, lines: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def trained_on(folder: Path, lines: list[dict[str, Any]], **settings: Any) -> Run:
    """Train a tiny run on lines in the folder."""
    values = {"task.data": write(folder / "data.jsonl", lines), "evaluate.sizes": "", "train.steps": 2}
    config = tiny().with_settings(values | dotted(settings))
    return trained(folder / "run", config)


def test_a_new_question_is_answered_and_the_truth_is_unknown(tmp_path: Path, capsys: Capture) -> None:
    """The states depend on the weights, so this test compares the command with `Run.solve`."""
    run = trained_on(tmp_path, WORDS)
    known, new = run.solve("red green ?"), run.solve("green green ?")
    assert (known.truth, new.truth) == (("red",), None)
    assert new.states
    words = ("solve", run.folder, "--device", "cpu")
    status, out, err = command(capsys, *words, "red green ?", "green green ?", "--json")
    assert status == 0, err
    answers = [line for line in map(json.loads, out.splitlines()) if "status" in line]
    assert [(line["truth"], line["states"]) for line in answers] == [
        (["red"], len(known.states)),
        (None, len(new.states)),
    ]
    status, out, err = command(capsys, *words, "green green ?")
    assert out.splitlines()[-1] == "truth unknown: this question is not in the data"
    status, out, err = command(capsys, *words, "red green ?")
    assert "truth unknown" not in out
    assert "symbol 'blue' at place 1 of the question is not in the alphabet" in refused(capsys, *words, "red blue ?")


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("parity", "inductive"),
        ("parity", "direct"),
        ("parity", "causal"),
        ("addition-shift", "inductive"),  # the prompt is empty and the question is the first state
        ("programs", "inductive"),  # the prompt differs from the question
        ("programs", "scratchpad"),
    ],
)
def test_data_of_a_task_take_new_questions_of_the_task(name: str, format_name: str, tmp_path: Path) -> None:
    """The data open a new question, and read its answer off the states, as the task itself does."""
    task, written = task_named(name), format_named(format_name)
    questions = [question for _, question in draws(task, 0, "train", 0, 12)]
    new = task.draw(1, "train", 0)
    assert new not in questions
    data = load_corpus(write(tmp_path / "data.jsonl", [line_of(task, written, question) for question in questions]))
    asked = tuple(symbol for symbol in written.prompt(task, new) if symbol != START) or task.first(new)
    assert written.opening(data, asked) == written.opening(task, new)
    assert data.known_truth(asked) is None
    read = written.read_answer(data, asked, written.states(task, new))
    if name == "addition-shift":  # its answers are in the middle of the last state
        assert read == bare(written.states(task, new)[-1])
    else:
        assert read == task.truth(new)
