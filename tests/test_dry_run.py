"""`train --dry-run`: what would be trained, without training it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchpad.config.resolve import resolve
from scratchpad.training.dry_run import dry_run
from scratchpad.training.setup import measure
from tests.tiny_runs import Capture, command, contents, metrics, refused, tiny, train_arguments, trained


def printed(capsys: Capture, *words: str) -> dict[str, str]:
    status, out, err = command(capsys, *words, "--dry-run", "--device", "cpu")
    assert status == 0, err
    return dict(line.split(maxsplit=1) for line in out.splitlines())


def test_it_writes_nothing_and_measures_real_steps(tmp_path: Path) -> None:
    config = tiny(train__steps=3, train__average=0.5, train__threads=1)
    found = dry_run(measure(resolve(config)), "cpu")
    assert not contents(tmp_path)
    run = trained(tmp_path / "run", config)
    assert found.parameters == sum(weights.numel() for weights in run.evaluated.model.parameters())
    assert found.timed == 3
    assert found.seconds > 0
    lines = metrics(tmp_path / "run")
    tokens = [one["tokens_per_second"] / one["documents_per_second"] * 5 for one in lines if "loss" in one]
    assert found.tokens == pytest.approx(sum(tokens) / 3, rel=0.01)  # the rates in the file are rounded
    assert found.device == "cpu, 1 thread"


def test_at_most_ten_steps_are_trained() -> None:
    assert dry_run(measure(resolve(tiny(train__steps=1000))), "cpu").timed == 10


def test_the_command_says_what_would_be_trained(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = printed(capsys, *train_arguments(Path("runs/x"), train__steps=7, train__batch=3))
    assert not contents(tmp_path)
    assert found["task"] == "parity (bits=1-4 window=7)"
    assert found["format"] == "inductive"
    assert found["documents"] == "21: 7 steps of 3"
    assert found["evaluation"] == "11 questions of each size: 3, 7"
    assert found["runs"] == "1, in runs/x"
    assert "2 layers, 2 heads, width 32" in found["model"]
    assert found["positions"].startswith("learned, a context of ")
    assert "the median of 7 steps" in found["time"]


def test_several_seeds(tmp_path: Path, capsys: Capture) -> None:
    found = printed(capsys, *train_arguments(tmp_path / "x", "--seeds", "3"))
    assert found["runs"] == f"3, in {tmp_path / 'x' / 'seed-0'} to {tmp_path / 'x' / 'seed-2'}"
    assert not contents(tmp_path)


def test_mistakes(tmp_path: Path, capsys: Capture) -> None:
    words = train_arguments(tmp_path / "x")
    assert "leave --resume and --force out" in refused(capsys, *words, "--dry-run", "--resume")
    assert "bits=99 does not fit window=7" in refused(
        capsys, *train_arguments(tmp_path, evaluate__sizes="99"), "--dry-run"
    )
