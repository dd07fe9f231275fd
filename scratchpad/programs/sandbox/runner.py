"""The runner: runs programs in sandboxed processes and returns their traces."""

from __future__ import annotations

import sys
import threading
from typing import Any, Literal, Self

from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.programs.sandbox.client import ServerClient
from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
from scratchpad.programs.source import program_text
from scratchpad.programs.tracing.trace import State, Trace
from scratchpad.programs.tracing.trace_decoder import decode_trace

Isolation = Literal["auto", "namespaces", "hooks"]

_MAX_PROGRAM_CHARACTERS = 1 * MIB


class Runner:
    """Runs Python programs, each in a new process under resource limits, and returns their traces.

    A context manager. A runner runs one program at a time and so uses one core: for more, use one runner per thread.

    limits: the default for programs. isolation: `namespaces`, `hooks`, or `auto`: namespaces if the machine allows
    them. Once the server has started, the attribute `isolation` is the isolation in force, `detail` describes it, and
    `refusal` says why the machine does not allow a stronger one (None if it does, or if none was wanted).

    Raises ScratchpadError for an invalid isolation, call or program, and on systems other than Linux; RunFailure if the
    machine does not allow `namespaces`, or the server fails. The next run then starts a new server.
    """

    def __init__(self, limits: ResourceLimits | None = None, isolation: Isolation = "auto") -> None:
        if sys.platform != "linux":
            raise ScratchpadError(f"programs run only on Linux, not on {sys.platform}: use a Linux container")
        if isolation not in ("auto", "namespaces", "hooks"):
            raise ScratchpadError(f"isolation {isolation!r}: auto, namespaces or hooks is needed")
        self.limits, self._wanted = limits or ResourceLimits(), isolation
        self.isolation = self.detail = ""
        self.refusal: str | None = None
        self._client: ServerClient | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with self._lock:
            self._start_server()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, source: str, call: str | None = None, limits: ResourceLimits | None = None) -> Trace:
        """Run a program, then `output = CALL`, under the tracer. Errors of the program are in the trace's status."""
        return self._run({"program": program_text(source, call)}, limits or self.limits)

    def run_inductive(self, source: str, call: str | None = None, limits: ResourceLimits | None = None) -> Trace:
        """Run a program as an induction on states; `refused` outside the subset, with the construct as the error."""
        return self._run({"program": program_text(source, call), "inductive": True}, limits or self.limits)

    def resume(self, program: str, state: State, limits: ResourceLimits | None = None) -> Trace:
        """Continue `program`, the whole text that ran, from a state of `run_inductive`; return the steps after it."""
        return self._run({"program": program, "inductive": True, "state": state}, limits or self.limits)

    def close(self) -> None:
        """End the server and the program that it runs. The next run starts a new server."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _run(self, request: dict[str, Any], limits: ResourceLimits) -> Trace:
        program: str = request["program"]
        if len(program) > _MAX_PROGRAM_CHARACTERS:
            raise ScratchpadError(f"a program of {len(program):,} characters: {_MAX_PROGRAM_CHARACTERS:,} are allowed")
        with self._lock:
            client = self._start_server()
            try:
                client.send(request | {"limits": vars(limits)})
                header, contents = client.receive(limits.seconds)
            except BaseException:  # the reply may still come, and would be taken for the next program's
                client.close()
                self._client = None
                raise
        if "failed" in header:
            raise RunFailure(f"the program could not be run: {header['failed']}")
        return decode_trace(program, header, *contents)

    def _start_server(self) -> ServerClient:
        """Return the running server's client; start a server if none is running."""
        if self._client is not None:
            return self._client
        client = ServerClient(self._wanted)
        try:
            header = client.receive_start()
            if "failed" in header:
                raise RunFailure(f"isolation {self._wanted}: {header['failed']}")
        except BaseException:
            client.close()
            raise
        self.isolation, self.detail, self.refusal = header["isolation"], header["detail"], header["refusal"]
        self._client = client
        return client
