"""The way out of a program's process: memory that the server sees, too, with the trace as lines of JSON."""

from __future__ import annotations

import json
import mmap
from typing import Any

_LENGTH_BYTES, _LAST_BYTES = 8, 64


class TraceBuffer:
    """Takes records in the program's process, and gives them out in the server's when that has ended, however it did.

    There is no descriptor that the program could close or write to by accident, and nothing is lost when it is killed.
    Made before the program's process is forked. most_bytes: room for records.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._end = most_bytes, _LENGTH_BYTES
        self._memory = mmap.mmap(-1, self.size(most_bytes))
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    @staticmethod
    def size(most_bytes: int) -> int:
        """The memory that is taken for so many bytes of records."""
        return _LENGTH_BYTES + most_bytes + _LAST_BYTES

    def put(self, record: dict[str, Any], last: bool = False) -> bool:
        """Add a record; False where there is no room for it. A little is left for a last one."""
        line = self._encode(record).encode() + b"\n"
        end = self._end + len(line)
        if end > _LENGTH_BYTES + self._most + (_LAST_BYTES if last else 0):
            return False
        self._memory[self._end : end] = line
        self._memory[:_LENGTH_BYTES] = end.to_bytes(_LENGTH_BYTES, "little")
        self._end = end
        return True

    def closed(self) -> bytes:
        """Let go of the memory; all that was put, a line each, or what the program has made of it by tampering."""
        end = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        content = self._memory[_LENGTH_BYTES : min(end, self.size(self._most))]
        self._memory.close()
        return content
