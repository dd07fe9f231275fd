"""A program of the subset, as units of instructions."""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter
from types import CodeType

from scratchpad.programs.inductive.compiled_fragments import (
    FILE,
    bound_names,
    compile_binder,
    declared,
    own_nodes,
    parameters_of,
)
from scratchpad.programs.inductive.compound_statements import Statements
from scratchpad.programs.inductive.instructions import Unit
from scratchpad.programs.inductive.iterators import WALKED
from scratchpad.programs.inductive.unsupported import Unsupported, check

MODULE = "<module>"
_WALKING = frozenset({"enumerate", "filter", "iter", "map", "zip"})


class CompiledProgram:
    """A program as units. Unsupported where it is outside the subset; SyntaxError where it is no Python.

    units: by name; the module's is called `<module>`, a function's as the function, with `@LINE` behind it where
    another one has the same name. A generator has none: CPython runs it in one piece.
    """

    def __init__(self, text: str) -> None:
        compile(text, FILE, "exec", dont_inherit=True)  # finds what the parser lets pass: `return` outside a function
        tree = ast.parse(text, FILE)
        check(tree)
        nodes = list(ast.walk(tree))
        self._same_name = Counter(node.name for node in nodes if isinstance(node, ast.FunctionDef))
        self._may_step = frozenset(name for node in nodes for name in _bound_by(node))
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and self._walks(node.func.id):
                _let_walk(node)
        self._rebound = {name for node in nodes for name in _rebound_by(node)}
        self.units: dict[str, Unit] = {}
        self._names: dict[int, str | None] = {}
        self._codes: dict[str, CodeType] = {}
        try:
            self._write(Unit(MODULE), tree.body)
        except RecursionError:
            raise Unsupported("expression nested too deep") from None

    def name_of(self, code: CodeType) -> str | None:
        """The name of one of the program's functions by its code; None for what cannot be told by a name."""
        return self._names.get(id(code))

    def code_of(self, name: str) -> CodeType:
        """The code of a function, a lambda or a generator by its name. KeyError where there is none."""
        return self._codes[name]

    def _write(self, unit: Unit, body: list[ast.stmt]) -> None:
        self.units[unit.name] = unit
        Statements(unit, self._may_step, self._is_stable, self._define).write(body)
        for each in unit.instructions:
            fragment = getattr(each, "fragment", None) or getattr(each, "store", None)
            if fragment is not None:
                self._register(fragment)

    def _walks(self, name: str) -> bool:
        return name in _WALKING and name not in self._may_step

    def _is_stable(self, name: str) -> bool:
        return name[0] == "." or name not in self._rebound

    def _define(self, node: ast.FunctionDef, outer: Unit) -> None:
        """Write the unit of a function."""
        parameters = parameters_of(node)
        not_own = declared(node, ast.Global) | declared(node, ast.Nonlocal)
        own = (bound_names(node.body) | set(parameters)) - not_own
        variables = own | ((outer.variables or frozenset()) - declared(node, ast.Global))
        inside = f"{outer.qualified_name}.<locals>." if outer.qualified_name else ""
        unit = Unit(
            self._name(node.name, node.lineno), inside + node.name, frozenset(variables), frozenset(own), parameters
        )
        if not any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in own_nodes(node)):
            self._write(dataclasses.replace(unit, binder=compile_binder(node)), node.body)

    def _name(self, name: str, line: int) -> str:
        return name if self._same_name[name] == 1 else f"{name}@{line}"

    def _register(self, code: CodeType) -> None:
        """Note the functions that a fragment makes, those within them too."""
        for each in code.co_consts:
            if isinstance(each, CodeType):
                name = self._name(each.co_name, each.co_firstlineno)
                two_lambdas = each.co_name == "<lambda>" and self._codes.get(name, each) != each
                self._names[id(each)] = None if two_lambdas else name
                self._codes.setdefault(name, each)
                self._register(each)
            elif each != each:  # a state cannot tell that it is the constant
                raise Unsupported("not-a-number as a constant", code.co_firstlineno)


def _let_walk(node: ast.Call) -> None:
    """Let a call, `zip(d)`, have what it goes through with a position that can be read: `zip(walked(d))`."""
    node.args = [each if isinstance(each, ast.Starred | ast.Constant) else _walked(each) for each in node.args]


def _walked(node: ast.expr) -> ast.expr:
    function = ast.copy_location(ast.Name(WALKED, ast.Load()), node)
    return ast.copy_location(ast.Call(function, [node], []), node)


def _bound_by(node: ast.AST) -> list[str]:
    """The names, imports aside, that one node binds somewhere in the program: they may stand for its own functions."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.name] if isinstance(node, ast.FunctionDef) else []


def _rebound_by(node: ast.AST) -> list[str]:
    """The names that one node lets be bound in the middle of another expression."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    return [node.target.id] if isinstance(node, ast.NamedExpr) else []
