"""The machine's instructions, and the units (the module, each function) that are made of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any, Literal

from scratchpad.programs.inductive.compiled_fragments import Variables

Fragment = CodeType
How = Literal["on", "break", "continue", "return", "raise"]
"""What comes after a `finally`."""


@dataclass(eq=False)
class Label:
    """A place in a unit that is jumped to; its number is known when all instructions are written."""

    place: int = -1


@dataclass(frozen=True)
class Line:
    """A line of the program begins: here the machine stops and its state is written down."""

    line: int


@dataclass(frozen=True)
class Run:
    """Run a fragment."""

    fragment: Fragment


@dataclass(frozen=True)
class Let:
    """Keep what a fragment returns under a name of the machine's."""

    name: str
    fragment: Fragment


@dataclass(frozen=True)
class Call:
    """Call what a fragment names, and keep the result: a function of the program's gets a frame of its own.

    The fragment returns the function and its arguments, those in order and those by name.
    """

    name: str
    fragment: Fragment


@dataclass(frozen=True)
class Drop:
    """Forget names of the machine's."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Jump:
    to: Label


@dataclass(frozen=True)
class JumpUnless:
    """Jump where a fragment returns something false."""

    fragment: Fragment
    to: Label


@dataclass(frozen=True)
class Iterate:
    """Begin a loop over what a fragment returns: its iterator is a block."""

    fragment: Fragment


@dataclass(frozen=True)
class Next:
    """Call a fragment with the next item of the innermost loop; at the loop's end, leave its block and jump."""

    store: Fragment
    end: Label


@dataclass(frozen=True)
class Leave:
    """Leave the innermost block. Where that is a `finally`'s, it runs first, and `how` says what comes after it."""

    how: How = "on"


@dataclass(frozen=True)
class Try:
    """Begin a block: an exception in it jumps, and is kept under a name until the handler's block is left.

    line: of the `try`, by which states name the block.
    """

    line: int
    name: str
    handlers: Label


@dataclass(frozen=True)
class Bound:
    """The exception that the innermost block handles has a name of the program's, until the block is left."""

    name: str


@dataclass(frozen=True)
class Finally:
    """Begin a block: however it is left, the machine goes to a place, and keeps in a block there what led to it."""

    line: int
    to: Label


@dataclass(frozen=True)
class EndFinally:
    """At the end of a `finally`: go on with what led to it. leads: where `break` and `continue` then lead."""

    leads: tuple[tuple[How, Label], ...]


@dataclass(frozen=True)
class Raise:
    """Raise the exception kept under a name of the machine's."""

    name: str


@dataclass(frozen=True)
class Reraise:
    """Raise the exception that is being handled, here or in the calls around."""


@dataclass(frozen=True)
class Return:
    fragment: Fragment


Instruction = (
    Line
    | Run
    | Let
    | Call
    | Drop
    | Jump
    | JumpUnless
    | Iterate
    | Next
    | Leave
    | Try
    | Bound
    | Finally
    | EndFinally
    | Raise
    | Reraise
    | Return
)


@dataclass(eq=False)
class Unit:
    """The module or a function, as instructions.

    name: unlike any other unit's. qualified_name: as the function itself gives it. variables: of its frames, outer
    functions' included; None for the module, whose variables are global. own: those of its frame alone. binder: code
    with the function's parameters that returns their values; None for the module.
    """

    name: str
    qualified_name: str = ""
    variables: Variables = None
    own: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    binder: CodeType | None = None
    instructions: list[Instruction] = field(default_factory=list)

    @cached_property
    def _points(self) -> list[tuple[int, int]]:
        """Where the machine can stand when a state is written: before a line, or in a call; line and part by place."""
        line, parts = 0, Counter[int]()
        points: list[tuple[int, int]] = []
        for each in self.instructions:
            line = each.line if isinstance(each, Line) else line
            points.append((line, parts[line]))
            parts[line] += isinstance(each, Line | Call)
        return points

    @cached_property
    def _places(self) -> dict[tuple[int, int], int]:
        stops = [place for place, each in enumerate(self.instructions) if isinstance(each, Line | Call)]
        return {self._points[place]: place for place in stops}

    def point(self, place: int) -> tuple[int, int]:
        """The line of an instruction that is stopped at, and how many places to stop at that line has before it."""
        return self._points[place]

    def place(self, line: int, part: int) -> int:
        """The instruction there. KeyError where nothing is stopped at."""
        return self._places[line, part]

    def block_of(self, line: int, kind: type[Try] | type[Finally]) -> Any:
        """The instruction that begins the block of the `try` in a line. KeyError where there is none."""
        for each in self.instructions:
            if isinstance(each, kind) and each.line == line:
                return each
        raise KeyError(line)
