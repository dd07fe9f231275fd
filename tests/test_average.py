"""Averages of the weights: their values, their use in evaluation, and that they do not affect training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import assert_same_training, interrupted_and_resumed, losses, tiny, trained
from torch import Tensor

from scratchpad.config.schema import TrainConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.evaluation.metrics import Result, evaluate
from scratchpad.layout.batch import Batch
from scratchpad.run import Run
from scratchpad.training import setup
from scratchpad.training.checkpoint import Checkpoint, Checkpoints
from scratchpad.training.trainer import Trainer

SETTINGS: dict[str, Any] = {"train__average": 0.6, "train__learning_rate": 1e-2, "model__dropout": 0.1}
"""(1 + t) / (10 + t) reaches 0.6 after 12 of the 13 steps."""


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("averaged") / "run", tiny(**SETTINGS))


def last(run: Run) -> Checkpoint:
    return Checkpoints(run.folder).load()


def assert_equal(found: dict[str, Tensor] | None, expected: dict[str, Tensor] | None) -> None:
    """Compare tensors bit by bit."""
    assert found is not None
    assert expected is not None
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.9999])
def test_the_average_is_the_weighted_sum_written_out(
    kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64: the weights after each step, times what all later steps have kept of them."""
    seen: list[dict[str, Tensor]] = []
    one_step = Trainer._train_step

    def record(training: Trainer, batches: list[Batch]) -> None:
        if not seen:
            seen.append(weights(training))
        one_step(training, batches)
        seen.append(weights(training))

    monkeypatch.setattr(Trainer, "_train_step", record)
    found = last(trained(tmp_path / "run", tiny(**{**SETTINGS, "train__average": kept}))).average
    keeps = [0.0] + [min(kept, (1 + step) / (10 + step)) for step in range(1, 14)]
    shares = [(1 - keeps[i]) * math.prod(keeps[i + 1 :]) for i in range(14)]
    assert sum(shares) == pytest.approx(1)
    assert found is not None
    for name, value in found.items():
        expected = torch.stack([share * one[name] for share, one in zip(shares, seen, strict=True)]).sum(0)
        torch.testing.assert_close(value.double(), expected, rtol=0, atol=1e-6)  # 13 roundings of numbers around 0.3


def weights(training: Trainer) -> dict[str, Tensor]:
    return {name: value.double().clone() for name, value in training.model.state_dict().items()}


def test_an_average_does_not_affect_training(averaged: Run, tmp_path: Path) -> None:
    without = trained(tmp_path / "run", tiny(**{**SETTINGS, "train__average": None}))
    assert losses(without.folder) == losses(averaged.folder)
    assert_equal(last(without).model, last(averaged).model)
    assert last(without).average is None


def test_the_average_is_evaluated(averaged: Run) -> None:
    """At the end of training and by a loaded run: all its weights differ from the model's own."""
    kept = last(averaged)
    assert_equal(dict(averaged.evaluated.model.state_dict()), kept.average)
    assert_equal(dict(Run.load(averaged.folder, "best", "cpu").evaluated.model.state_dict()), kept.average)
    assert not any(torch.equal(value, kept.model[name]) for name, value in (kept.average or {}).items())


def test_evaluations_during_training_use_the_average(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated_weights: list[dict[str, Tensor]] = []

    def record(evaluated: EvaluatedModel, *how: Any) -> Iterator[Result]:
        evaluated_weights.append({name: value.clone() for name, value in evaluated.model.state_dict().items()})
        return evaluate(evaluated, *how)

    monkeypatch.setattr(setup, "evaluate", record)
    run = trained(tmp_path / "run", tiny(**SETTINGS, train__evaluate_every=11, train__checkpoint_every=11))
    for step, found in zip((11, 13), evaluated_weights, strict=True):
        assert_equal(found, Checkpoints(run.folder).load(str(step)).average)


@pytest.mark.parametrize("stop", [1, 5])
def test_resuming_is_exact(stop: int, averaged: Run, tmp_path: Path) -> None:
    assert_same_training(interrupted_and_resumed(tmp_path / "run", tiny(**SETTINGS), stop), averaged)


def test_a_checkpoint_without_its_average_is_damaged(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", tiny(**SETTINGS))
    folder = run.folder / "checkpoints" / "step-13"
    assert "average.safetensors" in json.loads((folder / "state.json").read_text())["digests"]
    (folder / "average.safetensors").unlink()
    with pytest.raises(ScratchpadError, match=r"average\.safetensors is missing, truncated or altered"):
        Run.load(run.folder, "last", "cpu")


@pytest.mark.parametrize("average", [0.0, 1.0, -0.5, float("nan")])
def test_invalid_averages_are_refused(average: float) -> None:
    with pytest.raises(ScratchpadError, match=r"train\.average=.*above 0 and below 1"):
        TrainConfig(average=average)
