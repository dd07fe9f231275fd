"""The audit hook of a program's process: what a program may not do is refused with a PermissionError that names it.

It gives programs the same answers on every machine, and keeps them from harming by accident. It runs inside the
interpreter that it watches, so it is no security boundary: a program that sets its mind to it gets past it.
"""

# Without pathlib, which would be in every program's process.

from __future__ import annotations

import os
import sys
from functools import cached_property
from sys import _getframe  # not what a program puts in its place
from types import CodeType, FrameType, FunctionType, coroutine
from typing import Any

_MOST_WRITTEN = 256  # times that a file may be opened to be written, or a folder or link be made
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED_MODULES = frozenset({"ctypes", "pty", "socket", "sqlite3", "subprocess", "syslog"})
_REFUSED = frozenset(
    {
        "code.__new__", "gc.get_objects", "gc.get_referrers", "os.exec", "os.fork", "os.forkpty", "os.killpg",
        "os.posix_spawn", "os.spawn", "os.system", "resource.prlimit", "resource.setrlimit", "sys._current_exceptions",
        "sys._current_frames", "sys.addaudithook", "sys.monitoring.register_callback",
    }
)  # fmt: skip
"""Not sys.settrace: the interpreter does it, too, when it lacks the memory to call the tracer."""
_CHANGES = frozenset(
    {
        "os.chflags", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.removexattr", "os.rename",
        "os.rmdir", "os.setxattr", "os.symlink", "os.truncate", "os.utime", "os.chdir",
    }
)  # fmt: skip
_MAKES = frozenset({"os.link", "os.mkdir", "os.symlink"})
_LOOKS = frozenset({"os.getxattr", "os.listdir", "os.listxattr", "os.scandir"})
_UNIX = 1  # the family of sockets that without an address reach nobody: asyncio's loop has a pair of them
_MARKS_COROUTINES = coroutine.__code__


class AuditHook:
    """Refuses other processes, the network, ways to meddle with the trace, and files that are none of a program's.

    The current folder may be changed, and what lies on the module path be read. `trusted` is True when the
    program has ended.
    """

    def __init__(self) -> None:
        self.trusted = False
        self._own = (os.getcwd(),)
        self._module_path = (*sys.path, "/usr/share/zoneinfo")
        self._written = 0

    @cached_property
    def _readable(self) -> tuple[str, ...]:
        return (*self._own, *map(os.path.realpath, self._module_path))

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What sys.addaudithook wants. PermissionError for what is refused."""
        if self.trusted:
            return
        if event == "code.__new__" and _marks_a_coroutine(_getframe(1)):
            return
        if event == "socket.__new__" and arguments[1] == _UNIX:
            return
        if event in _REFUSED or event.partition(".")[0] in _REFUSED_MODULES:
            raise PermissionError(f"{event} is not allowed in the sandbox")
        if event == "open":
            self._check_open(*arguments)
        elif event in _CHANGES:
            self._check_paths(event, arguments, self._own)
            self._count_written(event in _MAKES)
        elif event in _LOOKS:
            self._check_paths(event, arguments, self._readable)
        elif event == "os.kill" and arguments[0] != os.getpid():
            raise PermissionError("os.kill of another process is not allowed in the sandbox")

    def _check_open(self, path: object, mode: str | None, flags: int) -> None:
        """mode is None for os.open, which can open folders, to reach their files past this hook."""
        if path == os.devnull:
            return
        changes = bool(flags & _CHANGING)
        self._check_paths("open", (path,), self._own if changes or mode is None else self._readable)
        self._count_written(changes)

    def _count_written(self, written: bool) -> None:
        self._written += written
        if self._written > _MOST_WRITTEN:
            raise PermissionError(f"the sandbox allows {_MOST_WRITTEN} files to be written, folders and links included")

    def _check_paths(self, event: str, arguments: tuple[Any, ...], allowed: tuple[str, ...]) -> None:
        for path in arguments:
            if isinstance(path, (str, bytes)):
                real = os.path.realpath(os.fsdecode(path))
                if not any(real == folder or real.startswith(f"{folder}/") for folder in allowed):
                    raise PermissionError(f"{event} outside the working folder is not allowed in the sandbox: {path!r}")


def _marks_a_coroutine(frame: FrameType) -> bool:
    """Whether it is `types.coroutine`, which asyncio needs, at the flag that it adds to the code of a function."""
    names = frame.f_locals if frame.f_code is _MARKS_COROUTINES else {}
    return type(names.get("func")) is FunctionType and type(names.get("co")) is CodeType
