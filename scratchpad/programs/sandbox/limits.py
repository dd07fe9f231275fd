"""Resource limits for programs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from scratchpad.errors import ScratchpadError

MIB = 1 << 20


def _limit(default: float, low: float, high: float) -> Any:
    return dataclasses.field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class ResourceLimits:
    """The resource limits of a program. Raises ScratchpadError if a number is out of range.

    `seconds`: the wall-clock time, and also the processor time. `steps`: the number of traced lines (states).
    `memory_bytes`: the size of the address space, which includes the interpreter but not the trace.
    `output_bytes`: the size of stdout and stderr together. `trace_bytes`: the size of the trace as JSON.
    `open_files`: the number of simultaneously open files. `file_bytes`: the size of the working folder.
    `threads`: the number of threads, including the main thread. A program cannot start processes.
    `value_characters`: the approximate length of a written value; a mark replaces the rest of a longer value.

    If a program exceeds a limit, the run ends with a status such as `time`. But too many open files, too many
    threads and too large files only raise OSError or RuntimeError in the program. With the isolation `hooks`, the
    working folder's size and the number of threads are not limited.
    """

    seconds: float = _limit(5.0, 0.01, 3600)
    memory_bytes: int = _limit(512 * MIB, 64 * MIB, 1 << 40)
    steps: int = _limit(100_000, 1, 1 << 30)
    output_bytes: int = _limit(64 << 10, 0, 1 << 30)
    trace_bytes: int = _limit(64 * MIB, 1024, 1 << 30)
    open_files: int = _limit(32, 8, 1024)
    file_bytes: int = _limit(1 * MIB, 4096, 1 << 30)
    threads: int = _limit(16, 1, 1024)
    value_characters: int = _limit(4096, 16, 1 << 24)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, (low, high) = getattr(self, field.name), field.metadata["range"]
            number, kinds = ("number", (int, float)) if field.name == "seconds" else ("whole number", (int,))
            if type(value) not in kinds or not low <= value <= high:
                raise ScratchpadError(f"limit {field.name}={value!r} must be a {number} from {low:,} to {high:,}")
