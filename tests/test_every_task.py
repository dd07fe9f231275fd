"""Every task goes all the way, with nothing made for it alone: trained for a step, judged, asked, and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scratchpad.config.schema import RunConfig
from scratchpad.evaluation import METHODS
from scratchpad.generation.engine import Limits
from scratchpad.reporting.html_page import report
from scratchpad.run import Run
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.base import Task
from scratchpad.tasks.document import as_text
from scratchpad.training.setup import train

TINY: dict[str, Any] = {
    "model": "tiny", "model.positions": "rotary", "train.steps": 1, "train.batch": 2, "train.samples": 3,
    "evaluate.n": 1, "evaluate.method": "free",
}  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_every_task_goes_all_the_way(name: str, tmp_path: Path) -> None:
    task = task_named(name)
    forms = ("scratchpad", "inductive", *task.extra_formats)
    folders = [judged(task, form, tmp_path / form).folder for form in forms]
    page = report(folders)
    assert all(word in page for word in (name, *forms))


def judged(task: Task, form: str, folder: Path) -> Run:
    config = RunConfig().with_settings({"task.name": task.name, "task.format": form, **TINY})
    run = train(config, folder, "cpu")
    for method in METHODS:
        (score,) = run.evaluate(task.default_test_sizes(), n=1, method=method)
        assert (score.task, score.format, score.n) == (task.name, form, 1)
        assert 0 <= score.transition_accuracy <= 1
    solved = run.solve(as_text(task.draw(0, "test", 0)), limits=Limits(state_tokens=7, states=2))
    assert solved.status in ("done", "loop", "max-states", "max-tokens")
    return run
