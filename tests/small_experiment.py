"""A small experiment for tests of `reproduce`: its file, its execution, and records of training and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import objects
from tiny_runs import Capture, command

from scratchpad.experiments import execute

TEXT = """
title = "Two formats of parity"
source = "a test"
setup = "as small as can be"
result = "nothing of the kind"
form = "FORM"
measure = "exact"

[reported]
direct = "half of them"

[curves]
direct = "task.format=direct"
inductive = "task.format=inductive"

[small]
note = "tiny"
settings = '''
bits=1-2 window=5 model=tiny
train.steps=STEPS train.batch=3 train.warmup_steps=0 train.checkpoint_every=0 train.evaluate_every=2 train.log_every=1
evaluate.sizes=1,3 evaluate.n=7 train.threads=1
'''
"""


def written(folder: Path, form: str = "lengths", steps: int = 3, more: str = "") -> Path:
    """Write a file with an experiment of two curves."""
    file = folder / "mine.toml"
    file.write_text(TEXT.replace("FORM", form).replace("STEPS", str(steps)) + more)
    return file


def reproduced(capsys: Capture, file: Path, out: Path, *more: str) -> list[dict[str, Any]]:
    """Return the rows that `reproduce --json` prints."""
    status, text, err = command(capsys, "reproduce", file, "--out", out, "--device", "cpu", "--json", *more)
    assert status == 0, err
    return objects(text)


def counting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The folders that a function of the machine is called with from now on."""
    calls: list[str] = []
    real: Callable[..., Any] = getattr(execute, name)

    def wrapped(first: Any, *others: Any, **named: Any) -> Any:
        calls.append(str(first.folder if name == "_scores" else others[0]))
        return real(first, *others, **named)

    monkeypatch.setattr(execute, name, wrapped)
    return calls
