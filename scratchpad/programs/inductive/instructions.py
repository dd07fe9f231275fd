"""The machine's instructions. A code unit holds the instructions of the module or of one function.

Most of the work happens in fragments, which are pieces of the program that CPython runs. The instructions around the
fragments handle lines, calls, loops and exceptions. For example

    for x in f(3):
        y += x

becomes

    0 BeginLine(1)
    1 CallFunction(".1", fragment: f, 3)       the machine runs f line by line while this frame waits
    2 EnterLoop(fragment: .1)
    3 DropTemporaries(".1")
    4 Jump(6)
    5 BeginLine(1)
    6 NextItem(fragment: x = .item, end: 10)
    7 BeginLine(2)
    8 RunFragment(fragment: y += x)
    9 Jump(5)

A *temporary* is a variable that the compiler adds to a frame. Its name begins with a dot, unlike the program's names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, Literal, NamedTuple

from scratchpad.programs.inductive.compiled_fragments import VariableNames

Completion = Literal["on", "break", "continue", "return", "raise"]
"""How execution leaves a block, and how it continues after the block's `finally`. `on`: with the next statement."""


@dataclass(eq=False)
class Label:
    """A jump target. `index`: the index of an instruction. The compiler sets the index when it reaches the target."""

    index: int = -1


class BeginLine(NamedTuple):
    """Stop before a line of the program, so that the caller can write the machine's state."""

    line: int


class RunFragment(NamedTuple):
    fragment: CodeType


class StoreTemporary(NamedTuple):
    """Run a fragment and store its value in a temporary variable."""

    name: str
    fragment: CodeType


class CallFunction(NamedTuple):
    """Get a function and its arguments from a fragment. Call the function, and store the result in a temporary."""

    name: str
    fragment: CodeType


class DropTemporaries(NamedTuple):
    names: tuple[str, ...]


class Jump(NamedTuple):
    target: Label


class JumpUnless(NamedTuple):
    """Run a fragment, and jump if its value is false."""

    fragment: CodeType
    target: Label


class EnterLoop(NamedTuple):
    """Push the block of a loop. The loop iterates over the value of a fragment."""

    fragment: CodeType


class NextItem(NamedTuple):
    """Call a fragment with the innermost loop's next item. If no item is left, pop the block and jump to `end`."""

    fragment: CodeType
    end: Label


class LeaveBlock(NamedTuple):
    """Pop the innermost block, and run its `finally` if it has one. `completion`: what happens afterwards."""

    completion: Completion = "on"


class EnterTry(NamedTuple):
    """Push the block of a `try` with handlers. `name`: a variable for the exception. `target`: the first handler."""

    line: int
    name: str
    target: Label


class BindException(NamedTuple):
    """Record the name in `except E as name`, so that the end of the handler can unbind the name."""

    name: str


class EnterFinally(NamedTuple):
    """Push the block of a `try` with a `finally`. `line`: the `try`'s line. `target`: the start of the `finally`."""

    line: int
    target: Label


class EndFinally(NamedTuple):
    """End a `finally`: resume the delayed `return`, exception or jump. `targets`: the label for each kind of jump."""

    targets: tuple[tuple[Completion, Label], ...]


class RaiseTemporary(NamedTuple):
    """Raise the exception in a temporary variable, because no handler has matched the exception."""

    name: str


class Reraise(NamedTuple):
    """Run a `raise` without an exception: raise the exception that this frame or a caller is handling."""


class ReturnValue(NamedTuple):
    fragment: CodeType


Instruction = (
    BeginLine | RunFragment | StoreTemporary | CallFunction | DropTemporaries | Jump | JumpUnless | EnterLoop | NextItem
    | LeaveBlock | EnterTry | BindException | EnterFinally | EndFinally | RaiseTemporary | Reraise | ReturnValue
)  # fmt: skip


@dataclass(eq=False)
class CodeUnit:
    """The module or one function, as instructions.

    `name`: a name that is unique in the program. `qualified_name`: the function's `__qualname__`.
    `variables`: the variables that the function can use, including variables of outer functions; None for the module.
    `own`: the variables of the function's own scope. `parameters`: the names of the parameters.
    `binder`: code that takes a call's arguments and returns the parameters' values; None for the module.
    """

    name: str
    qualified_name: str = ""
    variables: VariableNames = None
    own: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    binder: CodeType | None = None
    instructions: list[Instruction] = field(default_factory=list)

    # A state says where a frame stopped: the line, and the part. The part is the number of earlier stops in this line.
    # A stop is the start of a line or a call. A state has no instruction's index, because no model could predict it.

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
        """Return the line at which an instruction stops, and the number of earlier stops in the line (the part)."""
        return self._stops[index]

    def index_of(self, line: int, part: int) -> int:
        """Return the index of the instruction that stops at a line and part. Raises KeyError if none stops there."""
        return self._indices[line, part]

    def block_start(self, line: int, kind: type[EnterTry] | type[EnterFinally]) -> Any:
        """Return the EnterTry or EnterFinally (`kind`) of the `try` in a line. Raises KeyError if the line has none."""
        for instruction in self.instructions:
            if isinstance(instruction, kind) and instruction.line == line:
                return instruction
        raise KeyError(line)
