"""Frames: calls in progress, each with its variables and its stack of blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CellType, FunctionType
from typing import Any

from scratchpad.programs.inductive.instructions import CodeUnit, Completion


@dataclass
class LoopBlock:
    """A `for` loop that runs."""

    iterator: Any


@dataclass
class TryBlock:
    """The body of a `try` that has handlers runs. line: of the `try`."""

    line: int


@dataclass
class HandlerBlock:
    """A handler runs. name: of the temporary with the exception. bound: the program's name for it, if any."""

    name: str
    bound: str | None = None


@dataclass
class PendingFinally:
    """A `try` with a `finally` runs, which comes when the block is left. line: of the `try`."""

    line: int


@dataclass
class RunningFinally:
    """A `finally` runs. completion: what follows it. value: what it then returns or raises."""

    completion: Completion
    value: Any = None


Block = LoopBlock | TryBlock | HandlerBlock | PendingFinally | RunningFinally


@dataclass(eq=False)
class Frame:
    """A call in progress. blocks: the innermost last. index: of the next instruction, or of the call it waits for.

    cells: the variables by name, temporaries included; an unbound variable is an empty cell. The module's variables are
    the machine's globals instead.
    """

    unit: CodeUnit
    cells: dict[str, CellType]
    index: int = 0
    blocks: list[Block] = field(default_factory=list)


def called_frame(unit: CodeUnit, function: FunctionType, arguments: Any, keywords: dict[str, Any]) -> Frame:
    """Return the frame of a call of one of the program's functions. TypeError for arguments that do not fit.

    CPython assigns the arguments to the parameters, by a call of the binder with the function's defaults and name: so
    the text of a TypeError is Python's own.
    """
    assert unit.binder
    binder = FunctionType(unit.binder, {}, function.__name__, function.__defaults__)
    binder.__kwdefaults__, binder.__qualname__ = function.__kwdefaults__, function.__qualname__
    cells = {name: CellType() for name in sorted(unit.own)}
    cells |= dict(zip(unit.parameters, map(CellType, binder(*arguments, **keywords)), strict=True))
    cells |= dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return Frame(unit, cells)
