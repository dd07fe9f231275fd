"""The server: a small process that forks a new process for each program.

The caller's process has torch, threads and open files. A fork of the caller would copy them, and a program could reach
them. The server has no torch, threads or open files, enters the isolation only once, and forks quickly.

The steps of `main`, with reasons:
1. Restore the signal handlers, which the programs inherit.
2. Prepare the interpreter and warm up the tracer before any fork, so that no program's process repeats this work.
3. Freeze the garbage collector's objects, because otherwise a collection in a child would copy their memory.
4. Try each isolation on a small program in a child, because a failed isolation cannot be undone.
5. Enter the first isolation that works, report the isolation, and answer requests.

`client` starts the server with the wanted isolation. A request is one line of JSON on stdin. A reply is one line of
JSON on stdout, followed by the trace, stdout and stderr. The reply's `sizes` are the three lengths in bytes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from scratchpad.programs.sandbox.backends import Backend, backends
from scratchpad.programs.sandbox.fresh_interpreter import prepare_interpreter
from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
from scratchpad.programs.sandbox.supervisor import run_program
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.tracer import FILE, Tracer
from scratchpad.programs.tracing.value_json import JsonWriter

_TRIAL = {"program": "import math\noutput = math.gcd(6, 4)"}
_NO_ISOLATION = 1  # exit status
_WARM_UP = """\
def f(n, *more):
    text, listed, named = str(n), [n, n / 2, None], {"n": (n,), 1: {True}}
    while n > 0:
        n -= 1
    return n
output = f(3)
"""
_WARM_UP_RUNS = 8


def main(wanted: str) -> None:
    """Answer requests until stdin ends. `wanted`: `namespaces`, `hooks`, or `auto` for the strongest isolation."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_interpreter()
    _warm_up_tracer()
    gc.collect()
    gc.freeze()
    backend, refusal = _first_allowed(backends(wanted))
    if backend is None:
        _reply({"failed": f"this machine does not allow this isolation: {refusal}"})
        sys.exit(_NO_ISOLATION)
    backend.enter()
    _reply({"isolation": backend.name, "detail": backend.detail, "refusal": refusal, "folder": backend.folder})
    with open(0, "rb", closefd=False) as requests:
        for line in requests:
            _answer(backend, json.loads(line))
    _remove_folder(backend)


def _warm_up_tracer() -> None:
    """Trace a small program several times, so that CPython optimizes the tracer's bytecode before any fork."""
    code, buffer = compile(_WARM_UP, FILE, "exec"), TraceBuffer(MIB)
    for _ in range(_WARM_UP_RUNS):
        tracer = Tracer(buffer, JsonWriter(MIB), MIB, lambda limit: None)
        tracer.start()
        exec(code, {})
        sys.settrace(None)
    buffer.close()


def _first_allowed(candidates: Sequence[Backend]) -> tuple[Backend | None, str | None]:
    """Return the first backend that this machine allows (or None), and why the first candidate is refused (or None)."""
    first_refusal = None
    for backend in candidates:
        refusal = _try_in_child(backend)
        if not refusal:
            return backend, first_refusal
        first_refusal = first_refusal or refusal
    return None, first_refusal


def _try_in_child(backend: Backend) -> str:
    """Return why this machine refuses a backend, or an empty text if the backend works."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, _try(backend).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as refusal:
        return refusal.read()


def _try(backend: Backend) -> str:
    try:
        backend.enter()
        outcome = run_program(backend, _TRIAL, ResourceLimits())
    except OSError as error:
        return error.strerror or str(error)
    finally:
        _remove_folder(backend)
    return "" if b'"status":"done"' in outcome.trace else f"a trial program failed: {outcome.stderr!r}"


def _remove_folder(backend: Backend) -> None:
    if backend.folder:
        with contextlib.suppress(OSError):
            os.rmdir(backend.folder)  # the folder is empty, because the backend cleans up after each program


def _answer(backend: Backend, request: dict[str, Any]) -> None:
    try:
        outcome = run_program(backend, request, ResourceLimits(**request.pop("limits")))
    except OSError as error:
        _reply({"failed": str(error)})
        return
    contents = outcome.trace, outcome.stdout, outcome.stderr
    header = {"reason": outcome.reason, "exit_code": outcome.exit_code, "seconds": outcome.seconds}
    _reply({**header, "sizes": list(map(len, contents))}, *contents)


def _reply(header: dict[str, Any], *contents: bytes) -> None:
    rest = memoryview(b"".join([json.dumps(header).encode() + b"\n", *contents]))
    while rest:
        rest = rest[os.write(1, rest) :]
