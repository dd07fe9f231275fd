"""The overlap of test questions with training questions: in small tasks, some test questions also occur in training.

Training records no questions. This module draws the training questions again from the settings (`training.data`), and
caches the sorted hashes of the questions in the run folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from scratchpad.evaluation.evaluated_model import OnProgress
from scratchpad.tasks.base import Symbols
from scratchpad.training.data import StepData


def training_overlap(
    data: StepData,
    steps: int,
    questions: Iterable[Symbols],
    folder: Path,
    on_progress: OnProgress = lambda unit, count, total: None,
) -> np.ndarray:
    """Return for each question whether it occurs in the first `steps` training steps. `folder` is the run folder.

    on_progress: a function that receives the count of training questions that were drawn again.
    """
    test_digests = np.array([_digest(question) for question in questions], np.uint64)
    return np.isin(test_digests, _training_digests(data, steps, folder, on_progress))


def _training_digests(data: StepData, steps: int, folder: Path, on_progress: OnProgress) -> np.ndarray:
    """Return sorted digests of all training questions. Different questions share a digest with probability 2**-64."""
    path = folder / f"questions-{steps}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    total = steps * data.config.batch

    def digests_in_order() -> Iterator[int]:
        for count, question in enumerate(data.questions_before(steps)):
            on_progress("training questions compared", count, total)
            yield _digest(question)

    digests = np.unique(np.fromiter(digests_in_order(), np.uint64))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(unfinished, digests)
    unfinished.replace(path)
    return digests


def _digest(question: Symbols) -> int:
    return int.from_bytes(hashlib.blake2b("\x00".join(question).encode(), digest_size=8).digest(), "little")
