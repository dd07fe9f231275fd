"""What the inductive form does not cover, by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

MODULES = frozenset(
    {
        "bisect", "cmath", "collections", "copy", "functools", "heapq", "itertools", "json", "math", "operator", "re",
        "statistics", "string", "sys", "textwrap", "typing",
    }
)  # fmt: skip
"""Modules without a state of their own that a program may import."""

_SINGLE = (type(None), bool, type(...))
_SYS_NAMES = ("exit", "float_info", "maxsize", "maxunicode", "version_info")
_NODES: dict[type[ast.AST], str] = {
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
    """A program uses a construct that the inductive form does not cover. line: where, None where a value shows it."""

    def __init__(self, construct: str, line: int | None = None) -> None:
        super().__init__(construct, line)
        self.construct, self.line = construct, line

    def __str__(self) -> str:
        return self.construct if self.line is None else f"{self.construct} (line {self.line})"


def check(tree: ast.Module) -> None:
    """Unsupported for the first construct, in the order of lines, that the machine does not run."""
    found = sorted((getattr(node, "lineno", 0), construct) for node in ast.walk(tree) for construct in _refused(node))
    if found:
        line, construct = found[0]
        raise Unsupported(construct, line)


def _refused(node: ast.AST) -> Iterator[str]:
    """The names of what is not covered in one node, not looking into it."""
    if type(node) in _NODES:
        yield _NODES[type(node)]
    if isinstance(node, ast.Name) and node.id in _BUILTINS:
        yield f"{node.id}()"
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        yield "decorator"
    if isinstance(node, ast.Attribute):
        yield from _refused_attribute(node)
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _refused_import(node)
    if isinstance(node, ast.Compare) and _compares_identity(node):
        yield "is between values"


def _compares_identity(node: ast.Compare) -> bool:
    """Whether `is` stands between two values, neither of which is None, True, False or `...`, of which there is one."""
    sides = (node.left, *node.comparators)
    identity = any(isinstance(operation, ast.Is | ast.IsNot) for operation in node.ops)
    return identity and not any(isinstance(side, ast.Constant) and type(side.value) in _SINGLE for side in sides)


def _refused_attribute(node: ast.Attribute) -> Iterator[str]:
    if not isinstance(node.ctx, ast.Load):
        yield "assignment to an attribute"
    elif node.attr.startswith("__"):
        yield f".{node.attr}"
    elif isinstance(node.value, ast.Name) and node.value.id == "sys" and node.attr not in _SYS_NAMES:
        yield f"sys.{node.attr}"


def _refused_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    for module in names if isinstance(node, ast.Import) else [node.module or "."]:
        if module.partition(".")[0] not in MODULES:
            yield f"import {module}"
    if isinstance(node, ast.ImportFrom) and node.module == "sys":
        yield "from sys import"
    if "*" in names:
        yield "import *"
