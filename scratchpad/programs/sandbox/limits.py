"""Resource limits of a program."""

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
    """What one program may use. Exceeding a limit ends the program with a status that names the limit.

    seconds: of wall-clock time and of processor time. memory_bytes: of address space, including the interpreter's own
    and excluding the trace's. steps: traced lines (states). output_bytes: of stdout and stderr together.
    trace_bytes: of the trace as JSON. open_files: open at the same time. file_bytes: of the working folder, and of each
    file in it. threads: including the main thread; a program can start no process. value_characters: of each variable's
    value, approximately; a mark replaces the rest. Raises ScratchpadError if a number is out of range.

    Too many open files or threads, and too large files, are an OSError or RuntimeError in the program. With audit hooks
    alone, the working folder as a whole and the number of threads have no limit. In any case a program may open files
    for writing, and make folders and links, 256 times altogether.
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
                raise ScratchpadError(f"limit {field.name}={value!r}: a {number} from {low:,} to {high:,} is needed")
