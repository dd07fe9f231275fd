"""The machine's instructions, and code units: the instructions of the module or of one function.

Fragments do most of the work; the other instructions keep control of lines, calls, loops and exceptions. For example

    for x in f(3):
        y += x

becomes

    0 BeginLine(1)
    1 CallFunction(".1", fragment: f and 3)    the machine stops at the lines of f while this frame waits here
    2 EnterLoop(fragment: .1)
    3 DropTemporaries(".1")
    4 Jump(6)
    5 BeginLine(1)
    6 NextItem(fragment: x = .item, end: 10)
    7 BeginLine(2)
    8 RunFragment(fragment: y += x)
    9 Jump(5)

A *temporary* is a variable of the machine in a frame. Its name begins with a dot, so no program can have it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, Literal, NamedTuple

from scratchpad.programs.inductive.compiled_fragments import VariableNames

Completion = Literal["on", "break", "continue", "return", "raise"]
"""How a block is left, and what follows its `finally`. on: the next statement."""


@dataclass(eq=False)
class Label:
    """The target of jumps: the index of an instruction, set when the compiler gets there."""

    index: int = -1


class BeginLine(NamedTuple):
    """Stop: a line of the program begins, and the machine's state can be written."""

    line: int


class RunFragment(NamedTuple):
    fragment: CodeType


class StoreTemporary(NamedTuple):
    """Store the value of a fragment in a temporary."""

    name: str
    fragment: CodeType


class CallFunction(NamedTuple):
    """Call a function and store the result in a temporary. A function of the program gets its own frame.

    fragment: returns the function, its positional arguments and its keyword arguments, evaluated in Python's order.
    """

    name: str
    fragment: CodeType


class DropTemporaries(NamedTuple):
    names: tuple[str, ...]


class Jump(NamedTuple):
    target: Label


class JumpUnless(NamedTuple):
    """Jump if the value of a fragment is false."""

    fragment: CodeType
    target: Label


class EnterLoop(NamedTuple):
    """Push a loop over the value of a fragment."""

    fragment: CodeType


class NextItem(NamedTuple):
    """Assign the next item of the innermost loop to its target by a fragment; after the last, pop the loop and jump."""

    fragment: CodeType
    end: Label


class LeaveBlock(NamedTuple):
    """Pop the innermost block. If it has a `finally`, run that first, and continue with `completion` after it."""

    completion: Completion = "on"


class EnterTry(NamedTuple):
    """Push a `try` with handlers: an exception is in a temporary while its handler runs. line: of the `try`."""

    line: int
    name: str
    target: Label


class BindException(NamedTuple):
    """Note the program's name for the handled exception (`except E as name`): it is unbound with the handler's end."""

    name: str


class EnterFinally(NamedTuple):
    """Push a `try` with a `finally`, which starts at `target` however the block is left. line: of the `try`."""

    line: int
    target: Label


class EndFinally(NamedTuple):
    """Continue after a `finally` with the completion that led into it. targets: of `break` and `continue`."""

    targets: tuple[tuple[Completion, Label], ...]


class RaiseTemporary(NamedTuple):
    """Raise the exception in a temporary: no handler has matched it."""

    name: str


class Reraise(NamedTuple):
    """Raise the exception that this frame or one of its callers is handling: a `raise` without an exception."""


class ReturnValue(NamedTuple):
    fragment: CodeType


Instruction = (
    BeginLine | RunFragment | StoreTemporary | CallFunction | DropTemporaries | Jump | JumpUnless | EnterLoop | NextItem
    | LeaveBlock | EnterTry | BindException | EnterFinally | EndFinally | RaiseTemporary | Reraise | ReturnValue
)  # fmt: skip


@dataclass(eq=False)
class CodeUnit:
    """The module or one function, as instructions.

    name: unique in the program. qualified_name: the function's `__qualname__`. variables: of its frames, those of outer
    functions included; None for the module, whose variables are global. own: the variables of its scope.
    binder: code with the function's parameters that returns their values; None for the module.
    """

    name: str
    qualified_name: str = ""
    variables: VariableNames = None
    own: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    binder: CodeType | None = None
    instructions: list[Instruction] = field(default_factory=list)

    # States name the place where a frame has stopped by line and part: the part counts the stops (lines and calls) that
    # come before it in the same line. Indices of instructions would depend on the compiler, and say nothing to a model.

    @cached_property
    def _stops(self) -> dict[int, tuple[int, int]]:
        line, parts, stops = 0, Counter[int](), dict[int, tuple[int, int]]()
        for index, instruction in enumerate(self.instructions):
            if isinstance(instruction, BeginLine | CallFunction):
                line = instruction.line if isinstance(instruction, BeginLine) else line
                stops[index] = line, parts[line]
                parts[line] += 1
        return stops

    @cached_property
    def _indices(self) -> dict[tuple[int, int], int]:
        return {stop: index for index, stop in self._stops.items()}

    def stop_at(self, index: int) -> tuple[int, int]:
        """Return the line and the part of an instruction that the machine stops at."""
        return self._stops[index]

    def index_of(self, line: int, part: int) -> int:
        """Return the index of the instruction that the machine stops at there. KeyError if there is none."""
        return self._indices[line, part]

    def block_start(self, line: int, kind: type[EnterTry] | type[EnterFinally]) -> Any:
        """Return the instruction that pushes the block of the `try` in a line. KeyError if there is none."""
        for instruction in self.instructions:
            if isinstance(instruction, kind) and instruction.line == line:
                return instruction
        raise KeyError(line)
