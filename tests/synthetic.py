"""Helpers for tests of synthetic programs."""

from __future__ import annotations

from typing import Any

from traces import FUNCTION

from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task

PAPERS = f"{FUNCTION}\noutput = f(6)"

BIEBER = {"constants": "1-9", "repeats": "2-9", "modulus": 1000}
"""Settings of the original generator."""


def programs(**settings: Any) -> Task:
    return task_named("programs", settings)


def question_of(text: str) -> Symbols:
    task = programs()
    symbols = task.parse(text)
    task.check(symbols)
    return symbols
