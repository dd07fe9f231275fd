"""Helpers for tests of training, evaluation and commands: tiny runs, and command lines in this process or others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from scratchpad.cli.main import main
from scratchpad.config.schema import RunConfig
from scratchpad.recipes import recipe
from scratchpad.run import Run
from scratchpad.training import trainer
from scratchpad.training.checkpoint import Checkpoints
from scratchpad.training.setup import train

ROOT = Path(__file__).parent.parent
Capture = pytest.CaptureFixture[str]

TINY: dict[str, Any] = {
    "model": "tiny",
    "bits": "1-4",
    "window": 7,
    "train.steps": 13,
    "train.batch": 5,
    "train.log_every": 1,
    "train.evaluate_every": 0,
    "train.checkpoint_every": 0,
    "train.warmup_steps": 2,
    "evaluate.sizes": "3,7",
    "evaluate.n": 11,
}
"""Settings of a run on parity that takes well under a second."""


starts_workers = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
"""For tests with forked background workers: from Python 3.12 on a fork warns if pytest has threads."""


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with `.` in place of `__` in their names."""
    return {name.replace("__", "."): value for name, value in settings.items()}


def tiny(**settings: Any) -> RunConfig:
    """Return the tiny run with changed settings: tiny(train__steps=7)."""
    return recipe("parity-small").with_settings(TINY | dotted(settings))


def trained(folder: Path, config: RunConfig, **how: Any) -> Run:
    """Train on the CPU; `how`: more arguments of `train`."""
    return train(config, folder, "cpu", **how)


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def losses(folder: Path) -> dict[int, float]:
    """Return the loss by step; each step is in the file once."""
    found = [(line["step"], line["loss"]) for line in metrics(folder) if "loss" in line]
    assert len(dict(found)) == len(found)
    return dict(found)


def interrupted_and_resumed(folder: Path, config: RunConfig, stop: int) -> Run:
    """Train until Ctrl-C at a step, then resume to the end."""

    def interrupt(line: dict[str, Any]) -> None:
        if line["step"] == stop:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(trainer.Interrupted):
        trained(folder, config, on_metrics=interrupt)
    return trained(folder, config, resume=True)


def assert_same_training(run: Run, expected: Run) -> None:
    """Check that two runs have the same losses, weights, optimizer state and averages."""
    assert losses(run.folder) == losses(expected.folder)
    found, wanted = (Checkpoints(one.folder).load("last") for one in (run, expected))
    for name in ("model", "optimizer", "average"):
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[key]) for key, value in one.items()), name


def train_arguments(out: Path, *more: str, **settings: Any) -> list[str]:
    """Return the arguments of `scratchpad` that train the tiny run."""
    values = [f"{name}={value}" for name, value in (TINY | dotted(settings)).items()]
    return ["train", "parity-small", "--out", str(out), *more, "--set", *values]


def command(capsys: Capture, *arguments: str | Path) -> tuple[int, str, str]:
    """Run a command line in this process and return its exit status, stdout and stderr."""
    capsys.readouterr()
    status = main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: Capture, *arguments: str | Path) -> str:
    """Run a command line that must fail with status 2, one line on stderr and nothing on stdout; return the line."""
    status, out, err = command(capsys, *arguments)
    assert (status, out) == (2, ""), err
    assert err.startswith("scratchpad: error: ")
    assert err.count("\n") == 1
    return err


def contents(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def started(
    cwd: Path, arguments: Sequence[str], program: Sequence[str] = ("-m", "scratchpad")
) -> subprocess.Popen[str]:
    """Start a command line in its own process."""
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
