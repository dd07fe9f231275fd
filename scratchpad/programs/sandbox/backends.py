"""Where programs run: in namespaces of their own where the machine allows them, behind audit hooks alone elsewhere."""

# Without pathlib, which would be in every program's process.

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Sequence
from typing import Protocol

from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.namespaces import (
    NEW_MOUNTS,
    die_with_parent,
    enter_user_namespace,
    give_up_rights,
    new_folder,
    unshare,
)
from scratchpad.programs.sandbox.private_root import enter_private_root, mount_working_folder
from scratchpad.programs.sandbox.seccomp import machine_is_known, refuse_system_calls

_OWN_PROCESSES = 2  # of the user namespace, beside the program's: the server, and the process that waits for it


class Backend(Protocol):
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

    def confine(self, limits: ResourceLimits) -> None:
        """In the program's process, before any of its code: an empty working folder, and no way out."""
        ...

    def clean_up(self) -> None:
        """In the server, when the program's process has ended and been waited for."""
        ...


class NamespaceBackend:
    """The kernel's own walls. A program sees Python's library, its working folder and its own process alone."""

    name = "namespaces"
    folder = None

    def __init__(self) -> None:
        self._filters = machine_is_known()
        self.detail = (
            "user, mount, process, network and IPC namespaces, no rights, limits, "
            + ("a filter of system calls, " if self._filters else "")
            + "audit hooks"
        )

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

    def confine(self, limits: ResourceLimits) -> None:
        mount_working_folder(limits.file_bytes)
        most = _OWN_PROCESSES + limits.threads
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        give_up_rights()
        if self._filters:
            refuse_system_calls()

    def clean_up(self) -> None:
        """The server is the first process of its namespace: everything else in there is the program's. Its folder is
        gone with the last of them.
        """
        self._check_first()
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()

    def _check_first(self) -> None:
        """-1 stands for every process that this one can see: never to be said outside a namespace of one's own."""
        if os.getpid() != 1:
            raise OSError("the server is not the first process of a namespace of its own")


class AuditHookBackend:
    """Python's audit hooks, and what every process can forbid itself. They are no security boundary.

    filters: whether system calls are filtered too, which not every machine allows.
    """

    name = "hooks"
    folder: str

    def __init__(self, filters: bool) -> None:
        self._filters, self._runs = filters, 0
        self.detail = f"audit hooks, limits{' and a filter of system calls' * filters} alone: no security boundary"

    def enter(self) -> None:
        import shutil  # not in the processes of programs that namespaces shut in

        self.folder, self._remove = new_folder(), shutil.rmtree

    def confine(self, limits: ResourceLimits) -> None:
        folder = os.path.join(self.folder, str(self._runs))  # a new one: the last may hold what cannot be removed
        os.mkdir(folder)
        os.chdir(folder)
        die_with_parent()
        give_up_rights()
        if self._filters:
            refuse_system_calls()
        else:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no more processes, nor threads; root is not bound

    def clean_up(self) -> None:
        self._runs += 1
        for name in os.listdir(self.folder):
            self._remove(os.path.join(self.folder, name), ignore_errors=True)


def backends(wanted: str) -> Sequence[Backend]:
    """What can be tried for `namespaces`, `hooks` or `auto`, the best first."""
    found: list[Backend] = []
    if wanted != "hooks":
        found.append(NamespaceBackend())
    if wanted != "namespaces":
        found += [AuditHookBackend(True), AuditHookBackend(False)]
    return found
