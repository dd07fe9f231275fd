"""Comprehensions as the loops that they stand for."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from typing import Any

from scratchpad.programs.inductive.unsupported import Unsupported

_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def loops(node: Any, call: str, result: str, new_name: Callable[[str], str]) -> list[ast.stmt]:
    """A list, set or dict comprehension, or a generator expression that `any` or `all` is called with, as statements.

    result: the name that the value is left under. new_name: gives a variable of the comprehension a name in the frame.
    """
    node = copy.deepcopy(node)
    first = node.generators[0]
    bound = {each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)}
    renamed = _Renamed({name: new_name(name) for name in sorted(bound)})
    inner = [renamed.visit(part) for part in node.generators[1:]]
    outer = ast.comprehension(renamed.visit(first.target), first.iter, list(map(renamed.visit, first.ifs)), 0)
    begin, innermost = _begin_and_body(node, call, result, renamed)
    body: list[ast.stmt] = innermost
    for part in reversed([outer, *inner]):
        for condition in reversed(part.ifs):
            body = list[ast.stmt]([ast.If(condition, body, [])])
        body = list[ast.stmt]([ast.For(part.target, part.iter, body, [])])
        if call:
            body.append(ast.If(_found(call, result), [ast.Break()], []))
    statements = [begin, body[0]]
    return [_placed(statement, node) for statement in statements]


def _begin_and_body(node: Any, call: str, result: str, renamed: _Renamed) -> tuple[ast.stmt, list[ast.stmt]]:
    """What is done before all loops, and within the innermost one."""
    if call:
        test = renamed.visit(node.elt) if call == "any" else ast.UnaryOp(ast.Not(), renamed.visit(node.elt))
        over: list[ast.stmt] = [_assigned(result, ast.Constant(call == "any")), ast.Break()]
        return _assigned(result, ast.Constant(call == "all")), [ast.If(test, over, [])]
    if isinstance(node, ast.DictComp):
        put = ast.Attribute(_name(result), "__setitem__", ast.Load())
        pair = [renamed.visit(node.key), renamed.visit(node.value)]
        return _assigned(result, ast.Dict([], [])), [ast.Expr(ast.Call(put, pair, []))]
    is_list = isinstance(node, ast.ListComp)
    empty = ast.List([], ast.Load()) if is_list else ast.Call(_name("set"), [], [])
    add = ast.Attribute(_name(result), "append" if is_list else "add", ast.Load())
    return _assigned(result, empty), [ast.Expr(ast.Call(add, [renamed.visit(node.elt)], []))]


def _found(call: str, result: str) -> ast.expr:
    """Whether the loops around are over, too."""
    return _name(result) if call == "any" else ast.UnaryOp(ast.Not(), _name(result))


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _placed(statement: ast.stmt, place: ast.expr) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.expr | ast.stmt) and not hasattr(node, "lineno"):
            ast.copy_location(node, place)
    return statement


class _Renamed(ast.NodeTransformer):
    """Gives names others."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _SCOPES) and self._names.keys() & _bound_in(node):
            raise Unsupported(
                "name bound twice in a comprehension that calls a function", getattr(node, "lineno", None)
            )
        return super().generic_visit(node)


def _bound_in(scope: Any) -> set[str]:
    if isinstance(scope, ast.Lambda):
        return {each.arg for each in ast.walk(scope.args) if isinstance(each, ast.arg)}
    targets: Sequence[ast.expr] = [part.target for part in scope.generators]
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
