"""The tasks of this package, and a function that returns a task by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchpad.config.parse import with_settings
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.tasks.addition_random_space import AdditionRandomSpace
from scratchpad.tasks.addition_shift import AdditionShift
from scratchpad.tasks.base import Task
from scratchpad.tasks.cruxeval import Cruxeval
from scratchpad.tasks.cycles import Cycles
from scratchpad.tasks.half_parity import HalfParity
from scratchpad.tasks.heights import Heights
from scratchpad.tasks.long_addition import LongAddition
from scratchpad.tasks.mbpp import Mbpp
from scratchpad.tasks.parity import Parity
from scratchpad.tasks.polynomials import Polynomials
from scratchpad.tasks.program_runs import ProgramRuns
from scratchpad.tasks.programs import Programs
from scratchpad.tasks.random_graphs import RandomGraphs
from scratchpad.tasks.three_cycles import ThreeCycles
from scratchpad.tasks.user_programs import UserPrograms

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Parity, HalfParity, Cycles, ThreeCycles, RandomGraphs, Heights, AdditionRandomSpace, AdditionShift,
        LongAddition, Polynomials, Programs,
    )
}  # fmt: skip
"""The tasks that draw their problems at random."""

DATA_SETS: dict[str, type[ProgramRuns]] = {task.name: task for task in (Mbpp, Cruxeval, UserPrograms)}
"""The tasks whose problems are read from a file, a folder or the Hugging Face hub."""


BUILT_IN: dict[str, type[Task]] = {**TASKS, **DATA_SETS}
"""All tasks of this package."""


def task_named(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """Return the task `name` with the given settings, for example `task_named("parity", {"bits": "1-8"})`.

    Raises ScratchpadError if a name is unknown, if a value is invalid, or if two settings exclude each other.
    """
    given = settings or {}
    if name not in BUILT_IN:
        raise unknown_name("task", name, BUILT_IN)
    replaced = excluded(name, given)
    for other, one in replaced.items():
        if one in replaced:
            raise ScratchpadError(
                f"{name}: {one}={given[one]} and {other}={given[other]} exclude each other: give only one setting"
            )
    return with_settings(BUILT_IN[name](), given, name)


def excluded(name: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return {excluded setting: the setting in `given` that excludes this setting}. `name`: the name of the task."""
    kind = BUILT_IN.get(name)
    pairs = kind.exclusive_settings if kind else ()
    both = [*pairs, *((other, one) for one, other in pairs)]
    return {other: one for one, other in both if given.get(one) not in (None, "", "none", (), [])}
