"""Shared memory in which a program's process leaves its trace for the server, as lines of JSON."""

from __future__ import annotations

import json
import mmap
from typing import Any

_LENGTH_BYTES, _LAST_BYTES = 8, 64


class TraceBuffer:
    """Takes records in the program's process; the server reads them when that process has ended.

    Memory instead of a pipe: the program has no descriptor that it could close or write to by accident, and no record
    is lost when it is killed. Made before the program's process is forked. most_bytes: room for records.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._end = most_bytes, _LENGTH_BYTES
        self._memory = mmap.mmap(-1, self.size(most_bytes))
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    @staticmethod
    def size(most_bytes: int) -> int:
        """Return the bytes of memory that a buffer for `most_bytes` of records takes."""
        return _LENGTH_BYTES + most_bytes + _LAST_BYTES

    def put(self, record: dict[str, Any], last: bool = False) -> bool:
        """Add a record. Return False if there is no room; a few bytes are reserved for the last record."""
        line = self._encode(record).encode() + b"\n"
        end = self._end + len(line)
        if end > _LENGTH_BYTES + self._most + (_LAST_BYTES if last else 0):
            return False
        self._memory[self._end : end] = line
        self._memory[:_LENGTH_BYTES] = end.to_bytes(_LENGTH_BYTES, "little")
        self._end = end
        return True

    def close(self) -> bytes:
        """Release the memory and return the records, one per line. A program may have tampered with them."""
        end = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        content = self._memory[_LENGTH_BYTES : min(end, self.size(self._most))]
        self._memory.close()
        return content
