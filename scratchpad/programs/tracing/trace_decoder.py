"""Decode the trace that a program's process has written.

A hostile program can write any bytes into its trace. The decoder checks that each record is JSON, is not nested too
deeply for Python's `json`, and has valid fields. If a check fails, the trace's status is `tampered`.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

from scratchpad.errors import RunFailure
from scratchpad.programs.tracing.trace import STATUSES, Trace, TraceStep

_REPORTED_BY_CHILD = frozenset(STATUSES) - {"time", "signal", "tampered"}
_MAX_DEPTH = 400  # the states of a genuine trace are never nested this deeply
_STARTED = {"started": True}
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "status": str,
    "state": dict,
    "error": (str, type(None)),
    "error_line": (int, type(None)),
    "output_text": (str, type(None)),
    "cuts": int,
}


class MalformedTrace(Exception):
    """The trace has a record that the tracer cannot have written."""


def decode_trace(program: str, header: dict[str, Any], trace: bytes, stdout: bytes, stderr: bytes) -> Trace:
    """Decode a program's trace. `header`: the server's reply. Raises RunFailure if the process could not start."""
    steps: list[TraceStep] = []
    last: dict[str, Any] = {}
    try:
        records = _records(trace)
        if next(records, None) != _STARTED:
            why = _text(stderr) or STATUSES.get(header["reason"]) or f"it ended with exit status {header['exit_code']}"
            raise RunFailure(f"the program's process could not be set up: {why}")
        lines = program.split("\n")
        for record in records:
            _add(record, lines, steps, last)
        status, more = _ending(header, last)
    except MalformedTrace as fault:
        status, more = "tampered", dict[str, Any](error=str(fault))
    streams: dict[str, Any] = {"stdout": _text(stdout), "stderr": _text(stderr), "seconds": header["seconds"]}
    return Trace(program, tuple(steps), more.pop("state", {}), status, **more, **streams)


def _records(trace: bytes) -> Iterator[dict[str, Any]]:
    for line in trace.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise MalformedTrace("a record is not JSON") from None
        if not isinstance(record, dict):
            raise MalformedTrace("a record is not an object")
        if line.count(b"[") + line.count(b"{") > _MAX_DEPTH and _depth(record) > _MAX_DEPTH:
            raise MalformedTrace("a record is nested too deeply")
        yield record


def _depth(value: Any) -> int:
    """Return how deeply lists and dicts are nested. Do not use recursion, because the nesting may be very deep."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, list | dict)]:
        level = [part for each in level for part in (each.values() if isinstance(each, dict) else each)]
        depth += 1
    return depth


def _add(record: dict[str, Any], lines: list[str], steps: list[TraceStep], last: dict[str, Any]) -> None:
    """Check a record. If the record is a step, add it to `steps`. Otherwise store it in `last`."""
    if last:
        raise MalformedTrace("a record follows the last record")
    if "line" in record:
        line, frame, state = record["line"], record.get("frame"), record.get("state")
        if type(line) is not int or type(frame) is not int or not isinstance(state, dict) or not 0 < line <= len(lines):
            raise MalformedTrace("the tracer does not write such a step")
        steps.append(TraceStep(line, lines[line - 1], state, frame))
    elif (
        all(isinstance(record[name], kind) for name, kind in _FIELDS.items() if name in record)
        and record.get("status") in _REPORTED_BY_CHILD
    ):
        last.update(record)
    else:
        raise MalformedTrace("the tracer does not write such a last record")


def _ending(header: dict[str, Any], last: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the status and the last record's other fields. A limit that the server enforces overrides the status."""
    more = {name: value for name, value in last.items() if name in _FIELDS and name != "status"}
    if more.get("error"):
        more["error"] = more["error"].encode("utf-8", "backslashreplace").decode()
    if header["reason"]:
        return header["reason"], more
    if last:
        return last["status"], more
    code = header["exit_code"]
    if code >= 0:
        return "exit", {"error": f"the process ended by itself, with exit status {code}"}
    if -code == signal.SIGXCPU:
        return "time", {}
    return "signal", {"error": signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"}


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
