"""Taking calls of the program's own functions out of expressions, so that the machine can step into them.

What is evaluated before such a call is kept under a name of the machine's, and the rest refers to it; everything else
stays as it is, and CPython runs it in one piece. The order of evaluation is kept.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from scratchpad.programs.inductive.compiled_fragments import compile_expression, evaluated_at_once
from scratchpad.programs.inductive.comprehensions import loops
from scratchpad.programs.inductive.instructions import Call, Instruction, Jump, JumpUnless, Label, Let, Unit
from scratchpad.programs.inductive.unsupported import Unsupported

CAPTURE = "@call"
"""The name, among the builtins, of a function that returns what it is called with."""

_TAKE_ALL = frozenset({"dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Slot = tuple[Any, Any]
"""Where an expression stands: a node and the name of a field, or a list and an index."""


class Expressions:
    """Lowers the expressions of a unit.

    emit: takes instructions and labels in their order. may_step: names that may stand for functions of the program's.
    stable: whether nothing that is called can give a name another value, so that it need not be kept. run: lowers
    statements that stand for a part of an expression.
    """

    def __init__(
        self,
        emit: Callable[[Instruction | Label], None],
        unit: Unit,
        may_step: frozenset[str],
        stable: Callable[[str], bool],
        run: Callable[[list[ast.stmt]], None],
    ) -> None:
        self._emit, self._unit, self._may_step, self._stable = emit, unit, may_step, stable
        self._run = run
        self.names: list[str] = []
        """The machine's own names in use in the current statement."""

    def lower(self, node: ast.expr) -> ast.expr:
        """What is left of an expression when the calls have been taken out."""
        if not self.steps(node):
            return node
        if isinstance(node, _COMPREHENSIONS):
            return self._lower_comprehension(node)
        if isinstance(node, ast.Lambda):
            return self.lower_defaults(node)
        if isinstance(node, ast.Call):
            return self._lower_call(node)
        if isinstance(node, ast.BoolOp):
            return self._lower_boolean(node)
        if isinstance(node, ast.IfExp):
            return self._lower_choice(node)
        if isinstance(node, ast.Compare) and any(map(self.steps, node.comparators[1:])):
            raise Unsupported("call in a chained comparison", node.lineno)
        return self._lower_slots(node)

    def steps(self, node: ast.AST) -> bool:
        """Whether an expression holds a call that may be stepped into."""
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            return any(map(self.steps, evaluated_at_once(node)))
        if isinstance(node, ast.Call) and self._is_candidate(node.func):
            return True
        return any(map(self.steps, ast.iter_child_nodes(node)))

    def keep(self, node: ast.expr) -> ast.expr:
        """Evaluate an expression now and refer to its value later, unless it cannot change."""
        if isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and self._stable(node.id)):
            return node
        if isinstance(node, ast.Starred):
            return ast.copy_location(ast.Starred(self.keep(node.value), node.ctx), node)
        if isinstance(node, ast.Slice):
            node = _copied(node)
            for slot in _slots(node):
                _set(slot, self.keep(_get(slot)))
            return node
        if isinstance(node, ast.FormattedValue):
            text = ast.copy_location(ast.JoinedStr([node]), node)
            return ast.copy_location(ast.FormattedValue(self.keep(text), -1, None), node)
        return self._let(self._new_name(), node)

    def lower_target(self, node: ast.Subscript, keep_all: bool = False) -> ast.Subscript:
        """A subscript that is assigned to; with keep_all its parts can be used twice, and are evaluated once."""
        node = self._lower_slots(node)
        if keep_all:
            for slot in _slots(node):
                _set(slot, self.keep(_get(slot)))
        return node

    def lower_defaults(self, node: Any) -> Any:
        """A function or a lambda whose defaults are evaluated before it is made."""
        node = copy.copy(node)
        node.args = self._lower_slots(node.args)
        return node

    def fragment(self, node: ast.expr) -> Any:
        """The code of an expression."""
        return compile_expression(node, self._unit.variables, self._unit.qualified_name)

    def _is_candidate(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in self._may_step
        return isinstance(function, ast.Call | ast.Subscript | ast.IfExp | ast.BoolOp)

    def _new_name(self, wish: str | None = None) -> str:
        name = f".{wish or len(self.names) + 1}"
        while name in self.names:
            name += "'"
        self.names.append(name)
        return name

    def _let(self, name: str, node: ast.expr) -> ast.expr:
        self._emit(Let(name, self.fragment(node)))
        return _reference(name, node)

    def _lower_slots(self, node: Any) -> Any:
        """Lower the parts of an expression, keeping the values of those that are evaluated before the last call."""
        node = _copied(node)
        slots = _slots(node)
        last = max((place for place, slot in enumerate(slots) if self.steps(_get(slot))), default=-1)
        for place, slot in enumerate(slots[: last + 1]):
            part = self.lower(_get(slot))
            _set(slot, self.keep(part) if place < last else part)
        return node

    def _lower_call(self, node: ast.Call) -> ast.expr:
        argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if isinstance(argument, ast.GeneratorExp) and isinstance(node.func, ast.Name) and self.steps(argument):
            if node.func.id in ("any", "all"):
                return self._lower_loops(argument, node.func.id)
            if node.func.id in _TAKE_ALL:
                listed = ast.copy_location(ast.ListComp(argument.elt, argument.generators), argument)
                node = ast.copy_location(ast.Call(node.func, [listed], []), node)
        lowered = self._lower_slots(node)
        if not self._is_candidate(node.func):
            return lowered
        capture = ast.Call(ast.Name(CAPTURE, ast.Load()), [lowered.func, *lowered.args], lowered.keywords)
        name = self._new_name()
        self._emit(Call(name, self.fragment(ast.copy_location(capture, node))))
        return _reference(name, node)

    def _lower_boolean(self, node: ast.BoolOp) -> ast.expr:
        if not any(map(self.steps, node.values[1:])):
            return ast.copy_location(ast.BoolOp(node.op, [self.lower(node.values[0]), *node.values[1:]]), node)
        name, end = self._new_name(), Label()
        for place, value in enumerate(node.values):
            kept = self._let(name, self.lower(value))
            if place < len(node.values) - 1:
                test = kept if isinstance(node.op, ast.And) else ast.copy_location(ast.UnaryOp(ast.Not(), kept), node)
                self._emit(JumpUnless(self.fragment(test), end))
        self._emit(end)
        return _reference(name, node)

    def _lower_choice(self, node: ast.IfExp) -> ast.expr:
        test = self.lower(node.test)
        if not self.steps(node.body) and not self.steps(node.orelse):
            return ast.copy_location(ast.IfExp(test, node.body, node.orelse), node)
        name, otherwise, end = self._new_name(), Label(), Label()
        self._emit(JumpUnless(self.fragment(test), otherwise))
        self._let(name, self.lower(node.body))
        self._emit(Jump(end))
        self._emit(otherwise)
        self._let(name, self.lower(node.orelse))
        self._emit(end)
        return _reference(name, node)

    def _lower_comprehension(self, node: Any) -> ast.expr:
        first = node.generators[0]
        rest = [part for part in ast.iter_child_nodes(node) if part is not first]
        if any(map(self.steps, [*rest, *first.ifs])):
            if isinstance(node, ast.GeneratorExp):
                raise Unsupported("call in a generator expression", node.lineno)
            return self._lower_loops(node)
        node = _copied(node)
        node.generators[0] = ast.comprehension(first.target, self.lower(first.iter), first.ifs, first.is_async)
        return node

    def _lower_loops(self, node: Any, call: str = "") -> ast.expr:
        """A comprehension, or what `any` or `all` are called with, as loops."""
        result = self._new_name()
        self._run(loops(node, call, result, self._new_name))
        return _reference(result, node)


def _reference(name: str, place: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Name(name, ast.Load()), place)


def _copied(node: Any) -> Any:
    """A copy of an expression, in which other expressions can be put in the place of its parts."""
    node = copy.copy(node)
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            setattr(node, name, [copy.copy(item) if isinstance(item, ast.keyword) else item for item in value])
    return node


def _slots(node: Any) -> list[Slot]:
    """Where the parts of an expression stand, in the order in which they are evaluated."""
    if isinstance(node, ast.Dict):
        pairs = [((node.keys, place), (node.values, place)) for place in range(len(node.keys))]
        return [slot for pair in pairs for slot in pair if _get(slot) is not None]
    if isinstance(node, ast.arguments):  # what is written last is evaluated first
        lists = (node.defaults, node.kw_defaults)
        return [(values, place) for values in lists for place, value in enumerate(values) if value is not None]
    if isinstance(node, ast.NamedExpr):  # its target is no value
        return [(node, "value")]
    slots: list[Slot] = []
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            slots += [(item, "value") if isinstance(item, ast.keyword) else (value, i) for i, item in enumerate(value)]
        elif isinstance(value, ast.expr):
            slots.append((node, name))
    return [slot for slot in slots if isinstance(_get(slot), ast.expr)]


def _get(slot: Slot) -> Any:
    holder, key = slot
    return holder[key] if isinstance(holder, list) else getattr(holder, key)


def _set(slot: Slot, node: ast.expr) -> None:
    holder, key = slot
    if isinstance(holder, list):
        holder[key] = node
    else:
        setattr(holder, key, node)
