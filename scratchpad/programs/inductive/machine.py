"""The machine: frames, and what each instruction does to them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType
from typing import Any

from scratchpad.programs.inductive import instructions as code
from scratchpad.programs.inductive.call_lifting import CAPTURE
from scratchpad.programs.inductive.compiled_program import MODULE, CompiledProgram
from scratchpad.programs.inductive.compound_statements import MATCHES
from scratchpad.programs.inductive.instructions import How, Unit
from scratchpad.programs.inductive.iterators import WALKED, iterate, walked
from scratchpad.programs.inductive.unsupported import Unsupported

DEEPEST = 1000  # frames, as Python's own limit
_FREE = "cannot access free variable "


@dataclass
class Loop:
    """The block of a loop: its iterator."""

    iterator: Any


@dataclass
class Trying:
    """The block of a `try` whose handlers wait. line: of the `try`."""

    line: int


@dataclass
class Handling:
    """The block of an exception that is being handled. name: where it is kept. bound: the program's own name for it."""

    name: str
    bound: str | None = None


@dataclass
class Finishing:
    """The block of a `try` whose `finally` waits. line: of the `try`."""

    line: int


@dataclass
class Leaving:
    """The block of a `finally` that runs. how: what comes after it. value: what is then returned or raised."""

    how: How
    value: Any = None


Block = Loop | Trying | Handling | Finishing | Leaving


@dataclass(eq=False)
class Frame:
    """A call in progress. place: of the next instruction, or of the call it waits for. cells: None for the module."""

    unit: Unit
    cells: dict[str, CellType]
    place: int = 0
    blocks: list[Block] = field(default_factory=list)


class Machine:
    """Runs a program, stopping before each line; its state then is all that the rest of the run depends on.

    It runs the program's own code in this very process: what is not trusted belongs into a Runner.
    """

    def __init__(self, program: CompiledProgram) -> None:
        self.program = program
        self.printed = io.StringIO()
        self.globals: dict[str, Any] = {"__name__": "__main__", "__builtins__": self._builtins()}
        self.frames = [Frame(program.units[MODULE], {})]
        self.stands = False
        """Whether it has stopped before a line, and the line is what runs next."""
        self.last_line: int | None = None
        """That ran last."""

    def _builtins(self) -> dict[str, Any]:
        def program_print(*values: Any, sep: Any = " ", end: Any = "\n", file: Any = None, flush: Any = False) -> None:
            print(*values, sep=sep, end=end, file=self.printed if file is None else file, flush=flush)

        own = {"print": program_print, WALKED: walked, CAPTURE: lambda *values, **named: (values[0], values[1:], named)}
        return vars(sys.modules["builtins"]) | own | {MATCHES: lambda error, kinds: isinstance(error, kinds)}

    def advance(self) -> bool:
        """Go to the next line, the first one in the beginning; False when the program has ended.

        What the program raises and does not catch is raised here, and has ended it; so does Unsupported.
        """
        if self.stands:
            self.last_line, _ = self.frames[-1].unit.point(self.frames[-1].place)
            self.frames[-1].place += 1
        while self.frames and not isinstance(self._instruction(), code.Line):
            self._run_instruction()
        self.stands = bool(self.frames)
        return self.stands

    def _instruction(self) -> code.Instruction:
        return self.frames[-1].unit.instructions[self.frames[-1].place]

    def _run_instruction(self) -> None:
        frame, each = self.frames[-1], self._instruction()
        frame.place += 1
        try:
            _ACTIONS[type(each)](self, frame, each)
        except Unsupported:
            raise
        except BaseException as error:
            self._unwind(error)

    def _call(self, frame: Frame, fragment: CodeType, *arguments: Any) -> Any:
        """Run a fragment on the variables of a frame."""
        cells = frame.cells
        closure = tuple(cells.setdefault(name, CellType()) for name in fragment.co_freevars)
        try:
            return FunctionType(fragment, self.globals, "fragment", None, closure)(*arguments)
        except NameError as error:
            if _is_raised_by_itself(error):
                raise _as_in_its_own_frame(error, frame.unit) from None
            raise

    # -- what instructions do

    def _run(self, frame: Frame, each: code.Run) -> None:
        self._call(frame, each.fragment)

    def _let(self, frame: Frame, each: code.Let) -> None:
        frame.cells[each.name] = CellType(self._call(frame, each.fragment))

    def _call_function(self, frame: Frame, each: code.Call) -> None:
        function, values, named = self._call(frame, each.fragment)
        unit = self._unit_of(function)
        if unit is None:
            frame.cells[each.name] = CellType(function(*values, **named))
            return
        if len(self.frames) >= DEEPEST:
            raise RecursionError("maximum recursion depth exceeded")
        self.frames.append(_frame(unit, function, values, named))
        frame.place -= 1  # the call is where this frame stands

    def _unit_of(self, function: Any) -> Unit | None:
        """The unit of a function of the program's; None for all that CPython has to call."""
        if type(function) is not FunctionType:
            return None
        return self.program.units.get(self.program.name_of(function.__code__) or "")

    def _drop(self, frame: Frame, each: code.Drop) -> None:
        for name in each.names:
            frame.cells.pop(name, None)

    def _jump(self, frame: Frame, each: code.Jump) -> None:
        frame.place = each.to.place

    def _jump_unless(self, frame: Frame, each: code.JumpUnless) -> None:
        if not self._call(frame, each.fragment):
            frame.place = each.to.place

    def _iterate(self, frame: Frame, each: code.Iterate) -> None:
        frame.blocks.append(Loop(iterate(self._call(frame, each.fragment))))

    def _next(self, frame: Frame, each: code.Next) -> None:
        loop = frame.blocks[-1]
        assert isinstance(loop, Loop)
        for item in loop.iterator:
            self._call(frame, each.store, item)
            return
        frame.blocks.pop()
        frame.place = each.end.place

    def _try(self, frame: Frame, each: code.Try) -> None:
        frame.blocks.append(Trying(each.line))

    def _bound(self, frame: Frame, each: code.Bound) -> None:
        block = frame.blocks[-1]
        assert isinstance(block, Handling)
        block.bound = each.name

    def _finally(self, frame: Frame, each: code.Finally) -> None:
        frame.blocks.append(Finishing(each.line))

    def _leave(self, frame: Frame, each: code.Leave) -> None:
        self._finish(frame, frame.blocks.pop(), each.how)

    def _end_finally(self, frame: Frame, each: code.EndFinally) -> None:
        block = frame.blocks.pop()
        assert isinstance(block, Leaving)
        if block.how == "raise":
            raise block.value
        if block.how == "return":
            self._return_value(frame, block.value)
        for how, label in each.leads:
            if how == block.how:
                frame.place = label.place

    def _raise(self, frame: Frame, each: code.Raise) -> None:
        raise frame.cells[each.name].cell_contents

    def _reraise(self, frame: Frame, each: code.Reraise) -> None:
        for outer in reversed(self.frames):
            for block in reversed(outer.blocks):
                if isinstance(block, Handling):
                    raise outer.cells[block.name].cell_contents
                if isinstance(block, Leaving) and block.how == "raise":
                    raise block.value
        raise RuntimeError("No active exception to reraise")

    def _return(self, frame: Frame, each: code.Return) -> None:
        self._return_value(frame, self._call(frame, each.fragment))

    def _return_value(self, frame: Frame, value: Any) -> None:
        while frame.blocks:
            if self._finish(frame, frame.blocks.pop(), "return", value):
                return
        self.frames.pop()
        if self.frames:
            caller, call = self.frames[-1], self._instruction()
            assert isinstance(call, code.Call)
            caller.cells[call.name] = CellType(value)
            caller.place += 1

    def _finish(self, frame: Frame, block: Block, how: How, value: Any = None) -> bool:
        """Leave a block that has been taken off; whether it has a `finally` that comes first."""
        if isinstance(block, Handling):
            del frame.cells[block.name]
            self._unbind(frame, block.bound)
        if not isinstance(block, Finishing):
            return False
        frame.place = frame.unit.block_of(block.line, code.Finally).to.place
        frame.blocks.append(Leaving(how, value))
        return True

    def _unbind(self, frame: Frame, name: str | None) -> None:
        """A handler's name for its exception is gone when the handler is left."""
        if name in frame.cells:
            frame.cells[name].cell_contents = None
            del frame.cells[name].cell_contents
        elif name is not None:
            self.globals.pop(name, None)

    def _unwind(self, error: BaseException) -> None:
        """Go to where an exception is handled; raised again where it is not, and all frames are gone."""
        error.__traceback__ = error.__context__ = None
        while self.frames:
            frame = self.frames[-1]
            handled = {block.name for block in frame.blocks if isinstance(block, Handling)}
            for name in [name for name in frame.cells if name[0] == "." and name not in handled]:
                del frame.cells[name]
            while frame.blocks:
                block = frame.blocks.pop()
                if self._finish(frame, block, "raise", error):
                    return
                if isinstance(block, Trying):
                    handler = frame.unit.block_of(block.line, code.Try)
                    frame.cells[handler.name] = CellType(error)
                    frame.blocks.append(Handling(handler.name))
                    frame.place = handler.handlers.place
                    return
            self.frames.pop()
        raise error


_ACTIONS: dict[type[Any], Callable[[Machine, Frame, Any], None]] = {
    code.Run: Machine._run,
    code.Let: Machine._let,
    code.Call: Machine._call_function,
    code.Drop: Machine._drop,
    code.Jump: Machine._jump,
    code.JumpUnless: Machine._jump_unless,
    code.Iterate: Machine._iterate,
    code.Next: Machine._next,
    code.Leave: Machine._leave,
    code.Try: Machine._try,
    code.Bound: Machine._bound,
    code.Finally: Machine._finally,
    code.EndFinally: Machine._end_finally,
    code.Raise: Machine._raise,
    code.Reraise: Machine._reraise,
    code.Return: Machine._return,
}


def _frame(unit: Unit, function: FunctionType, values: tuple[Any, ...], named: dict[str, Any]) -> Frame:
    """The frame of a call. TypeError for arguments that do not fit."""
    assert unit.binder
    binder = FunctionType(unit.binder, {}, function.__name__, function.__defaults__)
    binder.__kwdefaults__, binder.__qualname__ = function.__kwdefaults__, function.__qualname__
    cells = {name: CellType() for name in sorted(unit.own)}
    cells |= dict(zip(unit.parameters, map(CellType, binder(*values, **named)), strict=True))
    cells |= dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return Frame(unit, cells)


def _is_raised_by_itself(error: NameError) -> bool:
    """Whether a fragment has raised it, and not a function that it has called."""
    here = error.__traceback__
    return here is not None and here.tb_next is not None and here.tb_next.tb_next is None


def _as_in_its_own_frame(error: NameError, unit: Unit) -> NameError:
    """An unbound variable of the frame's own is an outer one for a fragment: the error says what CPython's would."""
    if error.name in unit.own and _FREE in str(error):
        return UnboundLocalError(f"cannot access local variable '{error.name}' where it is not associated with a value")
    return error
