"""A private root folder, which contains only Python's library (read-only) and a working folder in memory.

Threat: a program reads the user's files (keys, data sets, /proc, /etc) or changes files, including Python's library.
File permissions do not help, because the program runs as the user. So the program gets a root folder without the user's
files. The working folder is limited in size, and the kernel removes it when the program's last process ends.

The server takes these steps once, in a new mount namespace:
1. Make all mounts private, so that new mounts are invisible outside.
2. Mount a small tmpfs as the new root. Bind the libraries (read-only) and a few devices into the tmpfs.
3. Make the new root read-only, because all mount points exist now.
4. Call `pivot_root` and unmount the old root, so that no path leads back to the old root. `chroot` would not suffice.
   Open descriptors could also lead back, so `enter_sandbox` closes all descriptors.
Each program then gets a new mount namespace with an empty tmpfs as the working folder (`mount_working_folder`).
"""

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
_MOUNT_SETATTR = 442  # the system call's number on every architecture; glibc before 2.36 has no function for it
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
_libc.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t]


def enter_private_root() -> None:
    """Move this process to a new root and unmount the old root. Raises OSError if the machine does not allow this."""
    base = new_folder()
    parent = os.open(os.path.dirname(base), os.O_RDONLY | os.O_DIRECTORY)
    try:
        _mount(None, "/", None, _RECURSIVE | _PRIVATE)
        _mount("tmpfs", base, "tmpfs", _NO_SUID | _NO_DEVICES, "size=1m,mode=755")
        for path in _visible_paths():
            _bind(path, base + path)
        os.makedirs(base + WORKING_FOLDER, exist_ok=True)
        _make_read_only(base, 0)
        os.chdir(base)
        checked(_libc.pivot_root(b".", b"."), "pivot_root")  # mounts the old root on top of the new root
        checked(_libc.umount2(b".", _DETACH), "umount of the old root")
        os.chdir("/")
    except OSError:
        _libc.umount2(base.encode(), _DETACH)
        raise
    finally:
        os.rmdir(os.path.basename(base), dir_fd=parent)  # no path leads to `base` now
        os.close(parent)


def mount_working_folder(size_bytes: int) -> None:
    """Mount an empty folder in memory for this process and its children, and change to this folder."""
    unshare(NEW_MOUNTS, "mount namespace")
    flags = _NO_SUID | _NO_DEVICES | _NO_EXECUTION
    _mount("tmpfs", WORKING_FOLDER, "tmpfs", flags, f"size={size_bytes},nr_inodes=256,mode=700")
    os.chdir(WORKING_FOLDER)


def _visible_paths() -> list[str]:
    """Return the paths of libraries, devices and Python's files. Omit paths that lie inside other returned paths."""
    python = [*sys.path, *(f"{prefix}/lib" for prefix in (sys.base_prefix, sys.base_exec_prefix))]
    found: list[str] = []
    for path in [*_LIBRARIES, *_DEVICES, *sorted(map(os.path.abspath, python), key=len)]:
        inside = any(path == other or path.startswith(f"{other}/") for other in found)
        if os.path.exists(path) and not inside:
            found.append(path)
    return found


def _bind(path: str, target: str) -> None:
    """Make a file, folder or link of the old root visible in the new root."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(path, target, None, _BIND | _RECURSIVE)
    if path not in _DEVICES:  # devices stay writable: writing to them changes nothing
        _make_read_only(target, _AT_RECURSIVE)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    checked(_libc.mount(*texts[:3], flags, texts[3]), f"mount {target}")


def _make_read_only(target: str, flags: int) -> None:
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY | _NO_SUID, 0, 0, 0)
    result = _libc.syscall(
        _MOUNT_SETATTR, _AT_CURRENT_FOLDER, target.encode(), flags, ctypes.byref(attributes), ctypes.sizeof(attributes)
    )
    checked(result, f"read-only mount of {target}")
