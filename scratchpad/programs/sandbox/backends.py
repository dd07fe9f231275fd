"""The two ways to isolate programs: Linux namespaces, and audit hooks for machines without namespaces."""

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
    drop_privileges,
    enter_user_namespace,
    new_folder,
    unshare,
)
from scratchpad.programs.sandbox.private_root import enter_private_root, mount_working_folder
from scratchpad.programs.sandbox.seccomp import has_filter, install_filter

_SERVER_PROCESSES = 2  # the server and its parent process also count towards the limit of processes


class Backend(Protocol):
    """A way to isolate programs. The server enters the isolation once. Then it forks a process for each program."""

    name: str
    detail: str

    @property
    def folder(self) -> str | None:
        """The temporary folder that the client removes after the server's end, or None."""

    def enter(self) -> None:
        """Isolate the server before it runs programs. Raises OSError if the machine does not allow this isolation."""

    def confine(self, limits: ResourceLimits) -> None:
        """Give the program's process an empty working folder and drop its privileges, before the program starts."""

    def clean_up(self) -> None:
        """Remove remaining processes and files after the program's end. The server calls this method."""


class NamespaceBackend:
    """Isolation by the kernel. A program sees only Python's library, its working folder and its own process."""

    name = "namespaces"
    folder = None

    def __init__(self) -> None:
        self._filters = has_filter()
        self.detail = (
            "user, mount, process, network and IPC namespaces, no capabilities, resource limits, "
            f"{'a seccomp filter, ' * self._filters}audit hooks"
        )

    def enter(self) -> None:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)  # the private root has no /proc
        if os.geteuid() == 0:  # enter the private root first, because `nobody` may have no access to Python's files
            unshare(NEW_MOUNTS, "mount namespace")
            enter_private_root()
            enter_user_namespace(proc)
        else:  # an ordinary user may mount folders only inside a user namespace
            enter_user_namespace(proc)
            enter_private_root()
        os.close(proc)
        server = os.fork()
        if server:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]) & 0xFF)
        die_with_parent()
        self._require_first_process()

    def confine(self, limits: ResourceLimits) -> None:
        mount_working_folder(limits.file_bytes)
        most = _SERVER_PROCESSES + limits.threads
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        drop_privileges()
        if self._filters:
            install_filter()

    def clean_up(self) -> None:
        """Kill all processes in the namespace except this process. Then the kernel removes the program's folder."""
        self._require_first_process()
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()

    def _require_first_process(self) -> None:
        """Raise OSError outside a process namespace, where `os.kill(-1)` would kill all processes of the user."""
        if os.getpid() != 1:
            raise OSError("the server is not the first process of a new namespace")


class AuditHookBackend:
    """Isolation by audit hooks and limits, which do not stop hostile programs. `filters`: whether to use seccomp."""

    name = "hooks"
    folder: str

    def __init__(self, filters: bool) -> None:
        self._filters, self._runs = filters, 0
        self.detail = f"only audit hooks, resource limits{' and a seccomp filter' * filters}: no security boundary"

    def enter(self) -> None:
        import shutil  # imported here, so that the namespace backend does not load `shutil`

        self.folder, self._remove = new_folder(), shutil.rmtree

    def confine(self, limits: ResourceLimits) -> None:
        folder = os.path.join(self.folder, str(self._runs))  # a new folder, because the last clean_up may have failed
        os.mkdir(folder)
        os.chdir(folder)
        die_with_parent()
        drop_privileges()
        if self._filters:
            install_filter()
        else:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # no new processes or threads, except for root

    def clean_up(self) -> None:
        self._runs += 1
        for name in os.listdir(self.folder):
            self._remove(os.path.join(self.folder, name), ignore_errors=True)


def backends(wanted: str) -> Sequence[Backend]:
    """Return the backends to try, from strongest to weakest. `wanted`: 'namespaces', 'hooks', or 'auto' for both."""
    hooks = [AuditHookBackend(True), AuditHookBackend(False)] if wanted != "namespaces" else []
    return hooks if wanted == "hooks" else [NamespaceBackend(), *hooks]
