"""A filter of system calls: a program has threads, but no processes and no network, and reaches no other process.

The rest of what it refuses are ways to memory beyond the limits (shared memory, message queues, files without a name),
and calls that no program needs, of a kernel that may have bugs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

from scratchpad.programs.sandbox.namespaces import checked

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_AT = 0, 4, 16  # in what a filter is shown of a call
_OTHER_ABI = 0x40000000  # from here on, x86-64's numbers are those of another table
_CLONE_THREAD = 0x10000
_OWN = 0xABCDEF01  # more than any process's number
_INSTRUCTION_BYTES = 8

_CLONE3 = 435  # its flags lie in memory that a filter cannot see; libc goes on with `clone` where there is none
_REFUSED_ON_ALL = {
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


@dataclass(frozen=True)
class _Machine:
    """What the kernel calls it, and its numbers of system calls."""

    architecture: int
    clone: int
    prlimit: int
    kill: int
    tgkill: int
    refused: dict[str, int]


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 56, 302, 62, 234, _X86_64),
    "aarch64": _Machine(0xC00000B7, 220, 261, 129, 131, _AARCH64),
}
_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def machine_is_known() -> bool:
    """Whether there is a filter for this machine."""
    return _FILTER is not None


def refuse_system_calls() -> None:
    """Put the filter on this process for good; calls that it refuses fail with EPERM.

    To be called by a process that cannot gain rights. OSError where the machine or its kernel has no filters.
    """
    if _FILTER is None:
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {platform.machine()}")
    instructions = _FILTER.replace(struct.pack("=I", _OWN), struct.pack("=I", os.getpid()))
    program = _Program(len(instructions) // _INSTRUCTION_BYTES, instructions)
    checked(_libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0), "filter of system calls")


def _filter(machine: _Machine) -> bytes:
    """Instructions of the kernel's packet filter, with _OWN for the number of the process that it will be for."""
    refused = sorted({**machine.refused, **_REFUSED_ON_ALL}.values())
    return b"".join(
        [
            _instruction(_LOAD_WORD, _ARCHITECTURE_AT),
            _instruction(_JUMP_IF_EQUAL, machine.architecture, 1, 0),
            _instruction(_RETURN, _KILL),
            _instruction(_LOAD_WORD, _NUMBER_AT),
            *_when(machine.clone, _JUMP_IF_ANY_BIT, _CLONE_THREAD),
            *_when(machine.prlimit, _JUMP_IF_EQUAL, 0),  # its own limits, which only go down
            *_when(machine.kill, _JUMP_IF_EQUAL, _OWN),
            *_when(machine.tgkill, _JUMP_IF_EQUAL, _OWN),
            _instruction(_JUMP_IF_EQUAL, _CLONE3, 0, 1),
            _instruction(_RETURN, _REFUSE | errno.ENOSYS),
            _instruction(_JUMP_IF_AT_LEAST, _OTHER_ABI, len(refused) + 1, 0),
            *(_instruction(_JUMP_IF_EQUAL, number, len(refused) - place, 0) for place, number in enumerate(refused)),
            _instruction(_RETURN, _ALLOW),
            _instruction(_RETURN, _REFUSE | errno.EPERM),
        ]
    )


def _when(number: int, test: int, operand: int) -> list[bytes]:
    """Of the calls with a number, allow those alone whose first argument passes a test."""
    return [
        _instruction(_JUMP_IF_EQUAL, number, 0, 4),
        _instruction(_LOAD_WORD, _ARGUMENT_AT),
        _instruction(test, operand, 0, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _REFUSE | errno.EPERM),
    ]


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """The jumps are counted from the next instruction on."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)


_FILTER = _filter(_MACHINES[platform.machine()]) if platform.machine() in _MACHINES else None
