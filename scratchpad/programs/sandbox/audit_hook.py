"""The audit hook of a program's process, which refuses operations by raising PermissionError.

Python calls the hook before an operation such as opening a file, starting a process or creating a socket. The hook
makes programs behave the same on every machine and prevents accidental harm. The hook also protects the tracer's frames
and objects. The kernel cannot protect these objects, because they are in the program's process.

The hook is not a security boundary: it runs in the program's own interpreter, and a determined program can get past it.
The namespaces and the seccomp filter stop such programs.

Python reports an operation even if a program renames or replaces functions. The hook compares paths after `realpath`,
so links and `..` cannot lead out of the allowed folders. The hook allows the event `sys.settrace`, because the
interpreter raises this event when no memory is left to call the tracer. `Tracer.is_running` detects a replaced tracer.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from sys import _getframe  # imported by name, because a program may replace a module's attributes
from types import CodeType, FrameType, FunctionType, coroutine
from typing import Any

_MAX_WRITES = 256  # how often a program may create a folder, create a link or open a file for writing
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED_MODULES = frozenset({"ctypes", "pty", "socket", "sqlite3", "subprocess", "syslog"})
_REFUSED_EVENTS = frozenset(
    {
        "code.__new__", "gc.get_objects", "gc.get_referrers", "os.exec", "os.fork", "os.forkpty", "os.killpg",
        "os.posix_spawn", "os.spawn", "os.system", "resource.prlimit", "resource.setrlimit", "sys._current_exceptions",
        "sys._current_frames", "sys.addaudithook", "sys.monitoring.register_callback",
    }
)  # fmt: skip
_CHANGING_EVENTS = frozenset(
    {
        "os.chflags", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.removexattr", "os.rename",
        "os.rmdir", "os.setxattr", "os.symlink", "os.truncate", "os.utime", "os.chdir",
    }
)  # fmt: skip
_CREATING_EVENTS = frozenset({"os.link", "os.mkdir", "os.symlink"})
_READING_EVENTS = frozenset({"os.getxattr", "os.listdir", "os.listxattr", "os.scandir"})
_AF_UNIX = 1  # asyncio needs a pair of Unix sockets; without an address, the sockets reach no other process
_COROUTINE_CODE = coroutine.__code__


class AuditHook:
    """Refuses access to other processes, to the network, to the tracer and to files outside the allowed folders.

    A program may read and write in the working folder in which it starts, and may read files on the module path. After
    the program's end, the sandbox sets `enabled` to False, so that the hook does not restrict the sandbox itself.
    """

    def __init__(self) -> None:
        self.enabled = True
        self._writable = (os.getcwd(),)
        self._module_path = (*sys.path, "/usr/share/zoneinfo")
        self._writes = 0

    @cached_property
    def _readable(self) -> tuple[str, ...]:
        return (*self._writable, *map(os.path.realpath, self._module_path))

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise PermissionError if an event is not allowed. `sys.addaudithook` registers this method."""
        if not self.enabled:
            return
        if event == "code.__new__" and _in_types_coroutine(_getframe(1)):
            return
        if event == "socket.__new__" and arguments[1] == _AF_UNIX:
            return
        if event in _REFUSED_EVENTS or event.partition(".")[0] in _REFUSED_MODULES:
            raise PermissionError(f"{event} is not allowed in the sandbox")
        if event == "open":
            self._check_open(*arguments)
        elif event in _CHANGING_EVENTS:
            self._check_paths(event, arguments, self._writable)
            self._count_writes(event in _CREATING_EVENTS)
        elif event in _READING_EVENTS:
            self._check_paths(event, arguments, self._readable)
        elif event == "os.kill" and arguments[0] != os.getpid():
            raise PermissionError("os.kill of another process is not allowed in the sandbox")

    def _check_open(self, path: object, mode: str | None, flags: int) -> None:
        """Check an `open` event. If `mode` is None (`os.open`), a program may read only in its working folder."""
        if path == os.devnull:
            return
        writes = bool(flags & _WRITE_FLAGS)
        self._check_paths("open", (path,), self._writable if writes or mode is None else self._readable)
        self._count_writes(writes)

    def _count_writes(self, writes: bool) -> None:
        self._writes += writes
        if self._writes > _MAX_WRITES:
            raise PermissionError(f"in the sandbox, a program may write at most {_MAX_WRITES} files, folders and links")

    def _check_paths(self, event: str, arguments: tuple[Any, ...], allowed: tuple[str, ...]) -> None:
        for path in arguments:
            if isinstance(path, (str, bytes)):
                real = os.path.realpath(os.fsdecode(path))
                if not any(real == folder or real.startswith(f"{folder}/") for folder in allowed):
                    raise PermissionError(f"{event} outside the working folder is not allowed in the sandbox: {path!r}")


def _in_types_coroutine(frame: FrameType) -> bool:
    """Return whether a frame is a call of `types.coroutine` with a real function. asyncio needs such calls."""
    names = frame.f_locals if frame.f_code is _COROUTINE_CODE else {}
    return type(names.get("func")) is FunctionType and type(names.get("co")) is CodeType
