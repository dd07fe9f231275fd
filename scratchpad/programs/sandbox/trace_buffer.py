"""Shared memory through which a program's process passes its trace to the server, as lines of JSON."""

from __future__ import annotations

import json
import mmap
from typing import Any

_LENGTH_BYTES, _LAST_BYTES = 8, 64


class TraceBuffer:
    """A buffer of records. The program's process adds records, and the server reads them after the process has ended.

    The server creates the buffer before it forks the process. The buffer is shared memory, not a pipe, because a
    program could close a pipe by accident. `most_bytes`: the largest total size of the records.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._end = most_bytes, _LENGTH_BYTES
        self._memory = mmap.mmap(-1, self.size(most_bytes))
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    @staticmethod
    def size(most_bytes: int) -> int:
        """Return the size, in bytes, of a buffer for records of `most_bytes` bytes in total."""
        return _LENGTH_BYTES + most_bytes + _LAST_BYTES

    def put(self, record: dict[str, Any], last: bool = False) -> bool:
        """Add a record; return False if the buffer is full. `last`: use the bytes reserved for the last record."""
        line = self._encode(record).encode() + b"\n"
        end = self._end + len(line)
        if end > _LENGTH_BYTES + self._most + (_LAST_BYTES if last else 0):
            return False
        self._memory[self._end : end] = line
        self._memory[:_LENGTH_BYTES] = end.to_bytes(_LENGTH_BYTES, "little")
        self._end = end
        return True

    def close(self) -> bytes:
        """Free the memory and return the records as lines of JSON. A hostile program may have changed the records."""
        end = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        content = self._memory[_LENGTH_BYTES : min(end, self.size(self._most))]
        self._memory.close()
        return content
