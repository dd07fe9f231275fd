"""The tasks that come with the package, by name."""

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
"""Those that draw their own problems."""

DATA_SETS: dict[str, type[ProgramRuns]] = {task.name: task for task in (Mbpp, Cruxeval, UserPrograms)}
"""Those whose problems are data: of a file, a folder or the hub."""


def task_named(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """A task by its name, with settings as values or as texts: `task_named("parity", {"bits": "1-8"})`."""
    kinds = {**TASKS, **DATA_SETS}
    if name not in kinds:
        raise unknown_name("task", name, kinds)
    _refuse_both(name, settings or {})
    return with_settings(kinds[name](), settings or {}, name)


def excluded(name: str, given: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a task that those given stand in place of, each with the one that does."""
    kind = {**TASKS, **DATA_SETS}.get(name)
    pairs = kind.exclusive_settings if kind else ()
    both = [*pairs, *((other, one) for one, other in pairs)]
    return {other: one for one, other in both if given.get(one) not in (None, "", "none", (), [])}


def _refuse_both(name: str, given: Mapping[str, Any]) -> None:
    found = excluded(name, given)
    for other, one in found.items():
        if one in found:
            raise ScratchpadError(
                f"{name}: {one}={given[one]} and {other}={given[other]}: one stands in place of the other; give one"
            )
