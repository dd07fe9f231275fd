"""Where programs run: in namespaces of their own where the machine allows them, behind audit hooks alone elsewhere."""

# ruff: noqa: PTH103, PTH123
# Without pathlib, which would be in every program's process.

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
from typing import Protocol

from scratchpad.programs.isolation import (
    NEW_MOUNTS,
    adopt_orphans,
    die_with_parent,
    enter_user_namespace,
    give_up_rights,
    limit_processes,
    unshare,
)
from scratchpad.programs.limits import Limits
from scratchpad.programs.private_root import enter_private_root, mount_working_folder

_MOST_ORPHANS = 1000  # rounds of them: a program that makes them faster than they are killed wins
_OWN_PROCESSES = 2  # of the user namespace, beside the program's: the server, and the process that waits for it


class Place(Protocol):
    """How programs are shut in. The server enters it once, and forks the program's process from there."""

    name: str
    detail: str

    @property
    def folder(self) -> str | None:
        """What the caller has to remove when the server is gone."""
        ...

    def enter(self) -> None:
        """In the server, before anything else. OSError where the machine does not allow it."""
        ...

    def confine(self, limits: Limits) -> None:
        """In the program's process, before any of its code: an empty working folder, and no way out."""
        ...

    def kill_all(self, child: int) -> None:
        """In the server: kill a program's process, which is not waited for yet, and all that it has started."""
        ...

    def clean_up(self) -> None:
        """In the server, when the program's process has ended and been waited for."""
        ...


class Namespaces:
    """The kernel's own walls. A program sees Python's library, its working folder and its own processes alone."""

    name = "namespaces"
    detail = "user, mount, process, network and IPC namespaces, no rights, a limit on processes, and audit hooks"
    folder = None

    def enter(self) -> None:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        if os.geteuid() == 0:  # nobody, whom root becomes, might not reach Python's files where they lie
            unshare(NEW_MOUNTS, "mount namespace")
            enter_private_root()
            enter_user_namespace(proc)
        else:
            enter_user_namespace(proc)
            enter_private_root()
        os.close(proc)
        server = os.fork()
        if server:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]) & 0xFF)
        die_with_parent()
        self._check_first()

    def confine(self, limits: Limits) -> None:
        mount_working_folder(limits.file_bytes)
        limit_processes(_OWN_PROCESSES + limits.processes)
        give_up_rights()

    def kill_all(self, child: int) -> None:
        """The server is the first process of its namespace: everything else in there is the program's."""
        self._check_first()
        os.kill(-1, signal.SIGKILL)

    def _check_first(self) -> None:
        """-1 stands for every process that this one can see: never to be said outside a namespace of one's own."""
        if os.getpid() != 1:
            raise OSError("the server is not the first process of a namespace of its own")

    def clean_up(self) -> None:
        """Wait for what the program has left behind; its folder is gone with the last of its processes."""
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()


class Hooks:
    """Python's audit hooks and the limits that every process can set itself. They are no security boundary."""

    name = "hooks"
    detail = "audit hooks and resource limits alone: no security boundary"
    folder: str

    def enter(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="scratchpad-")
        if sys.platform == "linux":
            adopt_orphans()

    def confine(self, limits: Limits) -> None:
        os.chdir(self.folder)
        if sys.platform == "linux":
            die_with_parent()
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no more of them, threads neither; root is not bound

    def kill_all(self, child: int) -> None:
        os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # no group, or only the ended process in it
            os.killpg(child, signal.SIGKILL)

    def clean_up(self) -> None:
        for _ in range(_MOST_ORPHANS):
            if not (orphans := _children()):
                break
            for orphan in orphans:
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)


def _children() -> list[int]:
    """This process's children, where the machine tells."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as told:
            return [int(number) for number in told.read().split()]
    except OSError:
        return []
