"""Make the server's interpreter look freshly started. Each program's process inherits the interpreter by `fork`.

A fork is much faster than starting Python for each program. But the server has to remove everything that a program
could notice or misuse: the sandbox's modules, the environment and the command line.
"""

# The server's modules must not import pathlib: every program's process would inherit it, and forks would be slower.

from __future__ import annotations

import _sitebuiltins
import builtins
import importlib
import os
import sys
import types
from io import TextIOWrapper

from scratchpad.programs.tracing.tracer import FILE, RECURSION_MARGIN

_PRELOADED = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "enum", "functools", "heapq",
    "itertools", "math", "operator", "re", "string", "textwrap", "typing",
)  # fmt: skip
"""Modules that programs often import. The server loads the modules once, before the forks."""

_PRIVATE = ("_ctypes", "ast", "ctypes", "json", "scratchpad")
"""Modules that the sandbox uses. A program imports its own copies, so it cannot change the sandbox's modules."""

_RECURSION_LIMIT = 1000  # Python's default


def prepare_interpreter() -> None:
    """Make the server's interpreter look freshly started. The caller must first import all modules of the sandbox."""
    _seed_random()
    for name in _PRELOADED:
        importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in _PRIVATE:
            del sys.modules[name]
    os.environ.clear()
    copy = sys.modules["builtins"] = types.ModuleType("builtins")  # programs use this copy
    vars(copy).update(vars(builtins) | {name: _sitebuiltins.Quitter(name, "") for name in ("exit", "quit")})
    sys.modules["__main__"] = types.ModuleType("__main__")
    vars(sys.modules["__main__"]).update(__file__=FILE, __builtins__=copy)
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, mode) for number, mode in enumerate("rww"))
    sys.argv[:] = [FILE]
    sys.dont_write_bytecode = True
    _set_recursion_limit()


def _seed_random() -> None:
    """Import and seed `random`, and prevent the module from reseeding itself after a fork."""
    assert "random" not in sys.modules
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        import random
    finally:
        os.register_at_fork = register
    random.seed(0)


def _set_recursion_limit() -> None:
    """Set Python's default recursion limit. The real limit is higher, because the tracer needs extra frames."""
    get, change = sys.getrecursionlimit, sys.setrecursionlimit

    def getrecursionlimit() -> int:
        return get() - RECURSION_MARGIN

    def setrecursionlimit(limit: int, /) -> None:
        change(limit + RECURSION_MARGIN if limit > 0 else limit)

    sys.getrecursionlimit, sys.setrecursionlimit = getrecursionlimit, setrecursionlimit
    sys.setrecursionlimit(_RECURSION_LIMIT)


def _stream(number: int, mode: str) -> TextIOWrapper:
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - stays open while the program runs
    return TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")
