"""A seccomp filter, which makes the kernel refuse system calls that programs do not need.

Threat: a program gets past the audit hook (with ctypes or an interpreter bug) and makes system calls directly.
The filter refuses
- new processes and programs (`fork`, `execve`, `clone` without CLONE_THREAD), because resource limits hold per process;
- network access (`socket`), and `ptrace` and signals to other processes;
- memory that resource limits do not count: shared memory, semaphores, message queues, anonymous files;
- new namespaces and mounts, and system calls with a history of kernel bugs (`bpf`, `io_uring`, `keyctl`, ...).

A process cannot remove its filter, and its threads inherit the filter.

The filter is a program of classic BPF instructions, which the kernel runs before every system call:
1. Kill the process if the call uses a different architecture, because the numbers of system calls would differ.
2. For clone, prlimit, kill and tgkill, allow or refuse the call depending on the first argument.
3. Return ENOSYS for clone3, so that libc uses clone: a filter cannot read the memory that holds clone3's flags.
4. Refuse the calls in x86-64's x32 table, which repeats every system call under another number.
5. Return EPERM if the number is in the list of refused numbers; otherwise allow the call.
A list of allowed calls would be stricter, but new versions of Python or libc may need other calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import NamedTuple

from scratchpad.programs.sandbox.namespaces import checked

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_AT = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000  # x86-64's x32 table uses the numbers from this number on
_CLONE_THREAD = 0x10000
_OWN_PROCESS = 0xABCDEF01  # a placeholder for the process's number, larger than any process number
_INSTRUCTION_BYTES = 8

_CLONE3 = 435
_REFUSED_EVERYWHERE = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "pidfd_open": 434, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442,
}  # fmt: skip
_X86_64 = {
    "shmget": 29, "shmat": 30, "socket": 41, "fork": 57, "vfork": 58, "execve": 59, "semget": 64, "msgget": 68,
    "ptrace": 101, "rt_sigqueueinfo": 129, "mknod": 133, "personality": 135, "setpriority": 141, "sched_setparam": 142,
    "sched_setscheduler": 144, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "tkill": 200,
    "sched_setaffinity": 203, "mq_open": 240, "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251,
    "mknodat": 259, "unshare": 272, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "sched_setattr": 314,
    "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "ioprio_set": 30, "mknodat": 33, "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "personality": 92,
    "unshare": 97, "ptrace": 117, "sched_setparam": 118, "sched_setscheduler": 119, "sched_setaffinity": 122,
    "tkill": 130, "rt_sigqueueinfo": 138, "setpriority": 140, "mq_open": 180, "msgget": 186, "semget": 190,
    "shmget": 194, "shmat": 196, "socket": 198, "add_key": 217, "request_key": 218, "keyctl": 219, "execve": 221,
    "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "sched_setattr": 274, "memfd_create": 279, "bpf": 280,
    "execveat": 281, "userfaultfd": 282,
}  # fmt: skip


class _Architecture(NamedTuple):
    """An architecture's audit number and the numbers of its system calls."""

    audit_number: int
    clone: int
    prlimit: int
    kill: int
    tgkill: int
    refused: dict[str, int]


_ARCHITECTURES = {
    "x86_64": _Architecture(0xC000003E, 56, 302, 62, 234, _X86_64),
    "aarch64": _Architecture(0xC00000B7, 220, 261, 129, 131, _AARCH64),
}
_libc = ctypes.CDLL(None, use_errno=True)


class _FilterProgram(ctypes.Structure):  # struct sock_fprog
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def has_filter() -> bool:
    """Return whether this module has a filter for this machine's architecture."""
    return _FILTER is not None


def install_filter() -> None:
    """Install the filter. The caller must first set PR_SET_NO_NEW_PRIVS. Raises OSError if seccomp is not available."""
    if _FILTER is None:
        raise OSError(errno.ENOSYS, f"no seccomp filter exists for {platform.machine()}")
    instructions = _FILTER.replace(struct.pack("=I", _OWN_PROCESS), struct.pack("=I", os.getpid()))
    program = _FilterProgram(len(instructions) // _INSTRUCTION_BYTES, instructions)
    checked(_libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp filter")


def _build_filter(machine: _Architecture) -> bytes:
    """Return the filter's instructions, with the placeholder `_OWN_PROCESS` for the process's number."""
    refused = sorted({**machine.refused, **_REFUSED_EVERYWHERE}.values())
    return b"".join(
        [
            _instruction(_LOAD_WORD, _ARCHITECTURE_AT),
            _instruction(_JUMP_IF_EQUAL, machine.audit_number, 1, 0),
            _instruction(_RETURN, _KILL),
            _instruction(_LOAD_WORD, _NUMBER_AT),
            *_allow_if(machine.clone, _JUMP_IF_ANY_BIT, _CLONE_THREAD),
            *_allow_if(machine.prlimit, _JUMP_IF_EQUAL, 0),  # 0 means this process, which can only lower its limits
            *_allow_if(machine.kill, _JUMP_IF_EQUAL, _OWN_PROCESS),
            *_allow_if(machine.tgkill, _JUMP_IF_EQUAL, _OWN_PROCESS),
            _instruction(_JUMP_IF_EQUAL, _CLONE3, 0, 1),
            _instruction(_RETURN, _REFUSE | errno.ENOSYS),
            _instruction(_JUMP_IF_AT_LEAST, _X32_BIT, len(refused) + 1, 0),
            *(_instruction(_JUMP_IF_EQUAL, number, len(refused) - index, 0) for index, number in enumerate(refused)),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE | errno.EPERM),
        ]
    )


def _allow_if(number: int, test: int, operand: int) -> list[bytes]:
    """Return instructions that allow a system call only if its first argument passes a test."""
    return [
        _instruction(_JUMP_IF_EQUAL, number, 0, 4),
        _instruction(_LOAD_WORD, _ARGUMENT_AT),
        _instruction(test, operand, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _REFUSE | errno.EPERM),
    ]


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Encode one instruction (`struct sock_filter`). A jump by 0 goes to the next instruction."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)


_FILTER = _build_filter(_ARCHITECTURES[platform.machine()]) if platform.machine() in _ARCHITECTURES else None
