"""Running one program from the server: its process is started, watched over its limits, and cleared away."""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from scratchpad.programs.sandbox.backends import Backend
from scratchpad.programs.sandbox.child import ProgramExecution
from scratchpad.programs.sandbox.fresh_interpreter import enter_sandbox
from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer

_CHUNK = 1 << 16
_NOT_STARTED = 71


@dataclass(frozen=True)
class ProcessOutcome:
    """What is left of a program. reason: the limit it was killed for, or None. exit_code: negative for signals."""

    reason: str | None
    exit_code: int
    seconds: float
    trace: bytes
    stdout: bytes
    stderr: bytes


def run_program(backend: Backend, request: dict[str, Any], limits: ResourceLimits) -> ProcessOutcome:
    """Run a program in a process of its own, to its end or its limits. OSError where no process can be had."""
    buffer, started = TraceBuffer(limits.trace_bytes), time.monotonic()
    pipes = [os.pipe() for _ in range(2)]
    try:
        child = os.fork()
        if child == 0:
            _become_program(backend, request, limits, buffer, *(write for _, write in pipes))
    finally:
        for _, write in pipes:
            os.close(write)
    streams = _Streams([read for read, _ in pipes], limits.output_bytes)
    reason = _watch(child, streams, started + limits.seconds)
    os.kill(child, signal.SIGKILL)  # it has not been waited for: the number is still its own
    exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    backend.clean_up()
    reason = reason or streams.drained()
    seconds = time.monotonic() - started
    return ProcessOutcome(reason, exit_code, seconds, buffer.closed(), *streams.closed())


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


class _Streams:
    """stdout and stderr of a program, read as they come."""

    def __init__(self, descriptors: list[int], most_bytes: int) -> None:
        self._read, self._most = {descriptor: bytearray() for descriptor in descriptors}, most_bytes
        for descriptor in descriptors:
            os.set_blocking(descriptor, False)

    @property
    def descriptors(self) -> list[int]:
        return list(self._read)

    def read(self, descriptor: int) -> bool:
        """Take what is there; False where there is nothing, at the end too."""
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self._read[descriptor] += chunk
        return bool(chunk)

    def overrun(self) -> bool:
        return sum(map(len, self._read.values())) > self._most

    def drained(self) -> str | None:
        """Read what a program has left behind when it ended; `output` where that is too much."""
        for descriptor in self._read:
            while not self.overrun() and self.read(descriptor):
                pass
        return "output" if self.overrun() else None

    def closed(self) -> list[bytes]:
        """Close them; all that was read, as far as it was allowed."""
        for descriptor in self._read:
            os.close(descriptor)
        return [bytes(content[: self._most]) for content in self._read.values()]


def _watch(child: int, streams: _Streams, deadline: float) -> str | None:
    """Wait for a process to end, or for the first limit that it overruns; the limit's name."""
    poller, ended = select.poll(), os.pidfd_open(child)
    for descriptor in (ended, *streams.descriptors):
        poller.register(descriptor, select.POLLIN)
    try:
        while (left := deadline - time.monotonic()) > 0:
            ready = [descriptor for descriptor, _ in poller.poll(1000 * left)]
            if ended in ready:
                return None
            if _read_overruns(ready, streams, poller):
                return "output"
        return "time"
    finally:
        os.close(ended)


def _read_overruns(ready: list[int], streams: _Streams, poller: select.poll) -> bool:
    for descriptor in ready:
        if not streams.read(descriptor):
            poller.unregister(descriptor)
    return streams.overrun()
