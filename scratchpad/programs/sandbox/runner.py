"""The runner, which runs programs in sandboxed processes and returns their traces."""

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

    A runner is a context manager. It runs one program at a time on one core; for more cores, use one runner per thread.

    `limits`: the default resource limits. `isolation`: `namespaces`, `hooks`, or `auto` (`namespaces` if the machine
    allows namespaces, otherwise `hooks`). The start of the server sets three attributes: `isolation` is the isolation
    in use, `detail` describes it, and `refusal` says why the machine refused a stronger isolation, or is None.

    Raises ScratchpadError if the isolation, a call or a program is invalid, or if the system is not Linux. Raises
    RunFailure if the machine does not allow `namespaces` or if the server fails. The next run then starts a new server.
    """

    def __init__(self, limits: ResourceLimits | None = None, isolation: Isolation = "auto") -> None:
        if sys.platform != "linux":
            raise ScratchpadError(f"programs run only on Linux, not on {sys.platform}; use a Linux container")
        if isolation not in ("auto", "namespaces", "hooks"):
            raise ScratchpadError(f"isolation {isolation!r} must be auto, namespaces or hooks")
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
        """Run a program and then `output = CALL` under the tracer. The trace's status reports the program's errors."""
        return self._run({"program": program_text(source, call)}, limits or self.limits)

    def run_inductive(self, source: str, call: str | None = None, limits: ResourceLimits | None = None) -> Trace:
        """Run a program in the inductive format. The status is `refused` if a construct is not supported."""
        return self._run({"program": program_text(source, call), "inductive": True}, limits or self.limits)

    def resume(self, program: str, state: State, limits: ResourceLimits | None = None) -> Trace:
        """Continue a run of `run_inductive` from `state`. `program`: the whole text, including the call."""
        return self._run({"program": program, "inductive": True, "state": state}, limits or self.limits)

    def close(self) -> None:
        """Kill the server and the running program. The next run starts a new server."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _run(self, request: dict[str, Any], limits: ResourceLimits) -> Trace:
        program: str = request["program"]
        if len(program) > _MAX_PROGRAM_CHARACTERS:
            raise ScratchpadError(
                f"the program has {len(program):,} characters; the limit is {_MAX_PROGRAM_CHARACTERS:,}"
            )
        with self._lock:
            client = self._start_server()
            try:
                client.send(request | {"limits": vars(limits)})
                header, contents = client.receive(limits.seconds)
            except BaseException:  # end the server, because a late reply would look like the next program's reply
                client.close()
                self._client = None
                raise
        if "failed" in header:
            raise RunFailure(f"the server could not run the program: {header['failed']}")
        return decode_trace(program, header, *contents)

    def _start_server(self) -> ServerClient:
        """Return the client of the running server. If no server is running, start a server."""
        if self._client is not None:
            return self._client
        client = ServerClient(self._wanted)
        try:
            header = client.receive_start()
            if "failed" in header:
                raise RunFailure(f"cannot use isolation {self._wanted}: {header['failed']}")
        except BaseException:
            client.close()
            raise
        self.isolation, self.detail, self.refusal = header["isolation"], header["detail"], header["refusal"]
        self._client = client
        return client
