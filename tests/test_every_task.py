"""Every task can be trained for a step, evaluated, solved and reported, without code for it in particular."""

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
    format_names = ("scratchpad", "inductive", *task.extra_formats)
    folders = [evaluated_run(task, format_name, tmp_path / format_name).folder for format_name in format_names]
    page = report(folders)
    assert all(word in page for word in (name, *format_names))


def evaluated_run(task: Task, format_name: str, folder: Path) -> Run:
    config = RunConfig().with_settings({"task.name": task.name, "task.format": format_name, **TINY})
    run = train(config, folder, "cpu")
    for method in METHODS:
        (score,) = run.evaluate(task.default_test_sizes(), n=1, method=method)
        assert (score.task, score.format, score.n) == (task.name, format_name, 1)
        assert 0 <= score.transition_accuracy <= 1
    solved = run.solve(as_text(task.draw(0, "test", 0)), limits=Limits(state_tokens=7, states=2))
    assert solved.status in ("done", "loop", "max-states", "max-tokens")
    return run
