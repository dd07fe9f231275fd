"""Linux namespaces: what a process can no longer see or do, asked of the kernel through libc."""

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
_STARTED_ANEW = "SCRATCHPAD_STARTED_ANEW"
_CAPABILITY_HEADER = struct.pack("=Ii", 0x20080522, 0)  # version 3, this process

_libc = ctypes.CDLL(None, use_errno=True)
_libc.unshare.argtypes = [ctypes.c_int]
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.personality.argtypes = [ctypes.c_ulong]
_libc.capset.argtypes = [ctypes.c_char_p, ctypes.c_char_p]


def checked(result: int, what: str) -> None:
    """OSError with what was tried, where a call to libc has failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def fix_addresses() -> None:
    """Start this interpreter anew where the kernel will put everything at the same addresses every time: sets of
    objects, whose order these make, are then the same in every run. Does nothing where the machine refuses that.
    """
    now = _libc.personality(_PERSONALITY_AS_IT_IS)
    if now == -1 or now & _FIXED_ADDRESSES or _STARTED_ANEW in os.environ:
        return
    if _libc.personality(now | _FIXED_ADDRESSES) != -1:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, _STARTED_ANEW: ""})


def new_folder() -> str:
    """A new folder of this user alone, among the temporary ones. By hand: `tempfile` and what it imports would be in
    every program's process, and take a tenth of the time to fork it.
    """
    name = f"scratchpad-{os.urandom(8).hex()}"
    for folder in _TEMPORARY:
        with contextlib.suppress(OSError):
            os.mkdir(f"{folder}/{name}", 0o700)
            return f"{folder}/{name}"
    raise OSError(errno.EACCES, f"no folder can be made in {' '.join(_TEMPORARY)}")


def unshare(flags: int, what: str) -> None:
    """Enter new namespaces; that of processes is entered by the next child."""
    checked(_libc.unshare(flags), what)


def enter_user_namespace(proc: int) -> None:
    """New user, network, IPC and process namespaces, in which this user is the only one there is.

    proc: a file descriptor of /proc. The user's number stays; within, it has all rights over the namespaces alone, and
    no further user namespace can be made. Root becomes nobody first: the limit on processes does not bind root.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # or its files in /proc would belong to root
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
    """Be killed when the process that forked this one ends."""
    checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "PR_SET_PDEATHSIG")


def give_up_rights() -> None:
    """No capabilities left, and none to be gained by running anything."""
    checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    checked(_libc.capset(_CAPABILITY_HEADER, bytes(24)), "capset")  # three empty sets of 64 bits
