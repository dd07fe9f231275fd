"""The machine, which executes instructions. Each instruction changes frames and their blocks.

The machine has no operand stack: values that outlive a fragment are variables, temporaries or parts of blocks. So when
the machine stops before a line, the rest of the run depends only on the globals, the frames and the printed text.
If the program calls one of its functions, the machine adds a frame to `frames`. The machine does not call itself.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

from scratchpad.programs.inductive import frames, instructions
from scratchpad.programs.inductive.compiled_fragments import CAPTURE_CALL, EXCEPTION_MATCHES, RESUMABLE
from scratchpad.programs.inductive.compiled_program import MODULE, CompiledProgram
from scratchpad.programs.inductive.frames import Block, Frame
from scratchpad.programs.inductive.instructions import Completion, Instruction
from scratchpad.programs.inductive.iterators import iterate, resumable
from scratchpad.programs.inductive.unsupported import Unsupported

_MOST_FRAMES = 1000  # Python's own recursion limit


class Machine:
    """Runs a program in this process and stops before each line. For untrusted programs, use a `Runner`."""

    def __init__(self, program: CompiledProgram) -> None:
        self.program = program
        self.printed = io.StringIO()
        self.globals: dict[str, Any] = {"__name__": "__main__", "__builtins__": self._builtins()}
        self.frames = [Frame(program.units[MODULE], {})]
        self.is_at_line = False  # True if the machine has stopped before a line
        self.last_line: int | None = None  # the last line that ran

    def _builtins(self) -> dict[str, Any]:
        def program_print(*values: Any, sep: Any = " ", end: Any = "\n", file: Any = None, flush: Any = False) -> None:
            print(*values, sep=sep, end=end, file=self.printed if file is None else file, flush=flush)

        own = {
            "print": program_print,
            RESUMABLE: resumable,
            CAPTURE_CALL: lambda *values, **keywords: (values[0], values[1:], keywords),
            EXCEPTION_MATCHES: lambda error, kinds: isinstance(error, kinds),
        }
        return vars(sys.modules["builtins"]) | own  # in the sandbox, `builtins` is a copy for programs

    def advance(self) -> bool:
        """Run to the next stop; return False at the program's end. Raises Unsupported and the program's exceptions."""
        if self.is_at_line:
            frame = self.frames[-1]
            self.last_line, _ = frame.unit.stop_at(frame.index)
            frame.index += 1
        while self.frames and not isinstance(self._next_instruction(), instructions.BeginLine):
            self._run_instruction()
        self.is_at_line = bool(self.frames)
        return self.is_at_line

    def _next_instruction(self) -> Instruction:
        frame = self.frames[-1]
        return frame.unit.instructions[frame.index]

    def _run_instruction(self) -> None:
        frame, instruction = self.frames[-1], self._next_instruction()
        frame.index += 1
        try:
            _ACTIONS[type(instruction)](self, frame, instruction)
        except Unsupported:
            raise
        except BaseException as error:
            self._unwind(error)

    def _evaluate(self, frame: Frame, fragment: CodeType, *arguments: Any) -> Any:
        """Run a fragment. The frame's cells hold the values of the fragment's free variables."""
        cells = frame.cells
        closure = tuple(cells.setdefault(name, CellType()) for name in fragment.co_freevars)
        try:
            return FunctionType(fragment, self.globals, "fragment", None, closure)(*arguments)
        except NameError as error:
            here = error.__traceback__
            if here is not None and here.tb_next is not None and here.tb_next.tb_next is None:
                # The fragment itself raised the error. A frame's local variables are free variables of the fragment.
                # So Python raises the wrong error for an unset local variable. Raise the correct error instead.
                if error.name in frame.unit.own and "cannot access free variable " in str(error):
                    text = f"cannot access local variable '{error.name}' where it is not associated with a value"
                    raise UnboundLocalError(text) from None
                raise error from None
            raise

    # -- instructions

    def _store_temporary(self, frame: Frame, instruction: instructions.StoreTemporary) -> None:
        frame.cells[instruction.name] = CellType(self._evaluate(frame, instruction.fragment))

    def _drop_temporaries(self, frame: Frame, instruction: instructions.DropTemporaries) -> None:
        for name in instruction.names:
            frame.cells.pop(name, None)

    def _call_function(self, frame: Frame, instruction: instructions.CallFunction) -> None:
        function, arguments, keywords = self._evaluate(frame, instruction.fragment)
        unit = self.program.unit_of(function)
        if unit is None:  # CPython runs builtins, methods, lambdas and generators
            frame.cells[instruction.name] = CellType(function(*arguments, **keywords))
            return
        if len(self.frames) >= _MOST_FRAMES:
            raise RecursionError("maximum recursion depth exceeded")
        self.frames.append(frames.called_frame(unit, function, arguments, keywords))
        frame.index -= 1  # the caller stays at the call until the called function returns

    def _jump(self, frame: Frame, instruction: instructions.Jump) -> None:
        frame.index = instruction.target.index

    def _jump_unless(self, frame: Frame, instruction: instructions.JumpUnless) -> None:
        if not self._evaluate(frame, instruction.fragment):
            frame.index = instruction.target.index

    def _next_item(self, frame: Frame, instruction: instructions.NextItem) -> None:
        loop = frame.blocks[-1]
        assert isinstance(loop, frames.LoopBlock)
        for item in loop.iterator:
            self._evaluate(frame, instruction.fragment, item)
            return
        frame.blocks.pop()
        frame.index = instruction.end.index

    def _bind_exception(self, frame: Frame, instruction: instructions.BindException) -> None:
        block = frame.blocks[-1]
        assert isinstance(block, frames.HandlerBlock)
        block.bound = instruction.name

    def _end_finally(self, frame: Frame, instruction: instructions.EndFinally) -> None:
        block = frame.blocks.pop()
        assert isinstance(block, frames.RunningFinally)
        if block.completion == "raise":
            raise block.value
        if block.completion == "return":
            self._return(frame, block.value)
        for completion, target in instruction.targets:
            if completion == block.completion:
                frame.index = target.index

    def _raise_temporary(self, frame: Frame, instruction: instructions.RaiseTemporary) -> None:
        raise frame.cells[instruction.name].cell_contents

    def _reraise(self, frame: Frame, instruction: instructions.Reraise) -> None:
        for outer in reversed(self.frames):
            for block in reversed(outer.blocks):
                if isinstance(block, frames.HandlerBlock):
                    raise outer.cells[block.name].cell_contents
                if isinstance(block, frames.RunningFinally) and block.completion == "raise":
                    raise block.value
        raise RuntimeError("No active exception to reraise")

    # -- leaving blocks and frames

    def _return(self, frame: Frame, value: Any) -> None:
        """Leave all blocks of a frame, and then the frame. If a block has a `finally`, run the `finally` first."""
        while frame.blocks:
            if self._leave(frame, frame.blocks.pop(), "return", value):
                return
        self.frames.pop()
        if self.frames:
            caller, call = self.frames[-1], self._next_instruction()
            assert isinstance(call, instructions.CallFunction)
            caller.cells[call.name] = CellType(value)
            caller.index += 1

    def _leave(self, frame: Frame, block: Block, completion: Completion, value: Any = None) -> bool:
        """Leave a block that the caller has popped. Return True if the block has a `finally`, which then runs next."""
        if isinstance(block, frames.HandlerBlock):
            del frame.cells[block.name]
            if block.bound in frame.cells:
                frame.cells[block.bound].cell_contents = None  # fill it first: emptying an empty cell is an error
                del frame.cells[block.bound].cell_contents
            elif block.bound is not None:
                self.globals.pop(block.bound, None)
        if not isinstance(block, frames.PendingFinally):
            return False
        frame.index = frame.unit.block_start(block.line, instructions.EnterFinally).target.index
        frame.blocks.append(frames.RunningFinally(completion, value))
        return True

    def _unwind(self, error: BaseException) -> None:
        """Continue at the nearest handler or `finally`. If neither exists, drop all frames and raise the exception."""
        error.__traceback__ = error.__context__ = None  # both may refer to values that are not in the state
        while self.frames:
            frame = self.frames[-1]
            handled = {block.name for block in frame.blocks if isinstance(block, frames.HandlerBlock)}
            for name in [name for name in frame.cells if name[0] == "." and name not in handled]:
                del frame.cells[name]  # temporaries of the statement that failed
            while frame.blocks:
                block = frame.blocks.pop()
                if self._leave(frame, block, "raise", error):
                    return
                if isinstance(block, frames.TryBlock):
                    handlers = frame.unit.block_start(block.line, instructions.EnterTry)
                    frame.cells[handlers.name] = CellType(error)
                    frame.blocks.append(frames.HandlerBlock(handlers.name))
                    frame.index = handlers.target.index
                    return
            self.frames.pop()
        raise error


_ACTIONS: dict[type[Any], Callable[[Machine, Frame, Any], object]] = {
    instructions.RunFragment: lambda machine, frame, it: machine._evaluate(frame, it.fragment),
    instructions.StoreTemporary: Machine._store_temporary,
    instructions.DropTemporaries: Machine._drop_temporaries,
    instructions.CallFunction: Machine._call_function,
    instructions.Jump: Machine._jump,
    instructions.JumpUnless: Machine._jump_unless,
    instructions.EnterLoop: lambda machine, frame, it: frame.blocks.append(
        frames.LoopBlock(iterate(machine._evaluate(frame, it.fragment)))
    ),
    instructions.NextItem: Machine._next_item,
    instructions.EnterTry: lambda machine, frame, it: frame.blocks.append(frames.TryBlock(it.line)),
    instructions.BindException: Machine._bind_exception,
    instructions.EnterFinally: lambda machine, frame, it: frame.blocks.append(frames.PendingFinally(it.line)),
    instructions.LeaveBlock: lambda machine, frame, it: machine._leave(frame, frame.blocks.pop(), it.completion),
    instructions.EndFinally: Machine._end_finally,
    instructions.RaiseTemporary: Machine._raise_temporary,
    instructions.Reraise: Machine._reraise,
    instructions.ReturnValue: lambda machine, frame, it: machine._return(frame, machine._evaluate(frame, it.fragment)),
}
