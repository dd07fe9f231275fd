"""Compile a program to code units, which hold the machine's instructions."""

from __future__ import annotations

import ast
from collections import Counter
from types import CodeType, FunctionType
from typing import Any

from scratchpad.programs.inductive.compiled_fragments import (
    FILE,
    RESUMABLE,
    bound_names,
    compile_binder,
    declared_names,
    parameters_of,
    scope_nodes,
)
from scratchpad.programs.inductive.compound_statements import StatementCompiler
from scratchpad.programs.inductive.instructions import CodeUnit
from scratchpad.programs.inductive.unsupported import Unsupported, check_supported

MODULE = "<module>"
_MAKE_ITERATORS = frozenset({"enumerate", "filter", "iter", "map", "zip"})


class CompiledProgram:
    """A compiled program. Raises Unsupported for an unsupported construct, and SyntaxError for invalid Python.

    `units`: the code units by name. The module's unit is `<module>`. A function's unit has the function's name, with
    `@LINE` appended if another function has the same name. Generators have no unit, because CPython runs them.
    """

    def __init__(self, text: str) -> None:
        compile(text, FILE, "exec", dont_inherit=True)  # unlike `ast.parse`, finds a misplaced `return`
        tree = ast.parse(text, FILE)
        check_supported(tree)
        nodes = list(ast.walk(tree))
        self._functions_named = Counter(node.name for node in nodes if isinstance(node, ast.FunctionDef))
        # A call can reach the program's functions only through names that the program itself binds (not by imports).
        self._function_names = frozenset(name for node in nodes for name in _names_bound_by(node))
        # A call in the middle of a statement can rebind these names, so their values are saved before the call.
        self._rebound_names = {name for node in nodes for name in _names_rebound_by(node)}
        make_iterators = _MAKE_ITERATORS - self._function_names
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in make_iterators:
                _make_resumable(node)
        self.units: dict[str, CodeUnit] = {}
        self._names: dict[int, str | None] = {}
        self._codes: dict[str, CodeType] = {}
        try:
            self._compile(CodeUnit(MODULE), tree.body)
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def name_of(self, code: CodeType) -> str | None:
        """Return the name of the function, lambda or generator with this code; None if two lambdas share the name."""
        return self._names.get(id(code))

    def code_of(self, name: str) -> CodeType:
        """Return the code of a function, lambda or generator. Raises KeyError if the name does not exist."""
        return self._codes[name]

    def unit_of(self, function: Any) -> CodeUnit | None:
        """Return the code unit of a function, or None if CPython has to run the function."""
        return self.units.get(self.name_of(function.__code__) or "") if type(function) is FunctionType else None

    def _compile(self, unit: CodeUnit, body: list[ast.stmt]) -> None:
        self.units[unit.name] = unit
        StatementCompiler(unit, self._function_names, self._rebound_names, self._compile_function).compile(body)
        for instruction in unit.instructions:
            if fragment := getattr(instruction, "fragment", None):
                self._register_functions(fragment)

    def _compile_function(self, node: ast.FunctionDef, outer: CodeUnit) -> None:
        if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in scope_nodes(node)):
            return
        parameters, global_names = parameters_of(node), declared_names(node, ast.Global)
        own = (bound_names(node.body) | set(parameters)) - global_names - declared_names(node, ast.Nonlocal)
        unit = CodeUnit(
            self._name(node.name, node.lineno),
            f"{outer.qualified_name}.<locals>.{node.name}" if outer.qualified_name else node.name,
            frozenset(own | ((outer.variables or frozenset()) - global_names)),
            frozenset(own),
            parameters,
            compile_binder(node),
        )
        self._compile(unit, node.body)

    def _name(self, name: str, line: int) -> str:
        return name if self._functions_named[name] == 1 else f"{name}@{line}"

    def _register_functions(self, code: CodeType) -> None:
        """Record the names of the functions that `code` creates, including nested functions."""
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                name = self._name(constant.co_name, constant.co_firstlineno)
                is_second_lambda = constant.co_name == "<lambda>" and self._codes.get(name, constant) != constant
                self._names[id(constant)] = None if is_second_lambda else name
                self._codes.setdefault(name, constant)
                self._register_functions(constant)
            elif constant != constant:  # NaN: a state cannot record the constant's identity
                raise Unsupported("not-a-number as a constant", code.co_firstlineno)


def _make_resumable(node: ast.Call) -> None:
    """Replace `zip(d)` by `zip(@resumable(d))`, so that a state can record the position of the iterator over `d`."""
    for index, argument in enumerate(node.args):
        if not isinstance(argument, ast.Starred | ast.Constant):
            function = ast.copy_location(ast.Name(RESUMABLE, ast.Load()), argument)
            node.args[index] = ast.copy_location(ast.Call(function, [argument], []), argument)


def _names_bound_by(node: ast.AST) -> list[str]:
    """Return the names that a syntax node itself binds, without the names that imports or inner nodes bind."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.name] if isinstance(node, ast.FunctionDef) else []


def _names_rebound_by(node: ast.AST) -> list[str]:
    """Return the names in a `global`, `nonlocal` or `:=` node. Evaluating an expression can rebind such names."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    return [node.target.id] if isinstance(node, ast.NamedExpr) else []
