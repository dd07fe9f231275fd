"""Curricula: the questions of each stage, the start of the next stage, exact resuming, vocabulary and positions."""

from __future__ import annotations

import dataclasses
import math
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_runs import losses, metrics, tiny, trained

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import CurriculumConfig
from scratchpad.evaluation.evaluated_model import EvaluatedModel, draw_test_questions
from scratchpad.evaluation.metrics import count_correct, evaluate
from scratchpad.layout.rows import positions_needed
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.transformer import Transformer
from scratchpad.run import Run, step_data
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.training import setup, trainer
from scratchpad.training.checkpoint import Checkpoints
from scratchpad.training.curriculum import make_curriculum, training_vocabulary
from scratchpad.training.data import StepData
from scratchpad.training.distributed import ProcessGroup
from scratchpad.training.setup import measure
from scratchpad.training.trainer import Trainer

STAGES: dict[str, Any] = {
    "curriculum__stages": "bits=1; bits=2; bits=3-4",
    "curriculum__threshold": 0.9,
    "curriculum__every": 4,
    "curriculum__n": 7,
}
"""Three stages that a run of 13 steps can pass."""


def data_of(ends: Sequence[int] = (), processes: ProcessGroup = ProcessGroup(), **settings: Any) -> StepData:  # noqa: B008
    config = tiny(**STAGES | settings)
    return step_data(measure(resolve(config)), processes, tuple(ends))


def bits(question: Symbols) -> int:
    return sum(symbol in "01" for symbol in question)


# The questions of a stage.


@pytest.mark.parametrize("forget", [False, True])
def test_a_stage_draws_its_own_questions_or_uniformly_those_so_far(forget: bool) -> None:
    """1,400 documents per stage. Shares of a mixture within 5 deviations: false alarm once in a million runs."""
    data = data_of([4, 8], train__batch=350, train__steps=12, curriculum__forget=forget)
    for stage, steps in enumerate((range(4), range(4, 8), range(8, 12))):
        found = Counter(min(bits(question), 3) for step in steps for question in data.questions(step))
        if forget:
            assert found == {stage + 1: 1400}
        else:
            share = 1 / (stage + 1)
            deviation = math.sqrt(1400 * share * (1 - share))
            assert set(found) == set(range(1, stage + 2))
            assert all(abs(count - 1400 * share) <= 5 * deviation for count in found.values())


def test_the_last_stage_continues_after_it_is_passed() -> None:
    passed = data_of([4, 8, 10], curriculum__forget=True)
    assert {min(bits(question), 3) for step in (10, 11, 12) for question in passed.questions(step)} == {3}


@pytest.mark.parametrize("forget", [False, True])
def test_both_labels_are_balanced_at_every_stage(forget: bool) -> None:
    """Cycles of 2 to 5: half of the 1,000 documents per stage, and of each size, are connected, within 5 deviations."""
    stages = {"task__name": "cycles", "task__format": "direct", "curriculum__stages": "n=2; n=3; n=5", "names": 17}
    config = dataclasses.replace(tiny(), task=dataclasses.replace(tiny().task, settings={}))
    settings = {name.replace("__", "."): value for name, value in (STAGES | stages).items()}
    config = config.with_settings(
        settings | {"train.batch": 500, "train.steps": 6, "evaluate.sizes": "5", "curriculum.forget": forget}
    )
    resolved = measure(resolve(config))
    task, data = resolved.task, step_data(resolved, ends=(2, 4))
    for stage in range(3):
        questions = [question for step in (2 * stage, 2 * stage + 1) for question in data.questions(step)]
        by_size: dict[int, list[bool]] = {}
        for question in questions:
            by_size.setdefault(question.count(">"), []).append(task.truth(question) == ("1",))
        assert sorted(by_size) == [2 * n for n in ((2, 3, 5)[stage : stage + 1] if forget else (2, 3, 5)[: stage + 1])]
        for labels in by_size.values():
            assert abs(sum(labels) - len(labels) / 2) <= 5 * math.sqrt(len(labels)) / 2


def test_draws_are_those_of_the_stages_task_by_document_number() -> None:
    data = data_of([4, 8], curriculum__forget=True, train__seed=3)
    for stage, step in enumerate((3, 4, 11)):
        task = data.task.changed({"bits": ("1", "2", "3-4")[stage]})
        assert data.questions(step) == [task.draw(3, "train", number) for number in range(5 * step, 5 * step + 5)]


def test_later_stages_do_not_change_earlier_steps() -> None:
    before, after = data_of([4]), data_of([4, 8])
    assert [before.questions(step) for step in range(8)] == [after.questions(step) for step in range(8)]
    assert [before.questions(step) for step in range(8, 13)] != [after.questions(step) for step in range(8, 13)]


def test_processes_divide_the_draws_of_a_step() -> None:
    alone, shares = data_of([4, 8]), [data_of([4, 8], ProcessGroup(rank, 3)) for rank in range(3)]
    for step in (0, 5, 9):
        parts = [share.questions(step) for share in shares]
        assert sorted(question for part in parts for question in part) == sorted(alone.questions(step))


@pytest.mark.parametrize("forget", [False, True])
def test_fixed_samples_are_counted_per_stage(forget: bool) -> None:
    """Eleven samples in batches of 5, so that epochs end within a step, and stages within an epoch."""
    data = data_of([4, 8], train__samples=11, curriculum__forget=forget, train__steps=40)
    tasks = [data.task.changed({"bits": law}) for law in ("1", "2", "3-4")]
    fixed = [{task.draw(0, "train", index) for index in range(11)} for task in tasks]
    for step in range(13):
        allowed = fixed[min(step // 4, 2)] if forget else set().union(*fixed[: step // 4 + 1])
        assert set(data.questions(step)) <= allowed
    last = [question for step in range(11, 33) for question in data.questions(step)]  # ten whole epochs
    if forget:
        expected = Counter(tasks[2].draw(0, "train", index) for index in range(11))
        assert all(Counter(last[i : i + 11]) == expected for i in range(0, 110, 11))


@pytest.mark.parametrize("settings", [{}, {"train__samples": 7}, {"curriculum__forget": True}])
def test_questions_trained_on_are_those_of_the_steps(settings: dict[str, Any]) -> None:
    data = data_of([4, 8], **settings)
    assert set(data.questions_before(11)) == {question for step in range(11) for question in data.questions(step)}


# The start of the next stage.


class Exam:
    """A replacement for tests of stages: returns given results and records the questions."""

    def __init__(self, *shares: float) -> None:
        self.shares = iter(shares)
        self.asked: list[list[Symbols]] = []

    def __call__(self, stage: Task, questions: Sequence[Symbols]) -> int:
        self.asked.append(list(questions))
        return round(next(self.shares) * len(questions))


def examined(folder: Path, exam: Exam, **settings: Any) -> Trainer:
    longer: dict[str, Any] = {"curriculum__n": 10, "train__steps": 30, **settings}
    data = data_of((), ProcessGroup(), **longer)
    model = Transformer(dataclasses.replace(tiny().model, context=64), len(data.vocabulary))
    evaluate: Any = lambda: [SimpleNamespace(accuracy=0.0, to_json=dict)]  # noqa: E731
    training = Trainer(model, data, folder, evaluate, lambda line: None, ProcessGroup(), exam)
    training.run()
    return training


def test_a_stage_ends_when_it_is_passed(tmp_path: Path) -> None:
    exam = Exam(0.5, 0.8, 0.9, 1.0, 0.8, 0.9)
    training = examined(tmp_path, exam)
    assert training.data.curriculum is not None
    assert training.data.curriculum.ends == (12, 16, 24)  # no test follows the last one
    found = [(line["step"], line["curriculum"]) for line in metrics(tmp_path) if "curriculum" in line]
    assert [(step, test["stage"], test["passed"], test["steps"]) for step, test in found] == [
        (4, 1, False, 4), (8, 1, False, 8), (12, 1, True, 12), (16, 2, True, 4), (20, 3, False, 4), (24, 3, True, 8),
    ]  # fmt: skip
    assert found[4][1] == {
        "stage": 3, "settings": "bits=3-4", "n": 10, "correct": 8, "accuracy": 0.8, "passed": False, "steps": 4,
        "low": pytest.approx(0.490, abs=1e-3), "high": pytest.approx(0.943, abs=1e-3),
    }  # fmt: skip
    assert Checkpoints(tmp_path).load().state["ends"] == [12, 16, 24]
    assert len(losses(tmp_path)) == 30


def test_each_test_has_new_questions_of_the_stage_alone(tmp_path: Path) -> None:
    exam = Exam(0, 1, 0, 0, 1, 0, 0)
    data = examined(tmp_path, exam, curriculum__n=13, window=31).data
    assert data.curriculum is not None
    drawn = iter([data.curriculum.tasks[stage].draw(0, "validation", i) for i in range(13 * 7)] for stage in range(3))
    first, second, third = drawn
    assert exam.asked[0] + exam.asked[1] == first[:26]
    assert exam.asked[2] + exam.asked[3] + exam.asked[4] == second[26:65]
    assert exam.asked[5] + exam.asked[6] == third[65:]


@pytest.mark.parametrize("method", ["forced", "free"])
def test_stages_are_tested_by_the_evaluation_method_of_the_run(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, str, int]] = []

    def passed(evaluated: EvaluatedModel, questions: Sequence[Symbols], method: str) -> int:
        asked.append((evaluated.task.settings()["bits"], method, len(questions)))
        count_correct(evaluated, questions, method)
        return len(questions)

    monkeypatch.setattr(setup, "count_correct", passed)
    trained(tmp_path / "run", tiny(**STAGES, evaluate__method=method, evaluate__sizes="1"))
    assert asked == [(1, method, 7), (2, method, 7), ("3-4", method, 7)]


@pytest.mark.parametrize("method", ["forced", "free"])
def test_correct_answers_are_counted_and_training_continues(method: str, tmp_path: Path) -> None:
    """A direct answer is one bit: after a few steps some are correct, as many as in an evaluation at size 2."""
    settings = {"task__format": "direct", "train__learning_rate": 1e-2, "evaluate__sizes": "2", "evaluate__n": 31}
    evaluated = trained(tmp_path / "run", tiny(**settings)).evaluated
    expected = next(iter(evaluate(evaluated, [2], 31, method))).score.correct
    evaluated.model.train()
    assert count_correct(evaluated, draw_test_questions(evaluated.task, 2, 31, 0), method) == expected > 0
    assert evaluated.model.training


# Resuming.

RESUMED: dict[str, Any] = {**STAGES, "train__checkpoint_every": 3, "model__dropout": 0.1}


@pytest.fixture
def always_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every test pass: stages end after steps 4, 8 and 12."""
    monkeypatch.setattr(setup, "count_correct", lambda evaluated, questions, method: len(questions))


@pytest.mark.usefixtures("always_passed")
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.filterwarnings("ignore:This process"))])
@pytest.mark.parametrize("stop", [3, 4, 7, 8, 9])
def test_resuming_is_exact_across_stages(stop: int, workers: int, tmp_path: Path) -> None:
    """Interrupted before, at and after the start of a stage, also with prefetched batches, which a new stage drops."""

    def interrupt(line: dict[str, Any]) -> None:
        if line["step"] == stop and "loss" in line:
            signal.raise_signal(signal.SIGINT)

    config = tiny(**RESUMED, train__workers=workers)
    whole = trained(tmp_path / "whole", config)
    assert whole.ends == (4, 8, 12)
    with pytest.raises(trainer.Interrupted):
        trained(tmp_path / "run", config, on_metrics=interrupt)
    again = trained(tmp_path / "run", config, resume=True)
    assert_same(again, whole)
    assert_same(trained(tmp_path / "run", config, resume=True, checkpoint="12"), whole)


def assert_same(found: Run, expected: Run) -> None:
    """Compare weights, metrics, stages and their tests bit by bit."""
    assert found.ends == expected.ends
    assert losses(found.folder) == losses(expected.folder)
    tests = [[line for line in metrics(run.folder) if "curriculum" in line] for run in (found, expected)]
    assert tests[0] == tests[1]
    for name, value in expected.evaluated.model.state_dict().items():
        assert torch.equal(found.evaluated.model.state_dict()[name], value), name


# Vocabulary and positions.


@pytest.mark.usefixtures("always_passed")
def test_symbols_and_positions_are_those_of_all_stages(tmp_path: Path) -> None:
    """A window of 59 needs more positions than a window of 7; the model has them from the first step on."""
    run = trained(tmp_path / "run", tiny(**STAGES | {"curriculum__stages": "bits=1; bits=2 window=59"}))
    stage = run.evaluated.task.changed({"bits": 2, "window": 59})
    document = run.evaluated.format.write(stage, stage.draw(0, "train", 0))
    alone = measure(resolve(tiny())).config.model.context
    assert run.config.model.context is not None
    assert alone is not None
    assert alone < positions_needed(document) <= run.config.model.context
    assert run.evaluate([3], n=5)[0].seen_in_training is not None


def test_the_vocabulary_is_that_of_all_stages() -> None:
    task = task_named("cycles", {"names": 7, "n": 2})
    curriculum = make_curriculum(CurriculumConfig(("n=2", "n=4 names=9"), 0.9), task)
    found = training_vocabulary(task, curriculum).symbols
    assert found[: len(Vocabulary(task.symbols()))] == Vocabulary(task.symbols()).symbols
    assert set(found) == set(Vocabulary(task.changed({"names": 9}).symbols()).symbols)
    assert training_vocabulary(task, None).symbols == Vocabulary(task.symbols()).symbols
