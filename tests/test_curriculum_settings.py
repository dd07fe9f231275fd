"""Settings of curricula: invalid ones, stages of other tasks, reports and progress."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from run_folders import losses as loss_lines
from run_folders import parity, write_run
from tiny_runs import tiny, trained

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import CurriculumConfig, RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.recipes import recipe
from scratchpad.reporting.html_page import report
from scratchpad.reporting.progress import stage_result
from scratchpad.tasks import task_named
from scratchpad.tasks.user_data import load_corpus
from scratchpad.tasks.user_file import load_task_file
from scratchpad.training.curriculum import make_curriculum
from scratchpad.training.setup import measure

STAGES: dict[str, Any] = {
    "curriculum__stages": "bits=1; bits=2; bits=3-4",
    "curriculum__threshold": 0.9,
    "curriculum__every": 4,
    "curriculum__n": 7,
}
"""Three stages that a run of 13 steps can pass."""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"stages": "bits=1; bits=2"},
            (
                "curriculum.stages .* and curriculum.threshold .* go together: set both or neither; "
                "given: stages=bits=1; bits=2 threshold=none"
            ),
        ),
        (
            {"threshold": "0.95"},
            (
                "curriculum.stages .* and curriculum.threshold .* go together: set both or neither; "
                "given: stages=none threshold=0.95"
            ),
        ),
        ({"stages": "bits=1", "threshold": "95"}, "threshold=95.0: a share"),
        ({"stages": "bits=1", "threshold": "0"}, "threshold=0.0: a share"),
        ({"forget": "true"}, "forget needs curriculum.stages"),
        ({"stages": "bits=1", "threshold": "0.9", "every": "0"}, "curriculum.every=0: the value must be at least 1"),
        ({"stages": "bits=1", "threshold": "0.9", "n": "0"}, "curriculum.n=0: the value must be at least 1"),
        ({"stages": "bits=1;", "threshold": "0.9"}, "stages, stage 2, takes name=value, not ''"),
        ({"stages": "1; 2", "threshold": "0.9"}, "stages, stage 1, takes name=value, not '1'"),
        ({"stages": "bits=1 bits=2", "threshold": "0.9"}, "stage 1, bits is given twice"),
    ],
)
def test_invalid_curricula_are_refused(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        tiny(**{f"curriculum__{name}": value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"stages": "bits=1; bit=2"}, r"stage 2 \(bit=2\): unknown setting of parity 'bit': did you mean 'bits'"),
        ({"stages": "bits=1; bits=9"}, r"stage 2 \(bits=9\): .*window"),
        ({"stages": "bits=many"}, r"stage 1 \(bits=many\): bits=many: a length must be a number"),
        ({"every": 14}, "every=14 is larger than train.steps=13. Set it to at most 13"),
    ],
)
def test_stages_that_the_task_does_not_have_are_refused_before_writing(
    settings: dict[str, Any], says: str, tmp_path: Path
) -> None:
    config = tiny(**STAGES | {f"curriculum__{name}": value for name, value in settings.items()})
    with pytest.raises(ScratchpadError, match=says):
        trained(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_a_stage_that_the_data_do_not_hold_is_refused(tmp_path: Path) -> None:
    """Ten problems of two states each: one is held out, and none has three."""
    lines = [{"question": f"{i}", "states": [f"{i}", f"{i}a"], "answer": "a"} for i in range(10)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = load_corpus(str(data))
    config = CurriculumConfig(("steps=2", "steps=3"), 0.9)
    with pytest.raises(ScratchpadError, match=r"stage 2 \(steps=3\): the data hold no training or no test questions"):
        make_curriculum(config, task)
    found = make_curriculum(dataclasses.replace(config, stages=("steps=2",)), task)
    assert found is not None
    assert len(found.test_questions(1000, 0)) == 1


def test_every_test_asks_the_same_held_out_problems(tmp_path: Path) -> None:
    """There are too few problems for new ones in each test."""
    lines = [{"question": f"{i}", "states": [f"{i}", f"{i}a"], "answer": "a"} for i in range(59)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = load_corpus(str(data))
    found = make_curriculum(CurriculumConfig(("steps=2",), 0.9, every=5, n=3), task)
    assert found is not None
    held = found.tasks[0].count("validation") or 0
    assert held > 4
    asked = [found.tasks[0].draw(0, "validation", i) for i in range(3)]
    assert [found.test_questions(step, 0) for step in (5, 10, 50)] == [asked] * 3


@pytest.mark.parametrize(
    ("name", "stage"),
    [("cycles", "sizes=6,6"), ("cycles", "sizes=8 distance=3"), ("random-graphs", "unconnected=0")],
)
def test_a_stage_of_one_answer_is_refused(name: str, stage: str) -> None:
    with pytest.raises(ScratchpadError, match=f"stage 2 .{stage}.: all of the questions have the same answer"):
        make_curriculum(CurriculumConfig(("names=40", stage), 0.9), task_named(name))


GRAPHS = {"vertices": 5, "edges": 5, "names": 5}


@pytest.mark.parametrize(
    ("name", "settings", "stage", "threshold", "says"),
    [
        ("random-graphs", GRAPHS, "distance=1 unconnected=0.95", 0.9, r"95.0 % of the questions.*threshold=0.9"),
        ("random-graphs", GRAPHS, "distance=1 unconnected=0.125", 0.875, "87.5 % of the questions"),
        ("three-cycles", {}, "n=2", 2 / 3, "66.7 % of the questions"),
        ("cycles", {}, "n=2", 0.5, "50.0 % of the questions"),
        ("heights", {}, "n=2", 0.5, "50.0 % of the questions"),
    ],
)
def test_a_threshold_that_the_commonest_answer_reaches_is_refused(
    name: str, settings: dict[str, Any], stage: str, threshold: float, says: str
) -> None:
    task = task_named(name, settings)
    with pytest.raises(ScratchpadError, match=says):
        make_curriculum(CurriculumConfig((stage,), threshold), task)
    assert make_curriculum(CurriculumConfig((stage,), 0.96), task)


@pytest.mark.parametrize("name", ["cycles", "three-cycles", "heights", "random-graphs"])
def test_the_share_of_the_commonest_answer_is_correct(name: str) -> None:
    """Among 400 questions, within 5 standard deviations: a false alarm once in a million."""
    task = task_named(name, GRAPHS | {"distance": 1, "unconnected": 0.2} if name == "random-graphs" else {"n": 2})
    found = Counter(task.truth(task.draw(0, "train", index)) for index in range(400))
    deviation = math.sqrt(400 * task.most_common_share * (1 - task.most_common_share))
    assert min(abs(count - 400 * task.most_common_share) for count in found.values()) <= 5 * deviation


@pytest.mark.parametrize(
    ("name", "settings", "stages"),
    [
        ("half-parity", {"window": 8}, ("bits=2", "bits=3", "bits=4")),
        ("half-parity", {"window": 8}, ("bits=4", "window=7 bits=2")),
        ("parity", {"window": 8, "bits": "1-4"}, ("modulus=3", "modulus=2")),
    ],
)
def test_stages_that_contradict_each_other_need_forget(
    name: str, settings: dict[str, Any], stages: tuple[str, ...], tmp_path: Path
) -> None:
    written = {"curriculum.stages": "; ".join(stages), "curriculum.threshold": 0.9, "curriculum.every": 4}
    usual = {"task.name": name, "train.steps": 8, "evaluate.sizes": "4"}
    config = recipe("parity-small").with_settings({**usual, **settings, **written})
    with pytest.raises(ScratchpadError, match=f"{stages[0]} and {stages[1]} answer the same questions differently"):
        trained(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
    for fine in ({"curriculum.forget": True}, {"curriculum.stages": "window=6; window=7"}):
        assert measure(resolve(config.with_settings(fine))).config.model.context


def test_stages_of_a_user_task(tmp_path: Path) -> None:
    task = load_task_file(str(Path(__file__).parent.parent / "examples" / "my_task.py"))
    found = make_curriculum(CurriculumConfig(("sizes=2", "sizes=5"), 0.9), task)
    assert found is not None
    assert [stage.size_distribution().to_json() for stage in found.tasks] == [2, 5]


@pytest.mark.parametrize("stages", [0, 1])
def test_a_report_says_what_stages_took(stages: int, tmp_path: Path) -> None:
    test = {"stage": 1, "settings": "bits=1", "n": 10, "correct": 9, "accuracy": 0.9, "low": 0.6, "high": 1.0}
    lines = [{"step": 10, "curriculum": {**test, "passed": bool(stages), "steps": 10}}]
    settings: dict[str, Any] = {"curriculum.stages": "bits=1; bits=2-3", "curriculum.threshold": "0.9"}
    config = parity(**settings)
    text = report([write_run(tmp_path / "run", config, metrics=[*loss_lines(2.0, 1.0), *lines])])
    assert ("bits=1 after 10" in text) == bool(stages)
    assert ("A dotted line marks a passed stage of the curriculum." in text) == bool(stages)
    assert "stages passed, steps each" in text


def test_progress_shows_stage_tests() -> None:
    test = {"stage": 2, "settings": "n=3", "accuracy": 0.953, "passed": True, "steps": 4000}
    assert stage_result(test) == "stage 2 (n=3): 95.3 % correct, passed after 4000 steps"
    assert stage_result({**test, "accuracy": 0.5, "passed": False}) == "stage 2 (n=3): 50.0 % correct"


def test_stages_are_written_as_a_list_or_as_a_text() -> None:
    written, listed = tiny(**STAGES), tiny(**STAGES | {"curriculum__stages": ["bits=1", "bits=2", "bits=3-4"]})
    assert written == listed == RunConfig.from_json(written.to_json(), "here")
    assert written.curriculum.settings == ({"bits": "1"}, {"bits": "2"}, {"bits": "3-4"})
