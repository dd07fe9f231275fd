"""Every task of the inductive-scratchpad paper through all commands: train, evaluate, solve, report, data files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Capture, command, trained

from scratchpad.evaluation.evaluated_model import draw_test_questions
from scratchpad.evaluation.free_running import evaluate_free_running
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.recipes import recipe
from scratchpad.run import Run
from scratchpad.tasks import task_named
from scratchpad.tasks.base import draws
from scratchpad.tasks.document import as_text, bare
from scratchpad.tasks.formats import format_named, format_names

SMALL: dict[str, dict[str, Any]] = {
    "parity": {"bits": "1-3", "window": 5},
    "half-parity": {"window": 7, "jump": 2},
    "cycles": {"sizes": "2,3", "names": 7},
    "three-cycles": {"n": 2, "names": 11},
    "random-graphs": {"vertices": 5, "edges": 5, "distance": "1-2", "names": 7},
    "heights": {"n": 1},
    "addition-random-space": {"window": 3, "digits": "1-2:size"},
    "addition-shift": {"window": 3, "digits": "1-2:size"},
}
TRAIN = ("train.steps=3", "train.batch=5", "train.warmup_steps=0", "evaluate.n=3", "model=tiny")


def run_of(name: str, form: str, folder: Path, capsys: Capture, *more: str) -> Path:
    settings = [f"{key}={value}" for key, value in SMALL[name].items()]
    words = ["--set", f"task.name={name}", f"task.format={form}", *settings, *TRAIN, "evaluate.sizes=2,3", *more]
    status, _, err = command(capsys, "train", "parity-small", "--device", "cpu", "--out", folder, *words)
    assert status == 0, err
    return folder


@pytest.mark.parametrize("name", SMALL)
def test_a_task_goes_through_all_commands(name: str, tmp_path: Path, capsys: Capture) -> None:
    folder = run_of(name, "inductive", tmp_path / "run", capsys)
    for method in ("forced", "free"):
        evaluate = ("evaluate", folder, "--method", method, "-n", "5", "--sizes", "2,3", "--device", "cpu", "--json")
        status, out, err = command(capsys, *evaluate)
        assert status == 0, err
        assert [json.loads(line)["size"] for line in out.splitlines()] == [2, 3]
    question = task_named(name, SMALL[name]).draw(3, "test", 0)
    status, out, err = command(capsys, "solve", folder, as_text(question), "--max-states", "3", "--json")
    assert status == 0, err
    assert json.loads(out.splitlines()[-1])["status"] in ("done", "loop", "max-states", "max-tokens")
    status, _, err = command(capsys, "report", folder, "--out", tmp_path / "report.html")
    assert status == 0, err
    assert name in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("form", [form for form in format_names() if form != "inductive"])
@pytest.mark.parametrize("name", ["half-parity", "random-graphs", "addition-shift"])
def test_other_formats_are_trained_and_evaluated(name: str, form: str, tmp_path: Path, capsys: Capture) -> None:
    folder = run_of(name, form, tmp_path / "run", capsys, "evaluate.method=free")
    assert json.loads((folder / "config.json").read_text())["config"]["task"]["format"] == form


@pytest.mark.parametrize("form", ["inductive", "causal", "scratchpad", "direct"])
@pytest.mark.parametrize("name", SMALL)
def test_written_data_are_read_as_the_same_documents(name: str, form: str, tmp_path: Path, capsys: Capture) -> None:
    """`data` writes them, `layout` and `train --data` read them."""
    file, settings = tmp_path / "data.jsonl", [f"{key}={value}" for key, value in SMALL[name].items()]
    words = ("data", name, "--format", form, "-n", "7", "--out", file, "--set", *settings)
    assert command(capsys, *words)[0] == 0
    status, out, err = command(capsys, "layout", "--input", file, "--layout", "split", "--json")
    assert status == 0, err
    assert len(out.splitlines()) == 7
    more = ("--set", f"task.format={form}", *TRAIN)
    status, _, err = command(capsys, "train", "parity-small", "--data", file, "--out", tmp_path / "run", *more)
    assert status == 0, err
    evaluated = Run.load(tmp_path / "run", "last", "cpu").evaluated
    task = task_named(name, SMALL[name])
    for _, question in draws(task, 0, "train", 0, 7):
        assert evaluated.format.write(evaluated.task, question) == format_named(form).write(task, question)


@pytest.mark.parametrize("name", ["addition-random-space", "addition-shift"])
def test_the_answer_is_the_sum_alone(name: str, tmp_path: Path, capsys: Capture) -> None:
    """A wrong symbol beside the sum leaves the answer correct; a wrong digit does not."""
    run = Run.load(run_of(name, "inductive", tmp_path / "run", capsys), "last", "cpu")
    task, inductive = run.evaluated.task, run.evaluated.format
    question = task.at_size(2).draw(0, "test", 0)
    *before, last = inductive.write(task, question).states
    truth = task.truth(question)
    assert inductive.answer(task, question, [*before, last]) == truth
    end = last.index("$")
    beside, digit = (
        (*last[:place], "k" if symbol == "$" else "7" if last[place] != "7" else "8", *last[place + 1 :])
        for place, symbol in ((end + 1, "$"), (end - 1, "digit"))
    )
    assert inductive.answer(task, question, [*before, beside]) == truth
    assert inductive.answer(task, question, [*before, digit]) != truth


@pytest.mark.parametrize("name", ["addition-random-space", "addition-shift"])
def test_both_methods_evaluate_memorised_additions_alike(name: str, tmp_path: Path) -> None:
    """On a mix of correct and wrong samples one forward pass and free running agree on each, and `solve` writes the
    same states.
    """
    settings = {"task.name": name, "window": 2, "digits": 1, "train.samples": 8, "train.steps": 70, "train.batch": 8}
    speed = {"train.learning_rate": 1e-2, "train.final_learning_rate": 1e-3, "evaluate.n": 1, "train.evaluate_every": 0}
    config = type(recipe("parity-small"))().with_settings({"model": "tiny", **settings, **speed})
    run = trained(tmp_path / "run", config)
    evaluated = run.evaluated
    questions = [evaluated.task.draw(config.train.seed, "train", index) for index in range(8)]
    questions += draw_test_questions(evaluated.task, 1, 11, 0)
    forced, free = evaluate_teacher_forced(evaluated, 1, questions), evaluate_free_running(evaluated, 1, questions)
    assert {sample.exact for sample in forced} == {True, False}
    assert [sample.exact for sample in forced] == [sample.exact for sample in free]
    for sample in free:
        solved = run.solve(as_text(sample.question))
        given = (sample.question,) if evaluated.task.first_given else ()
        assert (*given, *solved.states) == tuple(map(bare, sample.states))
        assert (solved.answer, solved.status, solved.tokens) == (sample.answer, sample.status, sample.tokens)
