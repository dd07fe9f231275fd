"""Run folders written by hand, for tests of their readers: no model is trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.recipes import recipe
from scratchpad.tasks.base import Symbols


def parity(form: str = "inductive", seed: int = 0, **settings: Any) -> RunConfig:
    """Return a run on parity with 1-3 bits in a window of 7; settings as for `--set`."""
    config = dataclasses.replace(recipe("parity-small"), task=TaskConfig("parity", form, {"bits": "1-3", "window": 7}))
    return config.with_settings({"train.steps": "20", "train.seed": str(seed), **settings})


def write_run(folder: Path, config: RunConfig, **files: Sequence[Mapping[str, Any]]) -> Path:
    """Write a run folder with config.json and, for each of `files` (metrics, scores, evaluation), NAME.jsonl."""
    folder.mkdir(parents=True)
    task = resolve(config).task
    record = {
        "config": config.to_json(),
        "vocabulary": list(Vocabulary(task.symbols()).symbols),
        "task_settings": task.settings(),
        "versions": {"torch": "2.13.0", "python": "3.11.7"},
        "git": "0123456789ab",
        "machine": {"platform": "Linux", "gpu": None},
    }
    (folder / "config.json").write_text(json.dumps(record))
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def losses(*values: float) -> list[dict[str, Any]]:
    """Return lines of metrics.jsonl, ten steps apart."""
    return [{"step": 10 * i, "loss": loss, "lr": 1e-3} for i, loss in enumerate(values, 1)]


def score(size: int, correct: int, n: int = 100, **others: Any) -> dict[str, Any]:
    """Return a line of scores.jsonl. Its interval is not Wilson's, so a report that shows it has read it here."""
    line = {
        "step": 20, "task": "parity", "format": "inductive", "size": size, "n": n, "correct": correct,
        "accuracy": correct / n, "low": max(0.0, correct / n - 0.113), "high": min(1.0, correct / n + 0.017),
        "method": "free", "seed": 0, "transition_accuracy": 0.9871, "exact_accuracy": 0.7531, "first_wrong": 2.0,
        "tokens": 41.3, "seconds": 0.0123, "memory_bytes": 5 * 2**20, "seen_in_training": 17,
    }  # fmt: skip
    return {**line, **others}


def sample(
    question: Symbols, states: Sequence[Symbols], transitions: Sequence[bool], answer: str, truth: str, **others: Any
) -> dict[str, Any]:
    """Return a line of evaluation.jsonl of a generated sample, exact if all transitions are correct."""
    line = {
        "task": "parity", "format": "inductive", "method": "free", "seed": 0, "size": 3, "index": 0,
        "first_wrong": transitions.index(False) if False in transitions else None, "question": question,
        "exact": all(transitions), "right": answer == truth, "transitions": transitions,
        "tokens": sum(map(len, states)), "status": "done", "answer": [answer], "truth": [truth], "states": states,
    }  # fmt: skip
    return {**line, **others}
