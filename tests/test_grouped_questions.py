"""Questions that run the same program are held out together and count together."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from program_data import MBPP, run_data, write
from tiny_runs import Capture, command, refused, tiny, trained

from scratchpad.config.schema import TaskConfig
from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.base import draws
from scratchpad.tasks.program_traces import program_of
from scratchpad.tasks.user_data import load_corpus


def line(body: str, call: str, output: str) -> dict[str, Any]:
    """Return a question that calls a program of one line, with a direct answer."""
    return {"question": f"def f(n):\n  return {body}\n\noutput = f({call})", "states": [output], "answer": output}


def programs(split: str, path: str) -> tuple[set[str], int]:
    """Return the programs of a split of a file, and its number of lines."""
    data = load_corpus(path)
    questions = ["".join(question) for _, question in draws(data, 0, split, 0, data.count(split))]
    return {question.split("\n\n")[0] for question in questions}, len(questions)


def test_a_program_is_held_out_with_all_its_calls(tmp_path: Path) -> None:
    """23 programs with 3 calls each, on distant lines: a tenth of the programs are two, with six lines."""
    lines = [line(f"n+{number}", str(call), str(call + number)) for call in range(3) for number in range(23)]
    path = write(tmp_path / "runs.jsonl", lines)
    (train, trained_on), (test, tested_on) = programs("train", path), programs("test", path)
    assert not train & test
    assert (len(train), trained_on, len(test), tested_on) == (21, 63, 2, 6)


def test_programs_that_scratchpad_data_wrote_are_held_out_whole(tmp_path: Path, capsys: Capture) -> None:
    """The two calls of MBPP's task 974 are in one split, and so are the calls of a synthetic program."""
    path = write(tmp_path / "mbpp.jsonl", MBPP)
    made = tmp_path / "made.jsonl"
    run_data(capsys, "mbpp", "--format", "scratchpad", "--set", f"path={path}", out=made)
    (train, trained_on), (test, tested_on) = programs("train", str(made)), programs("test", str(made))
    assert (len(train), len(test), trained_on + tested_on) == (1, 1, 3)
    run_data(capsys, "programs", "--format", "direct", "-n", "39", "--set", "runs=3", out=made)
    (train, trained_on), (test, tested_on) = programs("train", str(made)), programs("test", str(made))
    assert not train & test
    assert (len(train) + len(test), trained_on + tested_on, tested_on) == (13, 39, 3)


def test_one_program_cannot_be_held_out(tmp_path: Path, capsys: Capture) -> None:
    lines = [line("n", str(call), str(call)) for call in range(7)]
    path = write(tmp_path / "runs.jsonl", lines)
    with pytest.raises(ScratchpadError, match=r"1 program with 7 calls: add one more .*`task.test_data`"):
        load_corpus(path)
    assert "1 program with 7 calls" in refused(capsys, "train", "parity-small", "--data", path)
    assert load_corpus(path, path).count("train") == 7


def test_a_question_without_a_call_is_its_own_problem() -> None:
    data, task = load_corpus("examples/my_data.jsonl"), task_named("programs")
    for text in ("a b", "x\n\noutput = 1\n", "output = f(1)", "\n\noutput =f(1)"):
        assert data.texts.problem(tuple(text)) == tuple(text)
    question = task.draw(0, "train", 0)
    assert "".join(task.texts.problem(question)) == "".join(question).split("\n\n")[0]


def test_symbols_may_have_several_characters() -> None:
    question = ("def f(n):", "\n  ", "return n", "\n\n", "output = ", "f(", "2)")
    assert "".join(program_of(question)) == "def f(n):\n  return n"


# Evaluated together


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on only the answer 1. Of its test programs one always outputs 1, one also 2, one has one call."""
    folder = tmp_path_factory.mktemp("ones")
    train = [line(f"{number}-{number - 1}", str(call), "1") for number in range(2, 9) for call in range(3)]
    asked = [("1", "3", "1"), ("n", "1", "1"), ("1", "4", "1"), ("n", "2", "2"), ("n//n", "5", "1")]
    data, test_data = write(folder / "train.jsonl", train), write(folder / "test.jsonl", [line(*one) for one in asked])
    config = tiny(train__steps=60, train__batch=7, train__learning_rate=1e-2, evaluate__sizes="")
    config = dataclasses.replace(config, task=TaskConfig(format="direct", data=data, test_data=test_data))
    return trained(folder / "run", config).folder


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)


@pytest.mark.parametrize("method", ["forced", "free"])
def test_a_program_is_right_where_all_its_questions_are(method: str, run: Path, capsys: Capture) -> None:
    status, out, err = command(capsys, "evaluate", run, "--method", method, "--device", "cpu", "--json")
    assert status == 0, err
    examples, programs = map(json.loads, out.splitlines())
    assert (examples["size"], examples["correct"], examples["n"]) == (1, 4, 5)
    assert (programs["size"], programs["unit"], programs["correct"], programs["n"]) == (None, "problem", 2, 3)
    assert {name: programs[name] for name in ("task", "format", "method", "seed")} == {
        "task": "data", "format": "direct", "method": method, "seed": 0,
    }  # fmt: skip
    assert programs["metric"] == "output"
    assert programs["low"] < programs["accuracy"] == 2 / 3 < programs["high"]
    _, out, _ = command(capsys, "evaluate", run, "--method", method, "--device", "cpu")
    assert f"{run}: 2 of 3 programs have correct answers to all questions: 66.7 % (20.8\N{EN DASH}93.9)" in out


def test_without_programs_none_are_reported(run: Path, capsys: Capture) -> None:
    """Each line names its run; the two questions are of different programs."""
    words = ("evaluate", run, run, "-n", "2", "--device", "cpu", "--json")
    _, out, _ = command(capsys, *words)
    assert [(one["run"], one["size"]) for one in map(json.loads, out.splitlines())] == [(str(run), 1)] * 2
    _, out, _ = command(capsys, *words[:3], "-n", "3", *words[5:])
    assert [one["size"] for one in map(json.loads, out.splitlines())] == [1, None, 1, None]
    assert all(one["run"] == str(run) for one in map(json.loads, out.splitlines()))
