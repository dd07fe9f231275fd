"""Turn comprehensions that call the program's functions into loops.

The machine cannot stop within a comprehension that CPython runs. With the program's function f,

    ys = [f(x) for x in xs if x]

becomes the statements below, followed by `ys = .1`. The comprehension's variable x becomes the temporary `.x`, because
x is not a variable of the frame. The machine does not stop before the new statements.

    .1 = []
    for .x in xs:
        if .x:
            .1.append(f(.x))

For `any(f(x) for x in xs)` the result starts as False, and the loops end when f returns a true value.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Any

from scratchpad.programs.inductive.unsupported import Unsupported

_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def as_loops(node: Any, reducer: str, result: str, new_temporary: Callable[[str], str]) -> list[ast.stmt]:
    """Return the statements that compute a list, set or dict comprehension, or `any` or `all` of a generator.

    `reducer`: 'any', 'all' or ''. `result`: the name of the variable for the result.
    `new_temporary`: a function that returns the name of a new temporary variable.
    """
    node = copy.deepcopy(node)
    first = node.generators[0]
    renaming = _Renaming({name: new_temporary(name) for name in sorted(_names_bound_in(node))})
    # Do not rename variables in the first iterable, because it belongs to the scope around the comprehension.
    inner = [renaming.visit(part) for part in node.generators[1:]]
    outer = ast.comprehension(renaming.visit(first.target), first.iter, list(map(renaming.visit, first.ifs)), 0)
    initial, body = _initial_value_and_innermost_body(node, reducer, result, renaming)
    for part in reversed([outer, *inner]):
        for condition in reversed(part.ifs):
            body = list[ast.stmt]([ast.If(condition, body, [])])
        body = list[ast.stmt]([ast.For(part.target, part.iter, body, [])])
        if reducer:  # when the result is final, end the enclosing loops as well
            is_decided = _name(result) if reducer == "any" else ast.UnaryOp(ast.Not(), _name(result))
            body.append(ast.If(is_decided, [ast.Break()], []))
    statements = [ast.Assign([ast.Name(result, ast.Store())], initial), body[0]]
    for statement in statements:
        for part in ast.walk(statement):
            if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
                ast.copy_location(part, node)
    return statements


def _initial_value_and_innermost_body(
    node: Any, reducer: str, result: str, renaming: _Renaming
) -> tuple[ast.expr, list[ast.stmt]]:
    if reducer:
        test = renaming.visit(node.elt) if reducer == "any" else ast.UnaryOp(ast.Not(), renaming.visit(node.elt))
        decide = ast.Assign([ast.Name(result, ast.Store())], ast.Constant(reducer == "any"))
        return ast.Constant(reducer == "all"), [ast.If(test, [decide, ast.Break()], [])]
    if isinstance(node, ast.DictComp):
        empty, method, parts = ast.Dict([], []), "__setitem__", [node.key, node.value]
    elif isinstance(node, ast.ListComp):
        empty, method, parts = ast.List([], ast.Load()), "append", [node.elt]
    else:
        empty, method, parts = ast.Call(_name("set"), [], []), "add", [node.elt]
    add = ast.Attribute(_name(result), method, ast.Load())
    return empty, [ast.Expr(ast.Call(add, list(map(renaming.visit, parts)), []))]


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _SCOPES) and self._names.keys() & _names_bound_in(node):
            line = getattr(node, "lineno", None)
            raise Unsupported("name bound twice in a comprehension that calls a function", line)
        return super().generic_visit(node)


def _names_bound_in(scope: Any) -> set[str]:
    if isinstance(scope, ast.Lambda):
        return {node.arg for node in ast.walk(scope.args) if isinstance(node, ast.arg)}
    targets = [part.target for part in scope.generators]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
