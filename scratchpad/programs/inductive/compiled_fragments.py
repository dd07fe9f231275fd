"""Fragments: pieces of a program that CPython compiles and runs within a frame of the machine.

CPython compiles the fragments because no other compiler has exactly the same semantics, from the order of evaluation to
the texts of errors. The machine only has to give a fragment the correct variables.

A frame holds its variables in cells, as CPython does for variables that inner functions share. A fragment becomes an
inner function. The outer function has the frame's variables. For a frame with the variables x and y, `y += x` becomes

    def outer(x, y):
        def fragment():
            nonlocal y
            y += x

The machine keeps the code of `fragment`, which has the free variables x and y. With the frame's cells as `closure`,
`FunctionType(code, globals, "fragment", None, closure)()` runs `y += x`. Functions and lambdas that a fragment creates
share the cells, as in CPython. For the module's frame, `global y` replaces `nonlocal y`, and cells are not necessary.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

from scratchpad.programs.tracing.tracer import FILE

# The names of a function's variables, including variables of outer functions; None for the module, which has globals.
VariableNames = frozenset[str] | None

# Names of additional builtins. A program's text cannot use them, because Python does not allow `@` in names.
# `@call` returns the function and the arguments of a call. `@matches` tests the class of an exception.
CAPTURE_CALL, EXCEPTION_MATCHES, RESUMABLE = "@call", "@matches", "@resumable"

_PREFIX = "outer.<locals>.fragment.<locals>."


def bound_names(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that syntax nodes bind, also `global` and `nonlocal` names, but not those of inner scopes."""
    names: set[str] = set()
    for node in body:
        names |= _names_bound_by(node)
    return names


def _names_bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return bound_names(default_values(node)) | ({node.name} if isinstance(node, ast.FunctionDef) else set())
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        walruses = (inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        return {walrus.target.id for walrus in walruses} | _names_bound_by(node.generators[0].iter)
    own: set[str] = set()
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        own = {node.id}
    elif isinstance(node, ast.Import | ast.ImportFrom):
        own = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    elif isinstance(node, ast.ExceptHandler) and node.name:
        own = {node.name}
    return own | bound_names(ast.iter_child_nodes(node))


def default_values(node: ast.FunctionDef | ast.Lambda) -> list[ast.expr]:
    """Return the default values of a function's parameters."""
    return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]


def scope_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own scope, without the contents of inner functions and lambdas."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from scope_nodes(child)


def declared_names(function: ast.FunctionDef, kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """Return the names that the `global` or `nonlocal` statements of a function declare."""
    return {name for node in scope_nodes(function) if isinstance(node, kind) for name in node.names}


def compile_statements(
    body: Sequence[ast.stmt], variables: VariableNames, parameters: Sequence[str] = (), inside: str = ""
) -> CodeType:
    """Return the code of a function that runs statements within a frame.

    `variables`: the names of the frame's variables. These variables and the temporaries (such as `.1`) become free
    variables of the code. `parameters`: the code's parameters. `inside`: the qualified name of the frame's function.
    """
    bound = bound_names(body) - set(parameters)
    names = {node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name)}
    free = (variables or set()) | {name for name in names if name[0] == "."} - set(parameters)
    declarations: list[ast.stmt] = []
    if bound & free:
        declarations.append(ast.Nonlocal(sorted(bound & free)))
    if bound - free:
        declarations.append(ast.Global(sorted(bound - free)))
    fragment = _function("fragment", parameters, [*declarations, *body])
    code = _inner_code(_compile_function(_function("outer", sorted(free), [fragment])))
    return _without_prefix(code, f"{inside}.<locals>." if inside else "")


def compile_expression(node: ast.expr, variables: VariableNames, inside: str = "") -> CodeType:
    """Return the code of a function that returns an expression's value. For the parameters see `compile_statements`."""
    return compile_statements([ast.copy_location(ast.Return(node), node)], variables, (), inside)


def compile_binder(function: ast.FunctionDef) -> CodeType:
    """Return code that takes a call's arguments and returns the parameters' values in the order of `parameters_of`."""
    parameters = copy.deepcopy(function.args)
    parameters.defaults, parameters.kw_defaults = [], [None for _ in parameters.kwonlyargs]
    for node in ast.walk(parameters):
        if isinstance(node, ast.arg):
            node.annotation = None
    values = ast.Tuple([ast.Name(name, ast.Load()) for name in parameters_of(function)], ast.Load())
    binder = _definition(function.name, parameters, [ast.Return(values)])
    return _compile_function(ast.copy_location(binder, function))


def parameters_of(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a function's parameters, in the order in which `ast.arguments` lists them."""
    return tuple(node.arg for node in ast.iter_child_nodes(function.args) if isinstance(node, ast.arg))


def _function(name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(parameter) for parameter in parameters], None, [], [], None, [])
    return ast.copy_location(_definition(name, arguments, body), body[-1])


def _definition(name: str, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    definition = ast.FunctionDef(name, arguments, body, [])
    definition.__dict__["type_params"] = []  # Python 3.12 requires this field; Python 3.11 does not have it
    return definition


def _compile_function(function: ast.FunctionDef) -> CodeType:
    module = ast.fix_missing_locations(ast.Module([function], []))
    return _inner_code(compile(module, FILE, "exec", dont_inherit=True))


def _inner_code(code: CodeType) -> CodeType:
    return next(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _without_prefix(code: CodeType, prefix: str) -> CodeType:
    """Replace `_PREFIX` by `prefix` in the qualified names of functions, because error messages show these names."""
    constants = tuple(_without_prefix(each, prefix) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_qualname=prefix + code.co_qualname.removeprefix(_PREFIX))
