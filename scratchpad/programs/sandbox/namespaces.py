"""Linux namespaces, in which a process sees only its own users, processes, network and IPC objects.

Threats, and the protection against each threat:
- The program kills, traces or reads other processes: a process namespace hides all other processes.
- The program sends data out or connects to local services: the network namespace has no interface.
- The program uses shared memory or message queues of other programs: an IPC namespace hides them.
- The program uses this user's rights: the user namespace has only this user, and the process drops all capabilities.
- The program creates a namespace, in which it would have all capabilities again: `max_user_namespaces` is 0, and the
  seccomp filter refuses `unshare` and every `clone` that does not start a thread.
- The program reads or changes files: a mount namespace hides the files (`private_root`).

The order matters. An ordinary user may create other namespaces only inside a user namespace, so one call of `unshare`
creates all namespaces. Next, the server writes `setgroups` before the user and group maps, because otherwise the kernel
refuses a group map from an ordinary user. A process namespace starts with the next child, so the server forks again.
Each program's process first mounts its working folder and then drops all capabilities, because mounting needs them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys

NEW_MOUNTS = 0x20000
_NEW_IPC, _NEW_USER, _NEW_PIDS, _NEW_NETWORK = 0x8000000, 0x10000000, 0x20000000, 0x40000000
_NOBODY = 65534
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_FIXED_ADDRESSES, _PERSONALITY_AS_IT_IS = 0x40000, 0xFFFFFFFF
_RESTARTED = "SCRATCHPAD_STARTED_ANEW"
_CAPABILITY_HEADER = struct.pack("=Ii", 0x20080522, 0)  # version 3; 0 means this process

_libc = ctypes.CDLL(None, use_errno=True)
_libc.unshare.argtypes = [ctypes.c_int]
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.personality.argtypes = [ctypes.c_ulong]
_libc.capset.argtypes = [ctypes.c_char_p, ctypes.c_char_p]


def checked(result: int, what: str) -> None:
    """Raise OSError if the result of a libc call is an error. `what`: the call's name for the message."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def fix_addresses() -> None:
    """If possible, restart this interpreter with fixed memory addresses, because addresses affect the order of sets."""
    now = _libc.personality(_PERSONALITY_AS_IT_IS)
    if now == -1 or now & _FIXED_ADDRESSES or _RESTARTED in os.environ:
        return
    if _libc.personality(now | _FIXED_ADDRESSES) != -1:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, _RESTARTED: ""})


def new_folder() -> str:
    """Create a temporary folder that only this user may enter, and return its path."""
    # Do not use `tempfile`: every program's process would inherit its imports, and forks would be 10 % slower.
    name = f"scratchpad-{os.urandom(8).hex()}"
    for folder in _TEMPORARY:
        with contextlib.suppress(OSError):
            os.mkdir(f"{folder}/{name}", 0o700)
            return f"{folder}/{name}"
    raise OSError(errno.EACCES, f"cannot create a folder in {' or '.join(_TEMPORARY)}")


def unshare(flags: int, what: str) -> None:
    """Move this process into new namespaces. `what`: the namespaces' name for an error message."""
    checked(_libc.unshare(flags), what)


def enter_user_namespace(proc: int) -> None:
    """Enter new user, mount, network, IPC and process namespaces, in which this user is the only user.

    `proc`: a file descriptor of /proc. The user's ID stays the same. The user has all capabilities inside the
    namespaces and none outside. Root first becomes `nobody`, because root has no limit on the number of processes.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # otherwise root owns this process's files in /proc
    user, group = os.geteuid(), os.getegid()
    unshare(_NEW_USER | NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC | _NEW_PIDS, "user, network, IPC and process namespaces")
    _write(proc, "self/setgroups", "deny")
    _write(proc, "self/uid_map", f"{user} {user} 1")
    _write(proc, "self/gid_map", f"{group} {group} 1")
    _write(proc, "sys/user/max_user_namespaces", "0")


def _write(proc: int, name: str, text: str) -> None:
    file = os.open(name, os.O_WRONLY, dir_fd=proc)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "PR_SET_PDEATHSIG")


def drop_privileges() -> None:
    """Drop all capabilities permanently. Executing a set-user-ID program cannot restore capabilities."""
    checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    checked(_libc.capset(_CAPABILITY_HEADER, bytes(24)), "capset")  # three empty sets
