"""Frames of the machine. A frame is a call in progress, with its variables and a stack of blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CellType, FunctionType
from typing import Any

from scratchpad.programs.inductive.instructions import CodeUnit, Completion


@dataclass
class LoopBlock:
    """A running `for` loop."""

    iterator: Any


@dataclass
class TryBlock:
    """The running body of a `try` that has handlers. `line`: the line of the `try`."""

    line: int


@dataclass
class HandlerBlock:
    """A running `except` handler. `name`: the temporary variable of the exception. `bound`: the name after `as`."""

    name: str
    bound: str | None = None


@dataclass
class PendingFinally:
    """A running `try` whose `finally` has not started yet. `line`: the line of the `try`."""

    line: int


@dataclass
class RunningFinally:
    """A running `finally`. `completion`: what happens afterwards. `value`: the value to return or raise afterwards."""

    completion: Completion
    value: Any = None


Block = LoopBlock | TryBlock | HandlerBlock | PendingFinally | RunningFinally


@dataclass(eq=False)
class Frame:
    """A call in progress.

    `cells`: the variables by name, including temporary variables. An unbound variable has an empty cell. In the
    module's frame, `cells` has only temporary variables. The module's own variables are the machine's globals.
    `index`: the index of the next instruction or of the running call. `blocks`: the blocks, from outer to inner.
    """

    unit: CodeUnit
    cells: dict[str, CellType]
    index: int = 0
    blocks: list[Block] = field(default_factory=list)


def called_frame(unit: CodeUnit, function: FunctionType, arguments: Any, keywords: dict[str, Any]) -> Frame:
    """Return the frame for a call of a program's function. Raises CPython's TypeError if the arguments do not fit."""
    assert unit.binder
    binder = FunctionType(unit.binder, {}, function.__name__, function.__defaults__)
    binder.__kwdefaults__, binder.__qualname__ = function.__kwdefaults__, function.__qualname__
    cells = {name: CellType() for name in sorted(unit.own)}
    cells |= dict(zip(unit.parameters, map(CellType, binder(*arguments, **keywords)), strict=True))
    cells |= dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return Frame(unit, cells)
