"""Call lifting takes calls of the program's own functions out of expressions, so that the machine can run the calls.

CPython evaluates an expression in one piece, so the machine could not stop inside a function that the expression calls.
Therefore each call becomes an instruction before the statement, and a temporary variable with the call's result
replaces the call. If Python evaluates a part of the expression before the call, an earlier instruction stores that part
in a temporary. The rest of the expression stays one fragment. With the program's function f,

    y = g + h[0] * f(2) + k()      where f may rebind g, and k is not a function of the program

becomes

    .1 = g
    .2 = h[0]
    .3 = f(2)                  where the machine calls f
    y = .1 + .2 * .3 + k()

Constants, and names that no call can rebind, need no temporary. Jumps skip the parts of `and`, `or` and `if-else` that
Python does not always evaluate. Comprehensions become loops (see `comprehensions`).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Set
from types import CodeType
from typing import Any

from scratchpad.programs.inductive import instructions
from scratchpad.programs.inductive.compiled_fragments import CAPTURE_CALL, compile_expression, default_values
from scratchpad.programs.inductive.comprehensions import as_loops
from scratchpad.programs.inductive.instructions import CodeUnit, Instruction, Label
from scratchpad.programs.inductive.unsupported import Unsupported

# These builtins first read their whole argument, so the compiler may replace a generator by a list.
_CONSUME_ALL = frozenset({"dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple"})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_Slot = tuple[Any, Any]  # the place of a part of an expression: (node, field name) or (list, index)


class CallLifter:
    """Moves calls of the program's functions out of expressions. `unit`: the code unit that contains the expressions.

    `emit`: appends an instruction or a label. `function_names`: names that may refer to the program's functions.
    `rebound_names`: names that a call may rebind. `compile_hidden`: compiles statements that replace a comprehension.
    `temporaries`: the names of the temporary variables that the current statement uses.
    """

    def __init__(
        self,
        emit: Callable[[Instruction | Label], None],
        unit: CodeUnit,
        function_names: Set[str],
        rebound_names: Set[str],
        compile_hidden: Callable[[list[ast.stmt]], None],
    ) -> None:
        self._emit, self._unit = emit, unit
        self._function_names, self._rebound_names = function_names, rebound_names
        self._compile_hidden = compile_hidden
        self.temporaries: list[str] = []

    def lift(self, node: ast.expr) -> ast.expr:
        """Emit instructions for the calls in an expression. Return the expression with results in place of calls."""
        if not self.has_call(node):
            return node
        if isinstance(node, _COMPREHENSIONS):
            return self._lift_comprehension(node)
        if isinstance(node, ast.Lambda):
            return self.lift_defaults(node)
        if isinstance(node, ast.Call):
            return self._lift_call(node)
        if isinstance(node, ast.BoolOp):
            return self._lift_boolean(node)
        if isinstance(node, ast.IfExp):
            return self._lift_conditional(node)
        if isinstance(node, ast.Compare) and any(map(self.has_call, node.comparators[1:])):
            raise Unsupported("call in a chained comparison", node.lineno)
        return self._lift_parts(node)

    def has_call(self, node: ast.AST) -> bool:
        """Return whether evaluating an expression may call one of the program's functions."""
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            return any(map(self.has_call, default_values(node)))
        if isinstance(node, ast.Call) and self._may_be_own(node.func):
            return True
        return any(map(self.has_call, ast.iter_child_nodes(node)))

    def save(self, node: ast.expr) -> ast.expr:
        """Return a temporary that stores a value. If no call can change the value, only return `node`."""
        if isinstance(node, ast.Constant):
            return node
        if isinstance(node, ast.Name) and (node.id[0] == "." or node.id not in self._rebound_names):
            return node
        if isinstance(node, ast.Starred):
            return ast.copy_location(ast.Starred(self.save(node.value), node.ctx), node)
        if isinstance(node, ast.Slice):
            node = _copied(node)
            for slot in _slots(node):
                _set(slot, self.save(_get(slot)))
            return node
        if isinstance(node, ast.FormattedValue):
            text = ast.copy_location(ast.JoinedStr([node]), node)
            return ast.copy_location(ast.FormattedValue(self.save(text), -1, None), node)
        return self._store(self._new_temporary(), node)

    def lift_target(self, node: ast.Subscript, save_all: bool = False) -> ast.Subscript:
        """Lift the calls in an assignment's target. `save_all`: store all parts of the target in temporaries."""
        node = self._lift_parts(node)
        if save_all:
            for slot in _slots(node):
                _set(slot, self.save(_get(slot)))
        return node

    def lift_defaults(self, node: Any) -> Any:
        """Lift the calls in the default values of a function or a lambda."""
        node = copy.copy(node)
        node.args = self._lift_parts(node.args)
        return node

    def compile(self, node: ast.expr) -> CodeType:
        return compile_expression(node, self._unit.variables, self._unit.qualified_name)

    def _may_be_own(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in self._function_names
        return isinstance(function, ast.Call | ast.Subscript | ast.IfExp | ast.BoolOp)

    def _new_temporary(self, variable: str | None = None) -> str:
        name = f".{variable or len(self.temporaries) + 1}"
        while name in self.temporaries:
            name += "'"
        self.temporaries.append(name)
        return name

    def _store(self, temporary: str, node: ast.expr) -> ast.expr:
        self._emit(instructions.StoreTemporary(temporary, self.compile(node)))
        return _reference(temporary, node)

    def _lift_parts(self, node: Any) -> Any:
        """Lift the calls in the parts of an expression. Temporaries store the parts that come before the last call."""
        node = _copied(node)
        slots = _slots(node)
        last = max((index for index, slot in enumerate(slots) if self.has_call(_get(slot))), default=-1)
        for index, slot in enumerate(slots[: last + 1]):
            part = self.lift(_get(slot))
            _set(slot, self.save(part) if index < last else part)
        return node

    def _lift_call(self, node: ast.Call) -> ast.expr:
        argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if isinstance(argument, ast.GeneratorExp) and isinstance(node.func, ast.Name) and self.has_call(argument):
            if node.func.id in ("any", "all"):
                return self._lift_loops(argument, node.func.id)
            if node.func.id in _CONSUME_ALL:
                listed = ast.copy_location(ast.ListComp(argument.elt, argument.generators), argument)
                node = ast.copy_location(ast.Call(node.func, [listed], []), node)
        lifted = self._lift_parts(node)
        if not self._may_be_own(node.func):
            return lifted
        # The fragment evaluates the function and its arguments. Then the machine checks whether the program defined it.
        capture = ast.Call(ast.Name(CAPTURE_CALL, ast.Load()), [lifted.func, *lifted.args], lifted.keywords)
        temporary = self._new_temporary()
        self._emit(instructions.CallFunction(temporary, self.compile(ast.copy_location(capture, node))))
        return _reference(temporary, node)

    def _lift_boolean(self, node: ast.BoolOp) -> ast.expr:
        if not any(map(self.has_call, node.values[1:])):
            return ast.copy_location(ast.BoolOp(node.op, [self.lift(node.values[0]), *node.values[1:]]), node)
        temporary, end = self._new_temporary(), Label()
        for index, value in enumerate(node.values):
            stored = self._store(temporary, self.lift(value))
            if index < len(node.values) - 1:
                is_and = isinstance(node.op, ast.And)
                test = stored if is_and else ast.copy_location(ast.UnaryOp(ast.Not(), stored), node)
                self._emit(instructions.JumpUnless(self.compile(test), end))
        self._emit(end)
        return _reference(temporary, node)

    def _lift_conditional(self, node: ast.IfExp) -> ast.expr:
        test = self.lift(node.test)
        if not self.has_call(node.body) and not self.has_call(node.orelse):
            return ast.copy_location(ast.IfExp(test, node.body, node.orelse), node)
        temporary, otherwise, end = self._new_temporary(), Label(), Label()
        self._emit(instructions.JumpUnless(self.compile(test), otherwise))
        self._store(temporary, self.lift(node.body))
        self._emit(instructions.Jump(end))
        self._emit(otherwise)
        self._store(temporary, self.lift(node.orelse))
        self._emit(end)
        return _reference(temporary, node)

    def _lift_comprehension(self, node: Any) -> ast.expr:
        """If only the first iterable has calls, lift these calls. Otherwise turn the comprehension into loops."""
        first = node.generators[0]
        rest = [part for part in ast.iter_child_nodes(node) if part is not first]
        if any(map(self.has_call, [*rest, *first.ifs])):
            if isinstance(node, ast.GeneratorExp):
                raise Unsupported("call in a generator expression", node.lineno)
            return self._lift_loops(node)
        node = _copied(node)
        node.generators[0] = ast.comprehension(first.target, self.lift(first.iter), first.ifs, first.is_async)
        return node

    def _lift_loops(self, node: Any, reducer: str = "") -> ast.expr:
        result = self._new_temporary()
        self._compile_hidden(as_loops(node, reducer, result, self._new_temporary))
        return _reference(result, node)


def _reference(name: str, place: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Name(name, ast.Load()), place)


def _copied(node: Any) -> Any:
    node = copy.copy(node)
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            setattr(node, name, [copy.copy(item) if isinstance(item, ast.keyword) else item for item in value])
    return node


def _slots(node: Any) -> list[_Slot]:
    """Return the places of the parts of an expression, in the order in which Python evaluates them."""
    if isinstance(node, ast.Dict):
        pairs = [((node.keys, index), (node.values, index)) for index in range(len(node.keys))]
        return [slot for pair in pairs for slot in pair if _get(slot) is not None]
    if isinstance(node, ast.arguments):  # Python evaluates `defaults` before `kw_defaults`
        lists = (node.defaults, node.kw_defaults)
        return [(values, index) for values in lists for index, value in enumerate(values) if value is not None]
    if isinstance(node, ast.NamedExpr):  # Python does not evaluate the target
        return [(node, "value")]
    slots: list[_Slot] = []
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            slots += [(item, "value") if isinstance(item, ast.keyword) else (value, i) for i, item in enumerate(value)]
        elif isinstance(value, ast.expr):
            slots.append((node, name))
    return [slot for slot in slots if isinstance(_get(slot), ast.expr)]


def _get(slot: _Slot) -> Any:
    holder, key = slot
    return holder[key] if isinstance(holder, list) else getattr(holder, key)


def _set(slot: _Slot, node: ast.expr) -> None:
    holder, key = slot
    if isinstance(holder, list):
        holder[key] = node
    else:
        setattr(holder, key, node)
