"""Compile compound statements (statements that contain other statements) to instructions.

Compound statements become jumps and blocks. The compiler knows the enclosing blocks (`EnclosingBlock`), so the code for
`break` and `continue` pops the correct number of blocks. For `return` and exceptions, the machine pops blocks.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Literal

from scratchpad.programs.inductive import instructions
from scratchpad.programs.inductive.compiled_fragments import EXCEPTION_MATCHES
from scratchpad.programs.inductive.instructions import Label
from scratchpad.programs.inductive.statements import EnclosingBlock, SimpleStatementCompiler

_ITEM = ".item"  # the parameter of a fragment that assigns a loop's item to its target


class StatementCompiler(SimpleStatementCompiler):
    """Writes the instructions of the module or of a function, for simple and compound statements."""

    def _if(self, node: ast.If) -> None:
        otherwise, end = Label(), Label()
        temporaries = self._jump_unless(node.test, otherwise)
        self._body(node.body)
        if node.orelse:
            self._emit(instructions.Jump(end))
        self._emit(otherwise)
        self._drop_temporaries(temporaries)
        self._body(node.orelse)
        self._emit(end)

    def _jump_unless(self, test: ast.expr, otherwise: Label) -> tuple[str, ...]:
        """Emit a jump to `otherwise` for a false test. Return the temporaries that code at `otherwise` must delete."""
        self._emit(instructions.JumpUnless(self._lifter.compile(self._lifter.lift(test)), otherwise))
        return self._drop_temporaries()

    def _while(self, node: ast.While) -> None:
        again, otherwise, end = Label(), Label(), Label()
        again.index = len(self._unit.instructions) - self._has_lines  # the index of the loop's BeginLine, if it has one
        temporaries = self._jump_unless(node.test, otherwise)
        self._blocks.append(EnclosingBlock("while", end, again))
        self._body(node.body)
        self._blocks.pop()
        self._emit(instructions.Jump(again))
        self._emit(otherwise)
        self._drop_temporaries(temporaries)
        self._body(node.orelse)
        self._emit(end)

    def _for(self, node: ast.For) -> None:
        again, first, otherwise, end = Label(), Label(), Label(), Label()
        self._emit(instructions.EnterLoop(self._lifter.compile(self._lifter.lift(node.iter))))
        self._drop_temporaries()
        self._emit(instructions.Jump(first))
        self._emit(again)
        self._begin_line(node.lineno)
        self._emit(first)
        item = ast.copy_location(ast.Name(_ITEM, ast.Load()), node.target)
        assign = ast.copy_location(ast.Assign([node.target], item), node.target)
        self._emit(instructions.NextItem(self._fragment([assign], [_ITEM]), otherwise))
        self._blocks.append(EnclosingBlock("for", end, again))
        self._body(node.body)
        self._blocks.pop()
        self._emit(instructions.Jump(again))
        self._emit(otherwise)
        self._body(node.orelse)
        self._emit(end)

    def _break(self, node: ast.Break) -> None:
        self._leave_loop("break")

    def _continue(self, node: ast.Continue) -> None:
        self._leave_loop("continue")

    def _leave_loop(self, how: Literal["break", "continue"]) -> None:
        """For `break` or `continue`, emit instructions that pop blocks and jump. A `finally` delays the jump."""
        for block in reversed(self._blocks):
            if block.kind == "finally":
                if how not in block.left_by:
                    block.left_by.append(how)
                self._emit(instructions.LeaveBlock(how))
                return
            if block.kind in ("for", "while"):
                target = block.end if how == "break" else block.again
                if how == "break" and block.kind == "for":
                    self._emit(instructions.LeaveBlock())
                assert target is not None
                self._emit(instructions.Jump(target))
                return
            self._emit(instructions.LeaveBlock())

    def _try(self, node: ast.Try) -> None:
        """Compile a `try` in this order: body, `else`, handlers, a raise if no handler matches, and `finally`."""
        done, finally_ = Label(), Label()
        if node.finalbody:
            self._emit(instructions.EnterFinally(node.lineno, finally_))
            self._blocks.append(EnclosingBlock("finally"))
        if node.handlers:
            self._with_handlers(node, done)
        else:
            self._body(node.body)
        self._emit(done)
        if node.finalbody:
            self._finally(node.finalbody, finally_)

    def _finally(self, body: Sequence[ast.stmt], start: Label) -> None:
        """Compile the innermost block's `finally`, then the jumps (`break`, `continue`) that this `finally` delays."""
        left_by = self._blocks[-1].left_by
        self._blocks[-1] = EnclosingBlock("finishing")
        self._emit(instructions.LeaveBlock())
        self._emit(start)
        self._body(body)
        self._blocks.pop()
        targets: list[tuple[Literal["break", "continue"], Label]] = [(how, Label()) for how in left_by]
        end = Label()
        self._emit(instructions.EndFinally(tuple(targets)))
        self._emit(instructions.Jump(end))
        for how, label in targets:
            self._emit(label)
            self._leave_loop(how)
        self._emit(end)

    def _with_handlers(self, node: ast.Try, done: Label) -> None:
        temporary, handlers = f".exception{node.lineno}", Label()
        self._emit(instructions.EnterTry(node.lineno, temporary, handlers))
        self._blocks.append(EnclosingBlock("try"))
        self._body(node.body)
        self._blocks.pop()
        self._emit(instructions.LeaveBlock())
        self._body(node.orelse)
        self._emit(instructions.Jump(done))
        self._emit(handlers)
        self._blocks.append(EnclosingBlock("handler"))
        for handler in node.handlers:
            self._handler(handler, temporary, done)
        self._blocks.pop()
        self._emit(instructions.RaiseTemporary(temporary))

    def _handler(self, node: ast.ExceptHandler, temporary: str, done: Label) -> None:
        """Compile `except type as name` to a stop before the line, a test of the type, and the body."""
        other = Label()
        self._begin_line(node.lineno)
        if node.type is not None:
            arguments = [ast.Name(temporary, ast.Load()), node.type]
            test = ast.Call(ast.Name(EXCEPTION_MATCHES, ast.Load()), arguments, [])
            self._jump_unless(ast.copy_location(test, node.type), other)
        if node.name:
            bind = ast.Assign([ast.Name(node.name, ast.Store())], ast.Name(temporary, ast.Load()))
            self._run(ast.copy_location(bind, node))
            self._emit(instructions.BindException(node.name))
        self._body(node.body)
        self._emit(instructions.LeaveBlock())
        self._emit(instructions.Jump(done))
        self._emit(other)
