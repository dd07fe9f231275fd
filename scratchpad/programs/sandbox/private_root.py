"""A root folder of its own: Python's library, read only, and a working folder in memory. Nothing else is there."""

# Without pathlib, which would be in every program's process.

from __future__ import annotations

import ctypes
import os
import sys

from scratchpad.programs.sandbox.namespaces import NEW_MOUNTS, checked, new_folder, unshare

WORKING_FOLDER = "/program"

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXECUTION = 1, 2, 4, 8
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_DETACH = 2
_AT_CURRENT_FOLDER, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442  # the same number on every architecture; glibc has no function for it before 2.36
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
_libc.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t]


def enter_private_root() -> None:
    """Make the new root and go there; the old one can no longer be reached. OSError where the machine refuses."""
    base = new_folder()
    around = os.open(os.path.dirname(base), os.O_RDONLY | os.O_DIRECTORY)
    try:
        _mount(None, "/", None, _RECURSIVE | _PRIVATE)
        _mount("tmpfs", base, "tmpfs", _NO_SUID | _NO_DEVICES, "size=1m,mode=755")
        for path in _visible():
            _show(path, base + path)
        os.makedirs(base + WORKING_FOLDER, exist_ok=True)
        _forbid_changes(base, 0)
        os.chdir(base)
        checked(_libc.pivot_root(b".", b"."), "pivot_root")  # the old root now lies on top of the new one
        checked(_libc.umount2(b".", _DETACH), "umount of the old root")
        os.chdir("/")
    except OSError:
        _libc.umount2(base.encode(), _DETACH)
        raise
    finally:
        os.rmdir(os.path.basename(base), dir_fd=around)
        os.close(around)


def mount_working_folder(size_bytes: int) -> None:
    """A fresh, empty folder in memory for this process and its children, gone when they are; they are in it then."""
    unshare(NEW_MOUNTS, "mount namespace")
    flags = _NO_SUID | _NO_DEVICES | _NO_EXECUTION
    _mount("tmpfs", WORKING_FOLDER, "tmpfs", flags, f"size={size_bytes},nr_inodes=256,mode=700")
    os.chdir(WORKING_FOLDER)


def _visible() -> list[str]:
    """Libraries, devices and Python's own files: paths none of which lies within another."""
    own = [*sys.path, *(f"{prefix}/lib" for prefix in (sys.base_prefix, sys.base_exec_prefix))]
    found: list[str] = []
    for path in [*_LIBRARIES, *_DEVICES, *sorted(map(os.path.abspath, own), key=len)]:
        inside = any(path == other or path.startswith(f"{other}/") for other in found)
        if os.path.exists(path) and not inside:
            found.append(path)
    return found


def _show(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(path, target, None, _BIND | _RECURSIVE)
    if path not in _DEVICES:  # what is written to those changes nothing
        _forbid_changes(target, _AT_RECURSIVE)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    checked(_libc.mount(*texts[:3], flags, texts[3]), f"mount {target}")


def _forbid_changes(target: str, flags: int) -> None:
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY | _NO_SUID, 0, 0, 0)
    result = _libc.syscall(
        _MOUNT_SETATTR, _AT_CURRENT_FOLDER, target.encode(), flags, ctypes.byref(attributes), ctypes.sizeof(attributes)
    )
    checked(result, f"read-only mount of {target}")
