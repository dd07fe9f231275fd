"""The tasks that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchpad.errors import unknown
from scratchpad.settings import with_settings
from scratchpad.tasks.base import Task
from scratchpad.tasks.cycles import Cycles
from scratchpad.tasks.long_addition import LongAddition
from scratchpad.tasks.parity import Parity
from scratchpad.tasks.polynomials import Polynomials
from scratchpad.tasks.programs import Programs

TASKS: dict[str, type[Task]] = {task.name: task for task in (Parity, Cycles, LongAddition, Polynomials, Programs)}


def task_named(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """A task by its name, with settings as values or as texts: `task_named("parity", {"bits": "1-8"})`."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return with_settings(TASKS[name](), settings or {}, name)
