"""Pieces of a program, compiled so that CPython runs each of them within a frame of the machine.

A frame keeps its variables in cells, as CPython keeps those that inner functions share. A fragment is compiled as a
function inside one that has the frame's variables: it finds them in its closure, reads and changes them there, and what
it leaves behind, lambdas and functions, shares them as always.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

FILE = "program.py"
Variables = frozenset[str] | None
"""The names of a function's variables, those of outer functions included; None for the module, where all are global."""

_WITHIN = "outer.<locals>.fragment.<locals>."


def bound_names(body: Iterable[ast.AST]) -> set[str]:
    """The names that statements and expressions bind in their own scope; `global` and `nonlocal` ones too."""
    names: set[str] = set()
    for node in body:
        names |= _bound_by(node)
    return names


def _bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name} | bound_names([*node.decorator_list, *evaluated_at_once(node)])
    if isinstance(node, ast.Lambda):
        return bound_names(evaluated_at_once(node))
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        walruses = (inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        return {walrus.target.id for walrus in walruses} | _bound_by(node.generators[0].iter)
    own: set[str] = set()
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        own = {node.id}
    elif isinstance(node, ast.Import | ast.ImportFrom):
        own = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    elif isinstance(node, ast.ExceptHandler) and node.name:
        own = {node.name}
    return own | bound_names(ast.iter_child_nodes(node))


def evaluated_at_once(node: ast.FunctionDef | ast.ClassDef | ast.Lambda) -> list[ast.expr]:
    """What is evaluated where a function is defined: its defaults."""
    if isinstance(node, ast.ClassDef):
        return node.bases
    return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's own scope: none within the functions, lambdas and classes in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield from own_nodes(child)


def declared(function: ast.FunctionDef, kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """The names that `global` or `nonlocal` statements declare in a function."""
    return {name for node in own_nodes(function) if isinstance(node, kind) for name in node.names}


def compile_statements(
    body: Sequence[ast.stmt], variables: Variables, parameters: Sequence[str] = (), inside: str = ""
) -> CodeType:
    """The code of a function that runs statements.

    variables: those of the frame that it is for, found in its closure, as are the machine's own, whose names begin with
    a dot. parameters: names that it is called with. inside: the qualified name of the function that the frame is of.
    """
    stored = bound_names(body) - set(parameters)
    names = {node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name)}
    shared = (variables or set()) | {name for name in names if name[0] == "."} - set(parameters)
    declarations: list[ast.stmt] = []
    if stored & shared:
        declarations.append(ast.Nonlocal(sorted(stored & shared)))
    if stored - shared:
        declarations.append(ast.Global(sorted(stored - shared)))
    fragment = _function("fragment", parameters, [*declarations, *body])
    outer = _function("outer", sorted(shared), [fragment])
    module = ast.fix_missing_locations(ast.Module([outer], []))
    code = inner_code(inner_code(compile(module, FILE, "exec", dont_inherit=True)))
    return _renamed(code, f"{inside}.<locals>." if inside else "")


def _renamed(code: CodeType, prefix: str) -> CodeType:
    """The functions in a fragment named as if they were not in one: errors show that name."""
    inner = [_renamed(each, prefix) if isinstance(each, CodeType) else each for each in code.co_consts]
    return code.replace(co_consts=tuple(inner), co_qualname=prefix + code.co_qualname.removeprefix(_WITHIN))


def compile_expression(node: ast.expr, variables: Variables, inside: str = "") -> CodeType:
    """The same for an expression, which the function returns."""
    return compile_statements([ast.copy_location(ast.Return(node), node)], variables, (), inside)


def compile_binder(function: ast.FunctionDef) -> CodeType:
    """Code with a function's parameters that returns their values, in the order of their names in its arguments."""
    given = copy.deepcopy(function.args)
    given.defaults, given.kw_defaults = [], [None for _ in given.kwonlyargs]
    for each in ast.walk(given):
        if isinstance(each, ast.arg):
            each.annotation = None
    values = ast.Tuple([ast.Name(name, ast.Load()) for name in parameters_of(function)], ast.Load())
    binder = ast.copy_location(_definition(function.name, given, [ast.Return(values)]), function)
    module = ast.fix_missing_locations(ast.Module([binder], []))
    return inner_code(compile(module, FILE, "exec", dont_inherit=True))


def parameters_of(function: ast.FunctionDef) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return tuple(each.arg for each in ast.iter_child_nodes(function.args) if isinstance(each, ast.arg))


def _function(name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(parameter) for parameter in parameters], None, [], [], None, [])
    return ast.copy_location(_definition(name, arguments, body), body[-1])


def _definition(name: str, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    definition = ast.FunctionDef(name, arguments, body, [])
    definition.__dict__["type_params"] = []  # which Python 3.12 wants and 3.11 does not know
    return definition


def inner_code(code: CodeType) -> CodeType:
    """The code of the one function that another code's first statement defines."""
    return next(constant for constant in code.co_consts if isinstance(constant, CodeType))
