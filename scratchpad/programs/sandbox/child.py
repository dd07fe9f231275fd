"""The work of a program's process: enter the sandbox, run the program, and record how the program ended."""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
from io import TextIOWrapper
from os import _exit  # imported by name, because a program may replace a module's attributes
from sys import setprofile, settrace
from types import CodeType
from typing import Any, NoReturn

from scratchpad.errors import ScratchpadError
from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import restore_machine
from scratchpad.programs.inductive.state_writer import write_state
from scratchpad.programs.inductive.unsupported import Unsupported
from scratchpad.programs.sandbox.audit_hook import AuditHook
from scratchpad.programs.sandbox.backends import Backend
from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.exception_text import error_text
from scratchpad.programs.tracing.tracer import FILE, Tracer, state_of_names
from scratchpad.programs.tracing.value_json import JsonWriter

_MAX_DESCRIPTORS = os.sysconf("SC_OPEN_MAX")
_RESERVE_BYTES = 32 * MIB  # memory for writing the last record after the program has used up its memory
_OUTPUT_CHARACTERS = 1 << 16
_SIGNALS = {int(number) for number in signal.valid_signals()}
_NO_LAST_RECORD = 70  # exit status


def enter_sandbox(backend: Backend, limits: ResourceLimits, output: int, errors: int) -> None:
    """Confine this process before it runs a program. `output`, `errors`: descriptors for stdout and stderr.

    First close all other descriptors, because an open descriptor could give access to the server's pipes or the old
    root. Then let the backend confine the process. Set the resource limits last.
    """
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for wanted, descriptor in enumerate((nothing, output, errors)):
        os.dup2(descriptor, wanted)
    os.closerange(3, _MAX_DESCRIPTORS)
    backend.confine(limits)
    sys.path.insert(0, os.getcwd())
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_AS", limits.memory_bytes + TraceBuffer.size(limits.trace_bytes), _RESERVE_BYTES)
    _limit("RLIMIT_CPU", math.ceil(limits.seconds), 1)
    _limit("RLIMIT_FSIZE", limits.file_bytes)
    _limit("RLIMIT_NOFILE", limits.open_files)
    _limit("RLIMIT_MEMLOCK", 0)
    _limit("RLIMIT_MSGQUEUE", 0)


def _limit(name: str, amount: int, reserve: int = 0) -> None:
    """Set a resource limit, unless a lower limit is already set."""
    number = getattr(resource, name)
    highest = resource.getrlimit(number)[1]
    hard = amount + reserve if highest == resource.RLIM_INFINITY else min(amount + reserve, highest)
    resource.setrlimit(number, (min(amount, hard), hard))


class ProgramExecution:
    """One run of a program in this process.

    `request["program"]` is the program's text. If `request["inductive"]` is true, the inductive machine runs the
    program and starts from `request["state"]` if this key exists. Otherwise CPython runs the program under the tracer.
    """

    def __init__(self, request: dict[str, Any], limits: ResourceLimits, buffer: TraceBuffer) -> None:
        self._request, self._limits, self._buffer = request, limits, buffer
        self._names = sys.modules["__main__"].__dict__
        self._output: Any = sys.stdout
        self._errors: Any = sys.stderr
        self._machine: Machine | None = None
        self._writer, self._hook = JsonWriter(limits.value_characters), AuditHook()

    def run(self) -> NoReturn:
        """Run the program and end this process."""
        try:
            code = compile(self._request["program"], FILE, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            text = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else error_text(error)
            self._put_end("syntax", text, error_line=getattr(error, "lineno", None))
        if self._request.get("inductive"):
            self._run_machine(self._request.get("state"))
        self._run_traced(code)

    def _run_traced(self, code: CodeType) -> NoReturn:
        tracer = Tracer(self._buffer, self._writer, self._limits.steps, self.end)
        tracer.start()
        sys.addaudithook(self._hook.check)
        try:
            exec(code, self._names)
        except BaseException as error:
            self._end_by(error)
        self.end("done" if tracer.is_running() else "lost")

    def _run_machine(self, state: dict[str, Any] | None) -> NoReturn:
        try:
            program = CompiledProgram(self._request["program"])
            self._machine = Machine(program) if state is None else restore_machine(program, state)
        except (Unsupported, ScratchpadError) as error:
            self.end("refused", str(error))
        self._names = self._machine.globals
        sys.addaudithook(self._hook.check)
        try:
            self._write_states(self._machine)
        except BaseException as error:
            self._end_by(error)
        self.end("done")

    def _write_states(self, machine: Machine) -> None:
        for _ in range(self._limits.steps):
            if not machine.advance():
                return
            if machine.printed.tell() > self._limits.output_bytes:
                self.end("output")
            state = write_state(machine)
            if not self._buffer.put({"line": state["frames"][-1]["line"], "frame": 0, "state": state}):
                self.end("trace")
        if machine.advance():
            self.end("steps")

    def _end_by(self, error: BaseException) -> NoReturn:
        """End this process because of an exception that the program has not caught."""
        if isinstance(error, Unsupported):
            line = self._machine.last_line if self._machine else None  # this line created the unsupported value
            self.end("refused", str(Unsupported(error.construct, error.line or line)))
        known = {SystemExit: "exit", MemoryError: "memory"}
        status = next((status for kind, status in known.items() if issubclass(type(error), kind)), "exception")
        self.end(status, error_text(error))

    def end(self, status: str, error: str | None = None) -> NoReturn:
        """Write the last record and end this process at once. Skip `atexit` and `finally`, and do not wait for threads.

        First block signals, so that the program's signal handlers do not run. Then stop the tracer and the audit hook,
        and raise the memory limit, so that enough memory is available for the record.
        """
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            setprofile(None)
            settrace(None)
            self._hook.enabled = False
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
            state = state_of_names(self._names, self._writer)
            text = JsonWriter(_OUTPUT_CHARACTERS).text(self._names["output"]) if "output" in self._names else None
            self._put_end(status, error, state=state, output_text=text, cuts=self._writer.cuts)
        except BaseException:
            _exit(_NO_LAST_RECORD)

    def _put_end(self, status: str, error: str | None, **more: Any) -> NoReturn:
        if not self._buffer.put({"status": status, "error": error, **more}):
            self._buffer.put({"status": "trace"}, last=True)
        if self._machine is not None:
            TextIOWrapper.write(self._output, self._machine.printed.getvalue())
        TextIOWrapper.flush(self._output)
        TextIOWrapper.flush(self._errors)
        _exit(0)
