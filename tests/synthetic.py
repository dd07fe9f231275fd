"""What the tests of synthetic programs share."""

from __future__ import annotations

from typing import Any

from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task

PAPERS = """def f(v0):
  v0 += 0
  v4 = 2
  while v4 > 0:
    v4 -= 1
    v0 *= 2
  return v0

output = f(6)"""

BIEBER = {"constants": "1-9", "repeats": "2-9", "modulus": 1000}
"""The generator's own settings."""


def programs(**settings: Any) -> Task:
    return task_named("programs", settings)


def question_of(text: str) -> Symbols:
    task = programs()
    symbols = task.parse(text)
    task.check(symbols)
    return symbols
