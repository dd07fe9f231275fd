"""Statements that hold others, as jumps and blocks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Literal

from scratchpad.programs.inductive.instructions import (
    Bound,
    EndFinally,
    Finally,
    Iterate,
    Jump,
    JumpUnless,
    Label,
    Leave,
    Next,
    Raise,
    Try,
)
from scratchpad.programs.inductive.statements import Block, SimpleStatements

ITEM = ".item"
"""What a loop's item is called where it is stored."""

MATCHES = "@matches"
"""The name, among the builtins, of a function that tells whether an exception is of one of some classes."""


class Statements(SimpleStatements):
    """Writes the instructions of one unit."""

    def _if(self, node: ast.If) -> None:
        otherwise, end = Label(), Label()
        used = self._test(node.test, otherwise)
        self._body(node.body)
        if node.orelse:
            self._emit(Jump(end))
        self._emit(otherwise)
        self._forget(used)
        self._body(node.orelse)
        self._emit(end)

    def _test(self, test: ast.expr, otherwise: Label) -> tuple[str, ...]:
        """Jump where a test fails; the names used for it, which are to be forgotten there as well."""
        self._emit(JumpUnless(self._expressions.fragment(self._expressions.lower(test)), otherwise))
        return self._forget()

    def _while(self, node: ast.While) -> None:
        again, otherwise, end = Label(), Label(), Label()
        again.place = len(self._unit.instructions) - self._lines  # the line itself, which is stopped at every time
        used = self._test(node.test, otherwise)
        self._blocks.append(Block("while", end, again))
        self._body(node.body)
        self._blocks.pop()
        self._emit(Jump(again))
        self._emit(otherwise)
        self._forget(used)
        self._body(node.orelse)
        self._emit(end)

    def _for(self, node: ast.For) -> None:
        line, again, following, otherwise, end = node.lineno, Label(), Label(), Label(), Label()
        self._emit(Iterate(self._expressions.fragment(self._expressions.lower(node.iter))))
        self._forget()
        self._emit(Jump(following))
        self._emit(again)
        self._begin_line(line)
        self._emit(following)
        item = ast.copy_location(ast.Name(ITEM, ast.Load()), node.target)
        store = ast.copy_location(ast.Assign([node.target], item), node.target)
        self._emit(Next(self._code([store], [ITEM]), otherwise))
        self._blocks.append(Block("for", end, again))
        self._body(node.body)
        self._blocks.pop()
        self._emit(Jump(again))
        self._emit(otherwise)
        self._body(node.orelse)
        self._emit(end)

    def _break(self, node: ast.Break) -> None:
        self._leave_loop("break", self._blocks)

    def _continue(self, node: ast.Continue) -> None:
        self._leave_loop("continue", self._blocks)

    def _leave_loop(self, how: Literal["break", "continue"], blocks: Sequence[Block]) -> None:
        """Leave all blocks within the innermost loop, and with `break` the loop's own."""
        for block in reversed(blocks):
            if block.kind == "finally":
                if how not in block.left_by:
                    block.left_by.append(how)
                self._emit(Leave(how))
                return
            if block.kind in ("for", "while"):
                to = block.end if how == "break" else block.again
                if how == "break" and block.kind == "for":
                    self._emit(Leave())
                assert to is not None
                self._emit(Jump(to))
                return
            self._emit(Leave())

    def _finally(self, body: Sequence[ast.stmt], last: Label) -> None:
        """The `finally` of the innermost block."""
        left_by = self._blocks[-1].left_by
        self._blocks[-1] = Block("finishing")
        self._emit(Leave())
        self._emit(last)
        self._body(body)
        self._blocks.pop()
        leads: list[tuple[Literal["break", "continue"], Label]] = [(how, Label()) for how in left_by]
        over = Label()
        self._emit(EndFinally(tuple(leads)))
        self._emit(Jump(over))
        for how, label in leads:
            self._emit(label)
            self._leave_loop(how, self._blocks)
        self._emit(over)

    def _try(self, node: ast.Try) -> None:
        done, last = Label(), Label()
        if node.finalbody:
            self._emit(Finally(node.lineno, last))
            self._blocks.append(Block("finally"))
        if node.handlers:
            self._with_handlers(node, done)
        else:
            self._body(node.body)
        self._emit(done)
        if node.finalbody:
            self._finally(node.finalbody, last)

    def _with_handlers(self, node: ast.Try, done: Label) -> None:
        name, handlers = f".exception{node.lineno}", Label()
        self._emit(Try(node.lineno, name, handlers))
        self._blocks.append(Block("try"))
        self._body(node.body)
        self._blocks.pop()
        self._emit(Leave())
        self._body(node.orelse)
        self._emit(Jump(done))
        self._emit(handlers)
        self._blocks.append(Block("handler"))
        for handler in node.handlers:
            self._handler(handler, name, done)
        self._blocks.pop()
        self._emit(Raise(name))

    def _handler(self, node: ast.ExceptHandler, name: str, done: Label) -> None:
        other = Label()
        self._begin_line(node.lineno)
        if node.type is not None:
            exception = ast.Name(name, ast.Load())
            test = ast.Call(ast.Name(MATCHES, ast.Load()), [exception, node.type], [])
            self._test(ast.copy_location(test, node.type), other)
        if node.name:
            exception = ast.Name(name, ast.Load())
            stored = ast.Name(node.name, ast.Store())
            self._run(ast.copy_location(ast.Assign([stored], exception), node))
            self._emit(Bound(node.name))
        self._body(node.body)
        self._emit(Leave())
        self._emit(Jump(done))
        self._emit(other)
