"""The server: a small warm process that forks a fresh process for each program.

Why a server: the caller's process has torch, threads and open files, all of which a fork would copy and a program could
reach. The server has none of them, enters the isolation once, and is quick to fork.

Order of steps in `main`, and the reasons:
1. Restore the signal handlers, which the programs inherit.
2. Prepare the interpreter and warm up the tracer before any fork, so that no program's process repeats that work.
3. Freeze the garbage collector's objects: a collection in a child would touch, and so copy, all of their memory.
4. Try each isolation on a small program in a child, since a step that fails half-way cannot be undone.
5. Enter the first isolation that works, report it, and answer requests.

`client` starts the server with the wanted isolation. A request is one line of JSON on stdin. A reply is one line of
JSON on stdout, then the bytes of trace, stdout and stderr, whose numbers are in its `sizes`.
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
    """Serve until stdin ends. wanted: `namespaces`, `hooks`, or `auto`, the strongest that this machine allows."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_interpreter()
    _warm_up_tracer()
    gc.collect()
    gc.freeze()
    backend, refusal = _first_allowed(backends(wanted))
    if backend is None:
        _reply({"failed": f"this machine does not allow it: {refusal}"})
        sys.exit(_NO_ISOLATION)
    backend.enter()
    _reply({"isolation": backend.name, "detail": backend.detail, "refusal": refusal, "folder": backend.folder})
    with open(0, "rb", closefd=False) as requests:
        for line in requests:
            _answer(backend, json.loads(line))
    _remove_folder(backend)


def _warm_up_tracer() -> None:
    """Trace a small program until the interpreter has specialised the tracer's bytecode; the forks inherit that."""
    code, buffer = compile(_WARM_UP, FILE, "exec"), TraceBuffer(MIB)
    for _ in range(_WARM_UP_RUNS):
        tracer = Tracer(buffer, JsonWriter(MIB), MIB, lambda limit: None)
        tracer.start()
        exec(code, {})
        sys.settrace(None)
    buffer.close()


def _first_allowed(candidates: Sequence[Backend]) -> tuple[Backend | None, str | None]:
    """Return the first backend that this machine allows, or None, and why the machine refuses the strongest one."""
    first_refusal = None
    for backend in candidates:
        refusal = _try_in_child(backend)
        if not refusal:
            return backend, first_refusal
        first_refusal = first_refusal or refusal
    return None, first_refusal


def _try_in_child(backend: Backend) -> str:
    """Return why this machine refuses a backend, empty if it does not."""
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
            os.rmdir(backend.folder)  # empty: the backend cleans up after each program


def _answer(backend: Backend, request: dict[str, Any]) -> None:
    """Run the program of a request and reply."""
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
