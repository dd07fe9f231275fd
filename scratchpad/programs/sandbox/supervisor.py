"""Run one program from the server: start the process, enforce the limits, and clean up.

Threats: a program runs forever, ignores signals, prints without end, leaves processes or files for the next program, or
tampers with its trace.

1. Fork. The child enters the sandbox and runs the program. Shared memory holds the trace; two pipes carry the output.
2. Wait for the child's end, for output and for the deadline at the same time. The server enforces the limits that the
   child cannot enforce itself (elapsed time, output). The server reads the pipes, because a full pipe blocks a child.
3. Always send SIGKILL. Send it before `waitpid`, because after `waitpid` another process may have the child's number.
4. Let the backend remove remaining files and processes, which could still write to the pipes and the trace.
5. Read the rest of the pipes and the trace. The trace may be forged, so the caller checks it (`trace_decoder`).
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from scratchpad.programs.sandbox.backends import Backend
from scratchpad.programs.sandbox.child import ProgramExecution, enter_sandbox
from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer

_CHUNK = 1 << 16
_NOT_STARTED = 71  # exit status


@dataclass(frozen=True)
class ProcessOutcome:
    """How a process ended. `reason`: the exceeded limit, or None. `exit_code`: the exit status, or -N for signal N."""

    reason: str | None
    exit_code: int
    seconds: float
    trace: bytes
    stdout: bytes
    stderr: bytes


def run_program(backend: Backend, request: dict[str, Any], limits: ResourceLimits) -> ProcessOutcome:
    """Run a program in a new process until it ends or exceeds a limit. Raises OSError if no process can start."""
    buffer, started = TraceBuffer(limits.trace_bytes), time.monotonic()
    pipes = [os.pipe() for _ in range(2)]
    try:
        child = os.fork()
        if child == 0:
            _become_program(backend, request, limits, buffer, *(write for _, write in pipes))
    finally:
        for _, write in pipes:
            os.close(write)
    streams = _OutputStreams([read for read, _ in pipes], limits.output_bytes)
    reason = _watch(child, streams, started + limits.seconds)
    os.kill(child, signal.SIGKILL)
    exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    backend.clean_up()
    reason = reason or streams.drain()
    seconds = time.monotonic() - started
    return ProcessOutcome(reason, exit_code, seconds, buffer.close(), *streams.close())


def _become_program(
    backend: Backend, request: dict[str, Any], limits: ResourceLimits, buffer: TraceBuffer, output: int, errors: int
) -> NoReturn:
    try:
        enter_sandbox(backend, limits, output, errors)
        buffer.put({"started": True})
        ProgramExecution(request, limits, buffer).run()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode(errors="replace"))
    finally:
        os._exit(_NOT_STARTED)


class _OutputStreams:
    """The read ends of a program's stdout and stderr."""

    def __init__(self, descriptors: list[int], most_bytes: int) -> None:
        self.descriptors, self._most = descriptors, most_bytes
        self._read = {descriptor: bytearray() for descriptor in descriptors}
        for descriptor in descriptors:
            os.set_blocking(descriptor, False)

    def read(self, descriptor: int) -> bool:
        """Read the available bytes. Return False if no bytes are available or the stream has ended."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self._read[descriptor] += chunk
        return bool(chunk)

    def over_limit(self) -> bool:
        return sum(map(len, self._read.values())) > self._most

    def drain(self) -> str | None:
        """Read the rest of the pipes after the program's end. Return 'output' if the output exceeds the limit."""
        for descriptor in self._read:
            while not self.over_limit() and self.read(descriptor):
                pass
        return "output" if self.over_limit() else None

    def close(self) -> list[bytes]:
        """Close the streams. Return the contents of each stream, cut to the limit."""
        for descriptor in self._read:
            os.close(descriptor)
        return [bytes(content[: self._most]) for content in self._read.values()]


def _watch(child: int, streams: _OutputStreams, deadline: float) -> str | None:
    """Wait until a process ends or exceeds a limit. Return the limit's name, or None."""
    poller, ended = select.poll(), os.pidfd_open(child)
    for descriptor in (ended, *streams.descriptors):
        poller.register(descriptor, select.POLLIN)
    try:
        while (left := deadline - time.monotonic()) > 0:
            ready = [descriptor for descriptor, _ in poller.poll(1000 * left)]
            if ended in ready:
                return None
            for descriptor in ready:
                if not streams.read(descriptor):
                    poller.unregister(descriptor)
            if streams.over_limit():
                return "output"
        return "time"
    finally:
        os.close(ended)
