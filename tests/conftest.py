"""For every test: one thread, so that sums are the same everywhere, and fixed seeds."""

from __future__ import annotations

import os
import random

import pytest
import torch

os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed the global generators before every test."""
    random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tables have any width, whatever the terminal: the workers of pytest-xdist set COLUMNS."""
    monkeypatch.delenv("COLUMNS", raising=False)
