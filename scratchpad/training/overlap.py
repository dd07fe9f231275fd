"""Which questions a run was trained on: in small spaces test questions repeat them, and reports say how many."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scratchpad.tasks.base import Symbols
from scratchpad.training.data import StepData


def training_overlap(data: StepData, steps: int, questions: Iterable[Symbols], folder: Path) -> np.ndarray:
    """Which of the questions are among those of the first `steps` steps. Their digests are kept in the folder."""
    trained = _trained(data, steps, folder)
    asked = np.array([_digest(question) for question in questions], np.uint64)
    return np.isin(asked, trained)


def _trained(data: StepData, steps: int, folder: Path) -> np.ndarray:
    """Sorted 64-bit digests of all questions trained on (two questions share one with odds of 1 in 2**64)."""
    path = folder / f"questions-{steps}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    digests = np.unique(np.fromiter(map(_digest, data.questions_before(steps)), np.uint64))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(unfinished, digests)
    unfinished.replace(path)
    return digests


def _digest(question: Symbols) -> int:
    return int.from_bytes(hashlib.blake2b("\x00".join(question).encode(), digest_size=8).digest(), "little")
