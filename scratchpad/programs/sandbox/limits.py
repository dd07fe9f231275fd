"""What one program may use up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from scratchpad.errors import ScratchpadError

MIB = 1 << 20

_RANGES: dict[str, tuple[float, float]] = {
    "seconds": (0.01, 3600),
    "memory_bytes": (64 * MIB, 1 << 40),
    "steps": (1, 1 << 30),
    "output_bytes": (0, 1 << 30),
    "trace_bytes": (1024, 1 << 30),
    "open_files": (8, 1024),
    "file_bytes": (4096, 1 << 30),
    "threads": (1, 1024),
    "value_characters": (16, 1 << 24),
}


@dataclass(frozen=True)
class ResourceLimits:
    """What one program may use up; hitting one of these ends the program with a status that names it.

    seconds: time on the wall, and of the processor. memory_bytes: address space, the interpreter's own included, the
    trace's not. steps: lines (states) traced. output_bytes: what it prints, stdout and stderr together. trace_bytes:
    the trace on its way to the caller. open_files: open at the same time. file_bytes: of its working folder, and of
    each of its files. threads: its first one included; more processes it has none. value_characters: about as much of
    a variable's value is written, the rest is cut with a mark. ScratchpadError where a number is out of range.

    More open files or threads, and larger files, are refused to the program with an OSError or RuntimeError. Where
    audit hooks alone are in force, the working folder as a whole and the number of threads have no limit. 256 times
    in all a file may be opened to be written, or a folder or link be made.
    """

    seconds: float = 5.0
    memory_bytes: int = 512 * MIB
    steps: int = 100_000
    output_bytes: int = 64 << 10
    trace_bytes: int = 64 * MIB
    open_files: int = 32
    file_bytes: int = 1 * MIB
    threads: int = 16
    value_characters: int = 4096

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, (low, high) = getattr(self, field.name), _RANGES[field.name]
            kinds = (int, float) if field.name == "seconds" else (int,)
            if type(value) not in kinds or not low <= value <= high:
                number = "number" if field.name == "seconds" else "whole number"
                raise ScratchpadError(f"limit {field.name}={value!r}: a {number} from {low:,} to {high:,} is needed")
