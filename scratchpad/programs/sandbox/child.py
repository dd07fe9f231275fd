"""One run of a program, in its own process, and a last record of how it ended."""

from __future__ import annotations

import resource
import signal
import sys
from io import TextIOWrapper
from os import _exit  # not those that a program puts in their place
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
from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.exception_text import error_text
from scratchpad.programs.tracing.tracer import FILE, Tracer, state_of_names
from scratchpad.programs.tracing.value_json import JsonWriter

_OUTPUT_CHARACTERS = 1 << 16
_SIGNALS = {int(number) for number in signal.valid_signals()}
_BROKEN = 70  # exit status where the last record could not be written


class ProgramExecution:
    """One run of a program.

    request: the program's text under `program`; where `inductive` is true the machine runs it, from `state` on where
    there is one, and CPython under the tracer otherwise.
    """

    def __init__(self, request: dict[str, Any], limits: ResourceLimits, buffer: TraceBuffer) -> None:
        self._request, self._limits, self._buffer = request, limits, buffer
        self._names = sys.modules["__main__"].__dict__
        self._output: Any = sys.stdout
        self._errors: Any = sys.stderr
        self._machine: Machine | None = None
        self._writer, self._hook = JsonWriter(limits.value_characters), AuditHook()

    def run(self) -> NoReturn:
        """Run the program; this process ends with it."""
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
        """End because of what the program has raised and not caught."""
        if isinstance(error, Unsupported):
            line = self._machine.last_line if self._machine else None  # a value's: it has just come about
            self.end("refused", str(Unsupported(error.construct, error.line or line)))
        known = {SystemExit: "exit", MemoryError: "memory"}
        status = next((status for kind, status in known.items() if issubclass(type(error), kind)), "exception")
        self.end(status, error_text(error))

    def end(self, status: str, error: str | None = None) -> NoReturn:
        """Write the last record and end this process at once: no `atexit`, no `finally`, no waiting for threads."""
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            setprofile(None)
            settrace(None)
            self._hook.trusted = True
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
            state = state_of_names(self._names, self._writer)
            text = JsonWriter(_OUTPUT_CHARACTERS).text(self._names["output"]) if "output" in self._names else None
            self._put_end(status, error, state=state, output_text=text, cuts=self._writer.cuts)
        except BaseException:
            _exit(_BROKEN)

    def _put_end(self, status: str, error: str | None, **more: Any) -> NoReturn:
        if not self._buffer.put({"status": status, "error": error, **more}):
            self._buffer.put({"status": "trace"}, last=True)
        if self._machine is not None:
            TextIOWrapper.write(self._output, self._machine.printed.getvalue())
        TextIOWrapper.flush(self._output)
        TextIOWrapper.flush(self._errors)
        _exit(0)
