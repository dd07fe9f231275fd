"""The constructs that programs in the inductive format may not use."""

from __future__ import annotations

import ast
from collections.abc import Iterator

MODULES = frozenset(
    {
        "bisect", "cmath", "collections", "copy", "functools", "heapq", "itertools", "json", "math", "operator", "re",
        "statistics", "string", "sys", "textwrap", "typing",
    }
)  # fmt: skip
"""Modules that a program may import, because the modules have no variable state."""

_SINGLETONS = (type(None), bool, type(...))
_SYS_NAMES = ("exit", "float_info", "maxsize", "maxunicode", "version_info")
_STATEMENTS: dict[type[ast.AST], str] = {
    ast.AsyncFor: "async for",
    ast.AsyncFunctionDef: "async def",
    ast.AsyncWith: "async with",
    ast.Await: "await",
    ast.ClassDef: "class",
    ast.Match: "match",
    ast.TryStar: "except*",
    ast.With: "with",
}
_BUILTINS = {
    "__import__", "breakpoint", "classmethod", "compile", "delattr", "dir", "eval", "exec", "globals", "hash", "help",
    "id", "input", "locals", "memoryview", "object", "open", "property", "setattr", "staticmethod", "super", "vars",
}  # fmt: skip


class Unsupported(Exception):
    """A program uses an unsupported construct. `line`: the construct's line, or None if the construct is a value."""

    def __init__(self, construct: str, line: int | None = None) -> None:
        super().__init__(construct, line)
        self.construct, self.line = construct, line

    def __str__(self) -> str:
        return self.construct if self.line is None else f"{self.construct} (line {self.line})"


def check_supported(tree: ast.Module) -> None:
    """Raise Unsupported if a program has unsupported constructs. The exception names the first construct."""
    found = sorted((getattr(node, "lineno", 0), name) for node in ast.walk(tree) for name in _unsupported_in(node))
    if found:
        line, construct = found[0]
        raise Unsupported(construct, line)


def _unsupported_in(node: ast.AST) -> Iterator[str]:
    """Yield the names of unsupported constructs in a syntax node, but not in its inner nodes."""
    if type(node) in _STATEMENTS:
        yield _STATEMENTS[type(node)]
    if isinstance(node, ast.Name) and node.id in _BUILTINS:
        yield f"{node.id}()"
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        yield "decorator"
    if isinstance(node, ast.Attribute):
        yield from _unsupported_attribute(node)
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _unsupported_import(node)
    if isinstance(node, ast.Compare) and _compares_identity(node):
        yield "is between values"


def _compares_identity(node: ast.Compare) -> bool:
    """Return whether a node compares values with `is`. Comparisons with None, True, False or `...` do not count."""
    sides = (node.left, *node.comparators)
    has_is = any(isinstance(operation, ast.Is | ast.IsNot) for operation in node.ops)
    return has_is and not any(isinstance(side, ast.Constant) and type(side.value) in _SINGLETONS for side in sides)


def _unsupported_attribute(node: ast.Attribute) -> Iterator[str]:
    if not isinstance(node.ctx, ast.Load):
        yield "assignment to an attribute"
    elif node.attr.startswith("__"):
        yield f".{node.attr}"
    elif isinstance(node.value, ast.Name) and node.value.id == "sys" and node.attr not in _SYS_NAMES:
        yield f"sys.{node.attr}"


def _unsupported_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    for module in names if isinstance(node, ast.Import) else [node.module or "."]:
        if module.partition(".")[0] not in MODULES:
            yield f"import {module}"
    if isinstance(node, ast.ImportFrom) and node.module == "sys":
        yield "from sys import"
    if "*" in names:
        yield "import *"
