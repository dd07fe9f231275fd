"""From the bytes that a program's process has sent to a trace. Nothing in them is taken on trust."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

from scratchpad.errors import RunFailure
from scratchpad.programs.tracing.trace import STATUSES, Trace, TraceStep

_TOLD_BY_THE_TRACER = frozenset(STATUSES) - {"time", "signal", "tampered"}
_DEEPEST = 400  # more than any state is; what is nested as deep as it can be read could not be written again
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
    """Something that the tracer does not write."""


def decode_trace(program: str, told: dict[str, Any], trace: bytes, stdout: bytes, stderr: bytes) -> Trace:
    """The trace, whatever the program has done to it. RunFailure where the program's process could not be set up."""
    steps: list[TraceStep] = []
    last: dict[str, Any] = {}
    try:
        records = _records(trace)
        if next(records, None) != _STARTED:
            why = _text(stderr) or STATUSES.get(told["reason"]) or f"it ended with exit status {told['exit_code']}"
            raise RunFailure(f"the program's process could not be set up: {why}")
        lines = program.split("\n")
        for record in records:
            _add(record, lines, steps, last)
        status, more = _ending(told, last)
    except MalformedTrace as fault:
        status, more = "tampered", dict[str, Any](error=str(fault))
    streams: dict[str, Any] = {"stdout": _text(stdout), "stderr": _text(stderr), "seconds": told["seconds"]}
    return Trace(program, tuple(steps), more.pop("state", {}), status, **more, **streams)


def _records(trace: bytes) -> Iterator[dict[str, Any]]:
    for line in trace.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise MalformedTrace("a record that is no JSON") from None
        if not isinstance(record, dict):
            raise MalformedTrace("a record that is no object")
        if line.count(b"[") + line.count(b"{") > _DEEPEST and _depth(record) > _DEEPEST:
            raise MalformedTrace("a record that is nested too deep")
        yield record


def _depth(value: Any) -> int:
    """How many lists and objects stand within one another."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, list | dict)]:
        level = [part for each in level for part in (each.values() if isinstance(each, dict) else each)]
        depth += 1
    return depth


def _add(record: dict[str, Any], lines: list[str], steps: list[TraceStep], last: dict[str, Any]) -> None:
    if last:
        raise MalformedTrace("a record after the last one")
    if "line" in record:
        steps.append(_step(record, lines))
    elif _is_well_formed(record) and record.get("status") in _TOLD_BY_THE_TRACER:
        last.update(record)
    else:
        raise MalformedTrace("a last record that the tracer does not write")


def _is_well_formed(record: dict[str, Any]) -> bool:
    return all(isinstance(value, _FIELDS[name]) for name, value in record.items() if name in _FIELDS)


def _step(record: dict[str, Any], lines: list[str]) -> TraceStep:
    line, frame, state = record["line"], record.get("frame"), record.get("state")
    if type(line) is not int or type(frame) is not int or not isinstance(state, dict) or not 1 <= line <= len(lines):
        raise MalformedTrace("a step that the tracer does not write")
    return TraceStep(line, lines[line - 1], state, frame)


def _ending(told: dict[str, Any], last: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The status, and what else is known of a run's end."""
    more = {name: value for name, value in last.items() if name in _FIELDS and name != "status"}
    if more.get("error"):
        more["error"] = more["error"].encode("utf-8", "backslashreplace").decode()
    if told["reason"]:
        return told["reason"], more
    if last:
        return last["status"], more
    code = told["exit_code"]
    if code >= 0:
        return "exit", {"error": f"the process ended by itself, with exit status {code}"}
    if -code == signal.SIGXCPU:
        return "time", {}
    return "signal", {"error": signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"}


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
