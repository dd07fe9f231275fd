"""The tracer, which records the local variables before each line of a program.

The program runs in the same interpreter and could disturb the tracer. So the tracer takes these measures:
- The tracer imports functions of `sys` by name, because a program may replace the attributes of modules.
- The tracer writes values without calling the program's code (`value_text`).
- The tracer raises RecursionError at the depth at which Python without a tracer raises it. The real limit is
  RECURSION_MARGIN frames higher, to leave room for the tracer's own frames.
- The interpreter removes a trace function that raises an exception, for example a MemoryError. So before the exception,
  the tracer sets a profile function, which sets the trace function again at the next call or return.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrecursionlimit, gettrace, setprofile, settrace
from types import FrameType
from typing import Any

from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.value_json import JsonWriter

FILE = "program.py"  # the file name in programs' code objects; the tracer traces only this file
RECURSION_MARGIN = 300
_FUNCTION = 0x1  # CO_OPTIMIZED marks functions; in other frames, `f_locals` may be the program's own object
_LocalTrace = Callable[[FrameType, str, Any], Any]


class Tracer:
    """Traces the program's frames in this thread.

    `buffer`: receives the records. `writer`: writes values as JSON. `most_steps`: the largest number of recorded lines.
    `at_limit`: ends the process. The tracer calls this function with the name of an exceeded limit.
    """

    def __init__(
        self, buffer: TraceBuffer, writer: JsonWriter, most_steps: int, at_limit: Callable[[str], None]
    ) -> None:
        self._buffer, self._writer, self._most_steps, self._at_limit = buffer, writer, most_steps, at_limit
        self._steps = self._frames = self._depth = 0
        self._module: FrameType | None = None

    def start(self) -> None:
        settrace(self._begin)

    def is_running(self) -> bool:
        """Return whether the interpreter still calls this tracer, also for the lines of the module."""
        module = self._module
        return gettrace() == self._begin and (module is None or (module.f_trace is not None and module.f_trace_lines))

    def _begin(self, frame: FrameType, event: str, argument: Any) -> _LocalTrace | None:
        """Handle the start of a frame, or the resumption of a generator's frame."""
        if frame.f_code.co_filename != FILE:
            return None
        if self._depth >= getrecursionlimit() - RECURSION_MARGIN:
            self._restart_later()
            raise RecursionError("maximum recursion depth exceeded")
        self._depth += 1
        self._module = self._module or frame
        if frame.f_trace is None:
            self._frames += 1
            return self._local_trace(self._frames, None if frame.f_code.co_flags & _FUNCTION else frame.f_locals)
        return frame.f_trace

    def _local_trace(self, number: int, names: Any) -> _LocalTrace:
        """Return the trace function of one frame.

        `names`: the namespace of a module or class; None for a function. The caller reads `f_locals` only once, at the
        start. In Python 3.12, a read during a comprehension would delete the comprehension's variables.
        """

        def trace(frame: FrameType, event: str, argument: Any) -> _LocalTrace:
            if event == "line" and frame.f_lineno:  # `f_lineno` is 0 in a module without lines, on Python 3.11
                self._line(frame.f_lineno, number, dict(frame.f_locals) if names is None else names)
            elif event == "return":
                self._depth -= 1
            return trace

        return trace

    def _line(self, line: int, number: int, names: Any) -> None:
        try:
            if self._steps >= self._most_steps:
                self._at_limit("steps")
            self._steps += 1
            state = state_of_names(names, self._writer) if issubclass(type(names), dict) else {}
            if not self._buffer.put({"line": line, "frame": number, "state": state}):
                self._at_limit("trace")
        except BaseException:
            self._restart_later()
            raise

    def _restart_later(self) -> None:
        """Arrange that the next call or return sets the trace function again. The current exception will remove it."""
        setprofile(self._restart)

    def _restart(self, frame: FrameType, event: str, argument: Any) -> None:
        setprofile(None)
        settrace(self._begin)


def state_of_names(names: dict[Any, Any], writer: JsonWriter) -> dict[str, Any]:
    """Return the variables of a namespace as JSON, without Python's own variables such as `__name__`."""
    return {
        name: writer.json(value)
        for name, value in list(dict.items(names))
        if type(name) is str and not (name.startswith("__") and name.endswith("__"))
    }
