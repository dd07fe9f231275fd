"""The audit hook of a program's process: it raises PermissionError, which names the event, for what is not allowed.

Python calls the hook before it opens a file, starts a process, makes a socket, and so on. With the hook, programs get
the same answers on every machine, and do no harm by accident. It also keeps them away from the tracer's frames and
objects: these are in the same process, where the kernel cannot separate them.

The hook is no security boundary: it runs in the interpreter that it watches, and a determined program can get past it.
The namespaces and the seccomp filter are there for such programs.

It refuses events, not functions: a replaced function or an alias makes no difference. It compares paths after
`realpath`, so that links and `..` lead nowhere else. It does not refuse `sys.settrace`: the interpreter itself raises
that event when it has no memory left to call the tracer. `Tracer.is_running` finds programs that use it.
"""

# No pathlib here: every program's process would contain it.

from __future__ import annotations

import os
import sys
from functools import cached_property
from sys import _getframe  # imported by name: a program may replace the attributes of modules
from types import CodeType, FrameType, FunctionType, coroutine
from typing import Any

_MAX_WRITES = 256  # files opened for writing, folders and links made
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
_AF_UNIX = 1  # without an address, these sockets reach no other process; asyncio's loop needs a pair of them
_COROUTINE_CODE = coroutine.__code__


class AuditHook:
    """Refuses other processes, the network, access to the tracer, and files outside the program's folder.

    A program may write in its first working folder, and also read what is on the module path. `enabled` becomes False
    when the program has ended, for the sandbox's own work.
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
        """Raise PermissionError if an event is not allowed. The function for `sys.addaudithook`."""
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
        """Check the event `open`. mode is None for `os.open`: with an open folder, paths could hide from the hook."""
        if path == os.devnull:
            return
        writes = bool(flags & _WRITE_FLAGS)
        self._check_paths("open", (path,), self._writable if writes or mode is None else self._readable)
        self._count_writes(writes)

    def _count_writes(self, writes: bool) -> None:
        self._writes += writes
        if self._writes > _MAX_WRITES:
            raise PermissionError(f"the sandbox allows {_MAX_WRITES} files, folders and links to be written")

    def _check_paths(self, event: str, arguments: tuple[Any, ...], allowed: tuple[str, ...]) -> None:
        for path in arguments:
            if isinstance(path, (str, bytes)):
                real = os.path.realpath(os.fsdecode(path))
                if not any(real == folder or real.startswith(f"{folder}/") for folder in allowed):
                    raise PermissionError(f"{event} outside the working folder is not allowed in the sandbox: {path!r}")


def _in_types_coroutine(frame: FrameType) -> bool:
    """Whether a frame is `types.coroutine` adding its flag to a real function's code, which asyncio needs."""
    names = frame.f_locals if frame.f_code is _COROUTINE_CODE else {}
    return type(names.get("func")) is FunctionType and type(names.get("co")) is CodeType
