"""The warm server: a small process that forks a fresh one for each program that it is asked to run.

`scratchpad.programs.sandbox.runner` starts it with the wanted isolation as its argument. Requests are lines of JSON on
stdin. A reply is a line of JSON on stdout, and then the bytes of the trace, stdout and stderr, as many as it says.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from scratchpad.programs.sandbox.backends import Backend, backends
from scratchpad.programs.sandbox.fresh_interpreter import prepare_interpreter
from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
from scratchpad.programs.sandbox.supervisor import ProcessOutcome, run_program
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.tracer import FILE, Tracer
from scratchpad.programs.tracing.value_json import JsonWriter

_TRIAL = {"program": "import math\noutput = math.gcd(6, 4)"}
_REFUSED = 1
_REHEARSED = """\
def f(n, *more):
    text, listed, named = str(n), [n, n / 2, None], {"n": (n,), 1: {True}}
    while n > 0:
        n -= 1
    return n
output = f(3)
"""
_REHEARSALS = 8


def main(wanted: str) -> None:
    """Serve until stdin ends. wanted: `namespaces`, `hooks`, or `auto`, the best that this machine allows."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs inherit these; no terminal is near to send any
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_interpreter()
    _rehearse()
    gc.collect()
    gc.freeze()  # so that no child has to copy the memory that a collection touches
    backend, because = _first_allowed(backends(wanted))
    if backend is None:
        _reply({"failed": f"this machine does not allow it: {because}"})
        sys.exit(_REFUSED)
    backend.enter()
    _reply({"isolation": backend.name, "detail": backend.detail, "because": because, "folder": backend.folder})
    with open(0, "rb", closefd=False) as requests:
        serve(backend, requests)
    _remove(backend)


def _rehearse() -> None:
    """Trace a program of our own, here, as often as the interpreter wants before it is quick at it: every program's
    process has that from here, and need not begin anew.
    """
    code, buffer = compile(_REHEARSED, FILE, "exec"), TraceBuffer(MIB)
    for _ in range(_REHEARSALS):
        tracer = Tracer(buffer, JsonWriter(MIB), MIB, lambda limit: None)
        tracer.start()
        exec(code, {})
        sys.settrace(None)
    buffer.closed()


def _first_allowed(wanted: Sequence[Backend]) -> tuple[Backend | None, str | None]:
    """The first backend that this machine allows, None where there is none, and what is wrong with the very first."""
    because = None
    for backend in wanted:
        refusal = _refusal(backend)
        if not refusal:
            return backend, because
        because = because or refusal
    return None, because


def _refusal(backend: Backend) -> str:
    """Why a backend cannot be used here, empty where it can: tried out on a program in a process that may fail."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, _tried(backend).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        return told.read()


def _tried(backend: Backend) -> str:
    try:
        backend.enter()
        ended = run_program(backend, _TRIAL, ResourceLimits())
    except OSError as error:
        return error.strerror or str(error)
    finally:
        _remove(backend)
    return "" if b'"status":"done"' in ended.trace else f"a trial program failed: {ended.stderr!r}"


def _remove(backend: Backend) -> None:
    if backend.folder:
        with contextlib.suppress(OSError):
            os.rmdir(backend.folder)  # what lay in it is cleared away after each program


def serve(backend: Backend, requests: BinaryIO) -> None:
    """Answer requests, one after the other."""
    for line in requests:
        request = json.loads(line)
        try:
            ended = run_program(backend, request, ResourceLimits(**request.pop("limits")))
        except OSError as error:
            _reply({"failed": str(error)})
        else:
            _reply_ended(ended)


def _reply_ended(ended: ProcessOutcome) -> None:
    contents = ended.trace, ended.stdout, ended.stderr
    told = {"reason": ended.reason, "exit_code": ended.exit_code, "seconds": ended.seconds}
    _reply({**told, "sizes": list(map(len, contents))}, *contents)


def _reply(told: dict[str, Any], *contents: bytes) -> None:
    rest = memoryview(b"".join([json.dumps(told).encode() + b"\n", *contents]))
    while rest:
        rest = rest[os.write(1, rest) :]
