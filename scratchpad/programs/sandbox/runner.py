"""Running programs: a warm server process forks a fresh process for each of them."""

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

_LONGEST_PROGRAM = 1 * MIB


class Runner:
    """Runs Python programs, each in a process of its own under limits, and returns their traces.

    A context manager. One runner runs one program at a time, so it keeps one core busy: for more, one runner a thread.

    limits: for every program that `run` is not given other ones for. isolation: `namespaces`, `hooks`, or `auto`,
    namespaces where the machine allows them; which of them is in force is in the attribute `isolation` once the server
    has started, in `detail` in words, and in `because` why it is not namespaces. ScratchpadError where a program cannot
    be asked for, RunFailure where the machine does not allow `namespaces` or the server fails; the next run then
    starts another.
    """

    def __init__(self, limits: ResourceLimits | None = None, isolation: Isolation = "auto") -> None:
        if sys.platform != "linux":
            raise ScratchpadError(f"programs are run on Linux alone, not on {sys.platform}: a container of it will do")
        if isolation not in ("auto", "namespaces", "hooks"):
            raise ScratchpadError(f"isolation {isolation!r}: auto, namespaces or hooks is needed")
        self.limits, self._wanted = limits or ResourceLimits(), isolation
        self.isolation = self.detail = ""
        self.because: str | None = None
        self._client: ServerClient | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with self._lock:
            self._started()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, source: str, call: str | None = None, limits: ResourceLimits | None = None) -> Trace:
        """Run a program, and `output = CALL` after it, under the tracer. What it does is in the trace's status."""
        return self._ask({"program": program_text(source, call)}, limits or self.limits)

    def run_inductive(self, source: str, call: str | None = None, limits: ResourceLimits | None = None) -> Trace:
        """The same, each step's state being all that the rest of the run depends on.

        A program outside the subset has the status `refused`, and the construct as its error.
        """
        return self._ask({"program": program_text(source, call), "inductive": True}, limits or self.limits)

    def resume(self, program: str, state: State, limits: ResourceLimits | None = None) -> Trace:
        """Go on from one of the states of `run_inductive`: the steps after it, and the end.

        program: all of the text that ran (`Trace.program`). What was printed before is in the state, and in the trace.
        """
        return self._ask({"program": program, "inductive": True, "state": state}, limits or self.limits)

    def close(self) -> None:
        """End the server and what it runs. The next run starts another."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _ask(self, request: dict[str, Any], limits: ResourceLimits) -> Trace:
        program: str = request["program"]
        if len(program) > _LONGEST_PROGRAM:
            raise ScratchpadError(f"a program of {len(program):,} characters: {_LONGEST_PROGRAM:,} are allowed")
        with self._lock:
            client = self._started()
            try:
                client.ask(request | {"limits": vars(limits)})
                told, contents = client.reply(limits.seconds)
            except BaseException:  # the answer may still come: this server is of no more use
                client.close()
                self._client = None
                raise
        if "failed" in told:
            raise RunFailure(f"the program could not be run: {told['failed']}")
        return decode_trace(program, told, *contents)

    def _started(self) -> ServerClient:
        if self._client is not None:
            return self._client
        client = ServerClient(self._wanted)
        try:
            told = client.started()
            if "failed" in told:
                raise RunFailure(f"isolation {self._wanted}: {told['failed']}")
        except BaseException:
            client.close()
            raise
        self.isolation, self.detail, self.because = told["isolation"], told["detail"], told["because"]
        self._client = client
        return client
