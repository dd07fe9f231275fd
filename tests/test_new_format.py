"""A new format is one class and one `register`: every command takes it, with no edit elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import Captured, objects
from tiny_runs import command

from scratchpad.evaluation import METHODS
from scratchpad.tasks import TASKS, formats, task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import bare, terminated
from scratchpad.tasks.formats import Format, format_named, format_names


class Twice(Format):
    name = "twice"
    summary = "the answer, written twice"

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([2 * task.direct_answer(question)])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        written = bare(states[-1])
        half = len(written) // 2
        return written[:half] if written and written[:half] == written[half:] else None


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_FORMATS", dict(formats._FORMATS))
    formats.register(Twice())


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_it_and_reads_its_answer_back(name: str) -> None:
    task = task_named(name)
    assert format_names(task)[-1] == "twice"
    question = task.draw(0, "train", 0)
    document = format_named("twice").write(task, question)
    assert document.prompt == question
    assert format_named("twice").answer(task, question, document.states) == task.truth(question)
    assert format_named("twice").answer(task, question, [("0", "1")]) is None


def test_commands_take_it(tmp_path: Path, capsys: Captured) -> None:
    """Listed, shown, written as data, trained on and evaluated from these, reported, prompted for and scored."""
    parity = ("parity", "--format", "twice", "--set", "bits=3", "window=5")
    assert "twice       the answer, written twice" in command(capsys, "tasks")[1]
    (shown,) = objects(command(capsys, "show", *parity, "-n", "1", "--json")[1])
    assert shown["states"] == [[*shown["answer"], *shown["answer"], "<end>"]]
    data, folder = tmp_path / "data.jsonl", tmp_path / "run"
    assert command(capsys, "data", *parity, "-n", "7", "--out", str(data))[0] == 0
    tiny = ("model=tiny", "train.steps=1", "train.batch=2", "train.samples=3", "evaluate.n=1")
    settings = ("--set", "task.format=twice", *tiny)
    code, _, err = command(capsys, "train", "parity-small", "--data", data, "--out", folder, *settings)
    assert code == 0, err
    for method in METHODS:
        (score,) = objects(command(capsys, "evaluate", folder, "-n", "1", "--method", method, "--json")[1])
        assert score["format"] == "twice"
    assert command(capsys, "report", folder, "--out", tmp_path / "report.html")[0] == 0
    (prompt,) = objects(command(capsys, "prompt", *parity, "--shots", "2", "-n", "1", "--json")[1])
    answers = tmp_path / "answers.jsonl"
    answers.write_text(json.dumps(prompt | {"completion": prompt["target"]}))
    shares = objects(command(capsys, "score", answers, "--json")[1])
    assert {share["accuracy"] for share in shares} == {1}
    assert command(capsys, "globality", *parity)[0] == 0
