"""Making an interpreter look as if it had just been started on a program, and shutting a process in."""

# Without pathlib, which would be in every program's process.

from __future__ import annotations

import _sitebuiltins
import builtins
import importlib
import math
import os
import resource
import sys
import types
from io import TextIOWrapper

from scratchpad.programs.sandbox.backends import Backend
from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.tracer import FILE, RECURSION_MARGIN

_WARM = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "enum", "functools", "heapq",
    "itertools", "math", "operator", "re", "string", "textwrap", "typing",
)  # fmt: skip
"""What programs often import: loaded once, before they are forked."""

_PRIVATE = ("_ctypes", "ast", "ctypes", "json", "scratchpad")
"""What the sandbox uses itself: a program that imports it gets a copy of its own."""

_RECURSION_LIMIT = 1000  # Python's own default
_MOST_DESCRIPTORS = os.sysconf("SC_OPEN_MAX")
_RESERVE_BYTES = 32 * MIB  # of memory, to end in good order when a program has used up its own


def prepare_interpreter() -> None:
    """In the server, once: what every program's interpreter inherits. The sandbox imports nothing after that, but for
    what `AuditHookBackend` clears away with.
    """
    _seed_random()
    for name in _WARM:
        importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in _PRIVATE:
            del sys.modules[name]
    os.environ.clear()
    sys.modules["builtins"] = _own_builtins()
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__dict__.update(__file__=FILE, __builtins__=sys.modules["builtins"])
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, mode) for number, mode in enumerate("rww"))
    sys.argv[:] = [FILE]
    sys.dont_write_bytecode = True
    _set_recursion_limit()


def _seed_random() -> None:
    """Programs draw the same numbers every time: each begins with the generator as it is left here. By itself it would
    ask to be seeded anew in every fork.
    """
    assert "random" not in sys.modules
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    try:
        import random
    finally:
        os.register_at_fork = register
    random.seed(0)


def _own_builtins() -> types.ModuleType:
    """A copy for programs: one that changes them does not change those that the sandbox uses."""
    copy = types.ModuleType("builtins")
    copy.__dict__.update(builtins.__dict__)
    copy.__dict__.update({name: _sitebuiltins.Quitter(name, "") for name in ("exit", "quit")})
    return copy


def _set_recursion_limit() -> None:
    """Python's own, for programs: the tracer's frames stand on top of theirs, and do not count."""
    get, change = sys.getrecursionlimit, sys.setrecursionlimit

    def getrecursionlimit() -> int:
        return get() - RECURSION_MARGIN

    def setrecursionlimit(limit: int, /) -> None:
        change(limit + RECURSION_MARGIN if limit > 0 else limit)

    sys.getrecursionlimit, sys.setrecursionlimit = getrecursionlimit, setrecursionlimit
    sys.setrecursionlimit(_RECURSION_LIMIT)


def enter_sandbox(backend: Backend, limits: ResourceLimits, output: int, errors: int) -> None:
    """Make this process one that a program may run in, with output and errors as its descriptors 1 and 2."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for wanted, descriptor in enumerate((nothing, output, errors)):
        os.dup2(descriptor, wanted)
    os.closerange(3, _MOST_DESCRIPTORS)
    backend.confine(limits)
    sys.path.insert(0, os.getcwd())
    _limit_resources(limits)


def _stream(number: int, mode: str) -> TextIOWrapper:
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - open for as long as the program runs
    return TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n")


def _limit_resources(limits: ResourceLimits) -> None:
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_AS", limits.memory_bytes + TraceBuffer.size(limits.trace_bytes), _RESERVE_BYTES)
    _limit("RLIMIT_CPU", math.ceil(limits.seconds), 1)
    _limit("RLIMIT_FSIZE", limits.file_bytes)
    _limit("RLIMIT_NOFILE", limits.open_files)
    _limit("RLIMIT_MEMLOCK", 0)
    _limit("RLIMIT_MSGQUEUE", 0)


def _limit(name: str, amount: int, reserve: int = 0) -> None:
    """Set a limit, or leave a lower one that the machine's user has set."""
    number = getattr(resource, name)
    highest = resource.getrlimit(number)[1]
    hard = amount + reserve if highest == resource.RLIM_INFINITY else min(amount + reserve, highest)
    resource.setrlimit(number, (min(amount, hard), hard))
