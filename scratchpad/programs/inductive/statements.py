"""Statements as the machine's instructions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal

from scratchpad.programs.inductive.call_lifting import Expressions
from scratchpad.programs.inductive.compiled_fragments import compile_statements
from scratchpad.programs.inductive.instructions import Drop, Instruction, Label, Line, Reraise, Return, Run, Unit
from scratchpad.programs.inductive.unsupported import Unsupported


@dataclass(frozen=True)
class Block:
    """What a statement stands in.

    end, again: where `break` and `continue` lead. left_by: which of them lead out of a `try` with a `finally`.
    """

    kind: Literal["for", "while", "try", "finally", "handler", "finishing"]
    end: Label | None = None
    again: Label | None = None
    left_by: list[Literal["break", "continue"]] = field(default_factory=list)


class SimpleStatements:
    """Writes the instructions of one unit, as far as its statements hold no others.

    may_step, stable: as for Expressions. define: is told of every function that the unit defines.
    """

    def __init__(
        self,
        unit: Unit,
        may_step: frozenset[str],
        stable: Callable[[str], bool],
        define: Callable[[ast.FunctionDef, Unit], None],
    ) -> None:
        self._unit, self._define = unit, define
        self._expressions = Expressions(self._emit, unit, may_step, stable, self._silent)
        self._line, self._lines = 0, True
        self._blocks: list[Block] = []  # the innermost last

    def write(self, body: Sequence[ast.stmt]) -> None:
        """The instructions of a whole body, and of the end that is reached without `return`."""
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            body = body[1:]  # a docstring
        self._body(body)
        nothing = ast.Constant(None, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
        self._emit(Return(self._expressions.fragment(nothing)))

    def _emit(self, each: Instruction | Label) -> None:
        if isinstance(each, Label):
            each.place = len(self._unit.instructions)
        else:
            self._unit.instructions.append(each)

    def _silent(self, body: list[ast.stmt]) -> None:
        """Statements that stand for a part of an expression: no lines of their own."""
        before, self._lines = self._lines, False
        self._body(body)
        self._lines = before

    def _body(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Global | ast.Nonlocal) or self._only_declares(node):
                continue
            if node.lineno != self._line:
                self._begin_line(node.lineno)
            write: Callable[[Any], None] = getattr(self, f"_{type(node).__name__.lower()}")
            write(node)
            self._forget()

    def _only_declares(self, node: ast.stmt) -> bool:
        """Whether it is `x: int` in a function, which is no line: nothing of it is evaluated there."""
        return isinstance(node, ast.AnnAssign) and node.value is None and self._unit.variables is not None

    def _begin_line(self, line: int) -> None:
        if self._lines:
            self._line = line
            self._emit(Line(line))

    def _forget(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Drop the names that the machine has used for a statement, or some others; those that it has used."""
        used = tuple(self._expressions.names) if names is None else tuple(names)
        if used and self._lines:
            self._emit(Drop(used))
            self._expressions.names.clear()
        return used

    def _run(self, *body: ast.stmt) -> None:
        self._emit(Run(self._code(body)))

    def _code(self, body: Sequence[ast.stmt], parameters: Sequence[str] = ()) -> CodeType:
        return compile_statements(body, self._unit.variables, parameters, self._unit.qualified_name)

    # -- simple statements

    def _pass(self, node: ast.Pass) -> None:
        """Nothing but a line."""

    def _import(self, node: ast.Import) -> None:
        self._run(node)

    _importfrom = _import

    def _functiondef(self, node: ast.FunctionDef) -> None:
        annotations = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        if any(part is not None and self._expressions.steps(part) for part in [*annotations, node.returns]):
            raise Unsupported("call in an annotation", node.lineno)
        self._run(self._expressions.lower_defaults(node))
        self._define(node, self._unit)

    def _expr(self, node: ast.Expr) -> None:
        left = self._expressions.lower(node.value)
        if left is node.value or not isinstance(left, ast.Name):
            self._run(ast.copy_location(ast.Expr(left), node))

    def _assign(self, node: ast.Assign) -> None:
        value, targets = self._expressions.lower(node.value), node.targets
        if any(map(self._expressions.steps, targets)):
            value = self._expressions.keep(value)
            targets = [self._target(target) for target in targets]
        self._run(ast.copy_location(ast.Assign(targets, value), node))

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(ast.copy_location(ast.Assign([node.target], node.value), node))
        if self._unit.variables is None:  # a function's own are never evaluated
            self._expr(ast.copy_location(ast.Expr(node.annotation), node))

    def _target(self, node: Any) -> Any:
        if isinstance(node, ast.Subscript):
            return self._expressions.lower_target(node)
        if self._expressions.steps(node):
            raise Unsupported("call in the target of an assignment", node.lineno)
        return node

    def _augassign(self, node: ast.AugAssign) -> None:
        target = self._target(node.target)
        if not self._expressions.steps(node.value):
            self._run(ast.copy_location(ast.AugAssign(target, node.op, node.value), node))
            return
        if isinstance(target, ast.Subscript):
            target = self._expressions.lower_target(target, keep_all=True)
        old = self._expressions.keep(_loaded(target))
        value = self._expressions.lower(node.value)
        if isinstance(old, ast.Name) and old.id[0] != ".":  # nothing can have given it another value
            self._run(ast.copy_location(ast.AugAssign(target, node.op, value), node))
            return
        change = ast.copy_location(ast.AugAssign(_stored(old), node.op, value), node)
        self._run(change, ast.copy_location(ast.Assign([target], old), node))

    def _delete(self, node: ast.Delete) -> None:
        targets = [self._target(target) for target in node.targets]
        self._run(ast.copy_location(ast.Delete(targets), node))

    def _assert(self, node: ast.Assert) -> None:
        if node.msg is not None and self._expressions.steps(node.msg):
            raise Unsupported("call in the message of an assertion", node.lineno)
        self._run(ast.copy_location(ast.Assert(self._expressions.lower(node.test), node.msg), node))

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is None:
            self._emit(Reraise())
            return
        exception = self._expressions.lower(node.exc)
        self._run(ast.copy_location(ast.Raise(exception, node.cause), node))

    def _return(self, node: ast.Return) -> None:
        value = ast.copy_location(ast.Constant(None), node) if node.value is None else node.value
        self._emit(Return(self._expressions.fragment(self._expressions.lower(value))))
        self._expressions.names.clear()  # the frame is gone


def _loaded(target: ast.expr) -> ast.expr:
    """A name or a subscript as it is read."""
    if isinstance(target, ast.Subscript):
        return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
    assert isinstance(target, ast.Name)  # attributes are not assigned to
    return ast.copy_location(ast.Name(target.id, ast.Load()), target)


def _stored(name: ast.expr) -> ast.Name:
    assert isinstance(name, ast.Name)
    return ast.copy_location(ast.Name(name.id, ast.Store()), name)
