"""The warm server: a small process that forks a fresh one for each program that it is asked to run.

Started by `scratchpad.programs.runner` with the wanted isolation as its argument. Requests are lines of JSON on stdin;
a reply is a line of JSON on stdout, and then the bytes of the trace, stdout and stderr, as many as it says.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import signal
import sys
from typing import Any, BinaryIO

from scratchpad.programs.fresh import prepare_interpreter
from scratchpad.programs.limits import Limits
from scratchpad.programs.places import Hooks, Namespaces, Place
from scratchpad.programs.supervise import Ended, run_program

_TRIAL = {"program": "import math\noutput = math.gcd(6, 4)"}
_REFUSED = 1


def main(wanted: str) -> None:
    """Serve until stdin ends. wanted: `namespaces`, `hooks`, or `auto`, the first of them that this machine allows."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_interpreter()
    gc.collect()
    gc.freeze()  # so that no child has to copy the memory that a collection touches
    refusal = None if wanted == "hooks" else _refusal()
    if refusal and wanted == "namespaces":
        _reply({"failed": f"this machine does not allow it: {refusal}"})
        sys.exit(_REFUSED)
    place: Place = Hooks() if refusal or wanted == "hooks" else Namespaces()
    place.enter()
    _reply({"isolation": place.name, "detail": place.detail, "because": refusal, "folder": place.folder})
    with open(0, "rb", closefd=False) as requests:
        serve(place, requests)


def _refusal() -> str | None:
    """Why namespaces cannot be used here, None where they can: tried out on a program in a process that may fail."""
    if sys.platform != "linux":
        return "namespaces are Linux's"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, _tried().encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        return told.read() or None


def _tried() -> str:
    try:
        place = Namespaces()
        place.enter()
        ended = run_program(place, _TRIAL, Limits())
    except OSError as error:
        return error.strerror or str(error)
    return "" if b'"status":"done"' in ended.trace else f"a trial program failed: {ended.stderr!r}"


def serve(place: Place, requests: BinaryIO) -> None:
    """Answer requests, one after the other."""
    for line in requests:
        request = json.loads(line)
        try:
            ended = run_program(place, request, Limits(**request.pop("limits")))
        except OSError as error:
            _reply({"failed": str(error)})
        else:
            _reply_ended(ended)


def _reply_ended(ended: Ended) -> None:
    told = dataclasses.asdict(ended)
    contents: list[bytes] = [told.pop(name) for name in ("trace", "stdout", "stderr")]
    _reply(told | {"sizes": [len(content) for content in contents]}, *contents)


def _reply(told: dict[str, Any], *contents: bytes) -> None:
    rest = memoryview(b"".join([json.dumps(told).encode() + b"\n", *contents]))
    while rest:
        rest = rest[os.write(1, rest) :]
