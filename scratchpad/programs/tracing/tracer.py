"""The interpreter's own line events as records: before each line of the program, the current frame's locals."""

from __future__ import annotations

from collections.abc import Callable
from sys import getrecursionlimit, gettrace, setprofile, settrace  # not those that programs see
from types import FrameType
from typing import Any

from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
from scratchpad.programs.tracing.value_json import JsonWriter

FILE = "program.py"
"""What a program's code gives as its file, and by which it is known."""

RECURSION_MARGIN = 300  # frames that the tracer may need on top of the program's deepest one, which it does not see
_FUNCTION = 0x1  # of co_flags: the frame's locals are no mapping that the program could have made itself, as a class's
_LocalTrace = Callable[[FrameType, str, Any], Any]


class Tracer:
    """Traces the program's frames in this thread.

    Nothing of the program runs while a state is written. What is raised then all the same, by a signal's handler or for
    lack of memory, is passed on to the program; the interpreter drops its trace function at that, and a profile
    function, which it calls at the next call or return, sets it again.

    buffer: takes the records. writer: writes the values. at_limit: called, not to return, instead of tracing one line
    more than most_steps or than the buffer takes, with the limit's name.
    """

    def __init__(
        self, buffer: TraceBuffer, writer: JsonWriter, most_steps: int, at_limit: Callable[[str], None]
    ) -> None:
        self._buffer, self._writer, self._most_steps, self._at_limit = buffer, writer, most_steps, at_limit
        self._steps = self._frames = self._depth = 0
        self._module: FrameType | None = None

    def start(self) -> None:
        """Frames that begin from now on are traced."""
        settrace(self._begin)

    def is_running(self) -> bool:
        """Whether the interpreter still calls this tracer, for the module's lines, too."""
        module = self._module
        return gettrace() == self._begin and (module is None or (module.f_trace is not None and module.f_trace_lines))

    def _begin(self, frame: FrameType, event: str, argument: Any) -> _LocalTrace | None:
        """A frame begins, or a generator's frame goes on."""
        if frame.f_code.co_filename != FILE:
            return None
        if self._depth >= getrecursionlimit() - RECURSION_MARGIN:
            self._restart_later()
            raise RecursionError("maximum recursion depth exceeded")
        self._depth += 1
        self._module = self._module or frame
        if frame.f_trace is None:
            self._frames += 1
            return self._tracer_of(self._frames, None if frame.f_code.co_flags & _FUNCTION else frame.f_locals)
        return frame.f_trace

    def _tracer_of(self, number: int, names: Any) -> _LocalTrace:
        """names: the module's or a class's namespace, None for a function. A namespace is asked for once, in the
        beginning: Python 3.12 loses the variables of a comprehension in it when it is asked for while that runs.
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
        """To be called before raising: the interpreter drops the trace function at that."""
        setprofile(self._restart)

    def _restart(self, frame: FrameType, event: str, argument: Any) -> None:
        setprofile(None)
        settrace(self._begin)


def state_of_names(names: dict[Any, Any], writer: JsonWriter) -> dict[str, Any]:
    """A namespace as JSON, without the names between double underscores that Python itself puts there."""
    return {
        name: writer.json(value)
        for name, value in list(dict.items(names))
        if type(name) is str and not (name.startswith("__") and name.endswith("__"))
    }
