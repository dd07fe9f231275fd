"""Compile simple statements (statements that contain no other statements) to instructions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal

from scratchpad.programs.inductive import instructions
from scratchpad.programs.inductive.call_lifting import CallLifter
from scratchpad.programs.inductive.compiled_fragments import compile_statements
from scratchpad.programs.inductive.instructions import CodeUnit, Instruction, Label
from scratchpad.programs.inductive.unsupported import Unsupported


@dataclass(frozen=True)
class EnclosingBlock:
    """A loop or a part of a `try` statement around the statement that is being compiled.

    `kind`: 'finally' means before the `finally` clause of a `try` statement; 'finishing' means inside this clause.
    `end`: the target of `break`. `again`: the target of `continue`.
    `left_by`: the jumps (`break`, `continue`) that leave a `try` statement with a `finally`.
    """

    kind: Literal["for", "while", "try", "finally", "handler", "finishing"]
    end: Label | None = None
    again: Label | None = None
    left_by: list[Literal["break", "continue"]] = field(default_factory=list)


class SimpleStatementCompiler:
    """Writes the instructions of the module or of a function. The method `_assign` compiles `ast.Assign`, and so on.

    `function_names`, `rebound_names`: the same sets as for `CallLifter`.
    `compile_function`: compiles a function definition inside the unit.
    """

    def __init__(
        self,
        unit: CodeUnit,
        function_names: Set[str],
        rebound_names: Set[str],
        compile_function: Callable[[ast.FunctionDef, CodeUnit], None],
    ) -> None:
        self._unit, self._compile_function = unit, compile_function
        self._lifter = CallLifter(self._emit, unit, function_names, rebound_names, self._hidden)
        self._line = 0
        self._has_lines = True  # False while compiling loops that replace a comprehension
        self._blocks: list[EnclosingBlock] = []  # the innermost block is last

    def compile(self, body: Sequence[ast.stmt]) -> None:
        """Write the instructions of a whole body, followed by `return None`."""
        first = body[0] if body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            body = body[1:]  # CPython does not run a docstring
        self._body(body)
        none = ast.Constant(None, lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
        self._emit(instructions.ReturnValue(self._lifter.compile(none)))

    def _emit(self, item: Instruction | Label) -> None:
        if isinstance(item, Label):
            item.index = len(self._unit.instructions)
        else:
            self._unit.instructions.append(item)

    def _hidden(self, body: list[ast.stmt]) -> None:
        """Compile statements that replace a comprehension. The machine does not stop before these statements."""
        before, self._has_lines = self._has_lines, False
        self._body(body)
        self._has_lines = before

    def _body(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            # In a function, `x: int` evaluates nothing, so neither CPython nor the machine stops before it.
            is_declaration = isinstance(node, ast.AnnAssign) and node.value is None and self._unit.variables is not None
            if isinstance(node, ast.Global | ast.Nonlocal) or is_declaration:
                continue
            if node.lineno != self._line:
                self._begin_line(node.lineno)
            compile_statement: Callable[[Any], None] = getattr(self, f"_{type(node).__name__.lower()}")
            compile_statement(node)
            self._drop_temporaries()

    def _begin_line(self, line: int) -> None:
        if self._has_lines:
            self._line = line
            self._emit(instructions.BeginLine(line))

    def _drop_temporaries(self, names: Sequence[str] | None = None) -> tuple[str, ...]:
        """Emit an instruction that deletes `names` (None: all temporaries of the statement). Return the names."""
        used = tuple(self._lifter.temporaries if names is None else names)
        if used and self._has_lines:  # otherwise the enclosing statement drops the temporaries
            self._emit(instructions.DropTemporaries(used))
            self._lifter.temporaries.clear()
        return used

    def _run(self, *body: ast.stmt) -> None:
        self._emit(instructions.RunFragment(self._fragment(body)))

    def _fragment(self, body: Sequence[ast.stmt], parameters: Sequence[str] = ()) -> CodeType:
        return compile_statements(body, self._unit.variables, parameters, self._unit.qualified_name)

    # -- simple statements

    def _pass(self, node: ast.Pass) -> None:
        """Emit no instruction, because the stop before the line is enough."""

    def _import(self, node: ast.Import) -> None:
        self._run(node)

    _importfrom = _import

    def _functiondef(self, node: ast.FunctionDef) -> None:
        annotations = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        if any(part is not None and self._lifter.has_call(part) for part in [*annotations, node.returns]):
            raise Unsupported("call in an annotation", node.lineno)
        self._run(self._lifter.lift_defaults(node))
        self._compile_function(node, self._unit)

    def _expr(self, node: ast.Expr) -> None:
        rest = self._lifter.lift(node.value)
        if rest is node.value or not isinstance(rest, ast.Name):  # a bare name is the unused result of a lifted call
            self._run(ast.copy_location(ast.Expr(rest), node))

    def _assign(self, node: ast.Assign) -> None:
        value, targets = self._lifter.lift(node.value), node.targets
        if any(map(self._lifter.has_call, targets)):
            value = self._lifter.save(value)  # Python evaluates the value before the targets
            targets = list(map(self._target, targets))
        self._run(ast.copy_location(ast.Assign(targets, value), node))

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(ast.copy_location(ast.Assign([node.target], node.value), node))
        if self._unit.variables is None:  # functions never evaluate annotations of variables
            self._expr(ast.copy_location(ast.Expr(node.annotation), node))

    def _target(self, node: Any) -> Any:
        if isinstance(node, ast.Subscript):
            return self._lifter.lift_target(node)
        if self._lifter.has_call(node):
            raise Unsupported("call in the target of an assignment", node.lineno)
        return node

    def _augassign(self, node: ast.AugAssign) -> None:
        """Compile `a[i] += f()` to `.1 = a[i]; .2 = f(); .1 += .2; a[i] = .1`, with a and i in temporaries."""
        target = self._target(node.target)
        if not self._lifter.has_call(node.value):
            self._run(ast.copy_location(ast.AugAssign(target, node.op, node.value), node))
            return
        if isinstance(target, ast.Subscript):
            target = self._lifter.lift_target(target, save_all=True)
            read = ast.Subscript(target.value, target.slice, ast.Load())
        else:
            assert isinstance(target, ast.Name)  # assignments to attributes are unsupported
            read = ast.Name(target.id, ast.Load())
        old = self._lifter.save(ast.copy_location(read, target))
        value = self._lifter.lift(node.value)
        assert isinstance(old, ast.Name)
        if old.id[0] != ".":  # no call can rebind this name
            self._run(ast.copy_location(ast.AugAssign(target, node.op, value), node))
            return
        change = ast.AugAssign(ast.copy_location(ast.Name(old.id, ast.Store()), target), node.op, value)
        self._run(ast.copy_location(change, node), ast.copy_location(ast.Assign([target], old), node))

    def _delete(self, node: ast.Delete) -> None:
        self._run(ast.copy_location(ast.Delete(list(map(self._target, node.targets))), node))

    def _assert(self, node: ast.Assert) -> None:
        if node.msg is not None and self._lifter.has_call(node.msg):
            raise Unsupported("call in the message of an assertion", node.lineno)
        self._run(ast.copy_location(ast.Assert(self._lifter.lift(node.test), node.msg), node))

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is None:
            self._emit(instructions.Reraise())
        else:
            self._run(ast.copy_location(ast.Raise(self._lifter.lift(node.exc), node.cause), node))

    def _return(self, node: ast.Return) -> None:
        value = ast.copy_location(ast.Constant(None), node) if node.value is None else node.value
        self._emit(instructions.ReturnValue(self._lifter.compile(self._lifter.lift(value))))
        self._lifter.temporaries.clear()  # no need to drop temporaries: they end with the frame
