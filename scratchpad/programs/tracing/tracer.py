"""The tracer: before each line of a program, it records the local variables of the line's frame.

The program runs in the same interpreter, so the tracer defends itself:
- it takes what it uses of `sys` at import, since a program may replace the attributes of modules;
- it writes values without calling the program's code (`value_text`), so nothing of the program runs meanwhile;
- it raises Python's RecursionError itself, at the depth at which an interpreter without a tracer would. The real limit
  is RECURSION_MARGIN frames higher, so that the tracer's own frames always find room;
- the interpreter removes a trace function that raises, as one may for lack of memory or in a signal's handler. Before
  it raises, the tracer therefore sets a profile function, which the interpreter calls at the next call or return, and
  which sets the trace function again.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrecursionlimit, gettrace, setprofile, settrace
from types import FrameType
from typing import Any

from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.value_json import JsonWriter

FILE = "program.py"  # of programs' code objects; the tracer traces only these
RECURSION_MARGIN = 300
_FUNCTION = 0x1  # CO_OPTIMIZED: a function's frame, so `f_locals` is not a mapping of the program's own, as in a class
_LocalTrace = Callable[[FrameType, str, Any], Any]


class Tracer:
    """Traces the program's frames in this thread.

    buffer: takes the records. writer: writes the values. at_limit: called with a limit's name, not to return, before a
    line that `most_steps` or the buffer does not allow.
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
        """Whether the interpreter still calls this tracer, including for the module's lines."""
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

        names: the namespace of a module or class, None for a function. It is read once, at the start: if Python 3.12
        is asked for it during a comprehension, it loses the comprehension's variables.
        """

        def trace(frame: FrameType, event: str, argument: Any) -> _LocalTrace:
            if event == "line" and frame.f_lineno:  # 0 in a module without lines, on Python 3.11
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
        """Set the trace function again at the next call or return. Called before raising."""
        setprofile(self._restart)

    def _restart(self, frame: FrameType, event: str, argument: Any) -> None:
        setprofile(None)
        settrace(self._begin)


def state_of_names(names: dict[Any, Any], writer: JsonWriter) -> dict[str, Any]:
    """Return a namespace as JSON, without Python's own names like `__name__`."""
    return {
        name: writer.json(value)
        for name, value in list(dict.items(names))
        if type(name) is str and not (name.startswith("__") and name.endswith("__"))
    }
