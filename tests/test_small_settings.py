"""Each task is learned with its small settings. A training takes minutes, so only `make test-all` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchpad.recipes import training_config
from scratchpad.tasks import TASKS
from scratchpad.training.setup import train

LEARNED = {
    "parity": (8, 0.99),
    "half-parity": (10, 0.99),
    "cycles": (3, 0.97),
    "three-cycles": (3, 0.9),
    "random-graphs": (2, 0.9),
    "heights": (1, 0.9),
    "addition-random-space": (4, 0.95),
    "addition-shift": (3, 0.97),
    "long-addition": (3, 0.97),
    "polynomials": (2, 0.9),
    "programs": (1, 0.9),
}
"""A trained size of each task, and the share of whole scratchpads that must be correct at this size."""
UNKNOWN = {
    "heights": "23 % after all 1,500 steps; with 100 names in place of 8, 13 % after 1,200",
    "random-graphs": "the settings were never trained to the end",
}
"""Tasks for which it is not known that a small model learns them in so few steps, and what is known."""


def test_every_task_has_small_settings() -> None:
    assert LEARNED.keys() == TASKS.keys()
    assert all(kind.small for kind in TASKS.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.xfail(reason=UNKNOWN[one])) if one in UNKNOWN else one for one in LEARNED],
)
def test_a_task_is_learned_with_its_small_settings(name: str, tmp_path: Path) -> None:
    size, share = LEARNED[name]
    run = train(training_config(name).with_settings({"train.threads": 1}), tmp_path / "run", "cpu")
    assert run.evaluated.task.size_distribution().contains(size)
    (score,) = run.evaluate([size], n=200)
    assert score.accuracy >= share
