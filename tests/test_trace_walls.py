"""The kernel's walls alone: what a program cannot do even if it has passed the audit hook.

Probes run in processes that are confined like a program's but have no hook.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from traces import started

from scratchpad.programs.sandbox import namespaces as namespaces_module
from scratchpad.programs.sandbox import server
from scratchpad.programs.sandbox.backends import backends
from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.namespaces import fix_addresses
from scratchpad.programs.sandbox.runner import Isolation
from scratchpad.programs.sandbox.seccomp import has_filter

ROOT = Path(__file__).parent.parent
CONFINED = """\
import ctypes, json, os, resource, signal, socket, sys, threading
sys.path.insert(0, {root!r})
from scratchpad.programs.sandbox.limits import ResourceLimits
from scratchpad.programs.sandbox.backends import backends
del sys.path[0]
backend = backends({isolation!r})[0]
backend.enter()
server = os.getpid()
reader, writer = os.pipe()
child = os.fork()
if child:
    os.close(writer)
    found = os.fdopen(reader).read()
    print(found or os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.exit()
backend.confine(ResourceLimits())
libc = ctypes.CDLL(None, use_errno=True)
calls = []
def refusal(call):
    try:
        result = call()
    except OSError as error:
        return error.errno
    return 0 if result != -1 else ctypes.get_errno()
os.write(writer, json.dumps({probes}).encode())
os._exit(0)
"""


def probed(isolation: str, *probes: str) -> Any:
    """Return the values of the probes, evaluated in a process that is confined like a program's."""
    program = CONFINED.format(root=str(ROOT), isolation=isolation, probes=f"[{', '.join(probes)}]")
    command = [sys.executable, "-S", "-P", "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, env={}, check=False, cwd="/")
    if ran.returncode != 0:
        reason = ran.stderr.splitlines()[-1]
        assert reason.startswith(("OSError", "PermissionError")), ran.stderr
        pytest.skip(f"this machine does not allow {isolation}: {reason}")
    return json.loads(ran.stdout)


def error_numbers(isolation: str, *calls: str) -> list[int]:
    """Return the error number of each call, 0 if it succeeds."""
    return probed(isolation, *(f"refusal(lambda: {call})" for call in calls))


needs_filter = pytest.mark.skipif(not has_filter(), reason="there is no seccomp filter for this machine")


@needs_filter
@pytest.mark.parametrize("isolation", ["namespaces", "hooks"])
def test_refused_system_calls(isolation: str) -> None:
    calls = [
        "os.fork()", "os.execv('/bin/true', ['true'])", "socket.socket()", "socket.socket(socket.AF_UNIX)",
        "os.kill(server, 0)", "os.kill(-1, 0)", "os.kill(0, 0)", "signal.pidfd_send_signal(0, 9)",
        "os.memfd_create('x')", "os.setpriority(os.PRIO_USER, 0, 5)", "os.sched_setaffinity(server, {0})",
        "resource.prlimit(server, resource.RLIMIT_CPU, (1, 1))", "os.mkfifo('x')", "libc.unshare(0x10000000)",
        "libc.ptrace(16, server, 0, 0)", "libc.shmget(0, 4096, 0o1600)", "libc.mount(b'a', b'/', b'tmpfs', 0, None)",
        "libc.syscall(435, 0, 0)",
    ]  # fmt: skip
    assert error_numbers(isolation, *calls) == [errno.EPERM] * (len(calls) - 1) + [errno.ENOSYS]


@needs_filter
@pytest.mark.parametrize("isolation", ["namespaces", "hooks"])
def test_allowed_system_calls(isolation: str) -> None:
    calls = ["os.kill(os.getpid(), 0)", "open('x', 'w').close()", "resource.getrlimit(resource.RLIMIT_AS) and None"]
    assert error_numbers(isolation, *calls) == [0] * len(calls)
    thread = "[(t.start(), t.join()) for t in [threading.Thread(target=calls.append, args=(3,))]] and None"
    assert probed(isolation, thread, "calls") == [None, [3]]


def test_namespaces_hide_the_machine(tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("dear")
    hidden = [str(victim), str(ROOT / "README.md"), "/etc", "/proc", "/sys", "/bin"]
    found = probed(
        "namespaces",
        f"list(map(os.path.exists, {hidden}))",
        "sorted(os.listdir('/dev'))",
        "[os.getcwd(), os.listdir('.')]",
        "[server, os.getpid()]",
    )
    assert found[0] == [False] * 6
    assert found[1] == ["full", "null", "random", "urandom", "zero"]
    assert found[2] == ["/program", []]
    assert found[3] == [1, 2]
    assert victim.read_text() == "dear"


def test_namespaces_allow_writing_only_in_the_working_folder() -> None:
    library = str(Path(os.__file__))
    calls = [
        "open('/x', 'w')", f"open({library!r}, 'a')", f"os.remove({library!r})", "os.mkdir('/tmp2')",
        "open('/usr/lib/x', 'w')", "os.chroot('/')", "open('y', 'wb').write(bytes(2 << 20))",
        "[open(str(n), 'w').close() for n in range(257)]",
    ]  # fmt: skip
    found = error_numbers("namespaces", *calls)
    assert found[-2:] == [errno.ENOSPC, errno.ENOSPC]
    assert set(found[:-2]) <= {errno.EROFS, errno.EPERM, errno.EACCES, errno.ENOENT}
    mounts = ", ".join(f"os.statvfs({path!r}).f_flag & os.ST_RDONLY" for path in ("/", library, "."))
    assert probed("namespaces", mounts) == [os.ST_RDONLY, os.ST_RDONLY, 0]


@pytest.mark.parametrize("isolation", ["namespaces", "hooks"])
def test_programs_have_no_capabilities_and_gain_none(isolation: str) -> None:
    """`capget` gives three empty sets of capabilities; 39 is PR_GET_NO_NEW_PRIVS."""
    header = "(0x20080522).to_bytes(4, 'little') + bytes(4)"
    asked = f"[held := ctypes.create_string_buffer(b'x' * 24, 24), libc.capget({header}, held), list(held.raw)][1:]"
    assert probed(isolation, asked, "libc.prctl(39, 0, 0, 0, 0)") == [[0, [0] * 24], 1]


def test_the_strongest_backend_is_tried_first() -> None:
    assert [backend.name for backend in backends("auto")] == ["namespaces", "hooks", "hooks"]
    assert [backend.name for backend in backends("namespaces")] == ["namespaces"]
    details = [backend.detail for backend in backends("hooks")]
    assert "filter" in details[0]
    assert "filter" not in details[1]
    assert all("no security boundary" in detail for detail in details)


def test_files_on_disk_are_private_and_removed() -> None:
    """They are removed after each program, by the runner at its end, and by the server itself if the runner is gone."""
    runner = started("hooks")
    client = runner._client
    assert client is not None
    folder = Path(str(client._folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    trace = runner.run("import os\nos.mkdir('deep')\nopen('deep/file', 'w').write('x')")
    assert (trace.status, list(folder.iterdir())) == ("done", [])
    client._requests.close()
    client._process.wait(60)
    assert not folder.exists()
    runner.close()
    with started("hooks") as another:
        folder = Path(str(another._client and another._client._folder))
        assert folder.is_dir()
    assert not folder.exists()


def test_a_refused_backend_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden:
        name, detail, folder = "forbidden", "", str(tmp_path / "programs")

        def enter(self) -> None:
            Path(self.folder).mkdir()

        def confine(self, limits: ResourceLimits) -> None: ...

        def clean_up(self) -> None: ...

    def refused(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(server, "run_program", refused)
    assert server._try(Forbidden()) == "not permitted"
    assert not any(tmp_path.iterdir())


ADDRESSES = """\
class A:
    def __init__(self, n):
        self.n = n
output = [a.n for a in {A(n) for n in range(13)}], id(A)"""


@pytest.mark.parametrize("isolation", ["namespaces", "hooks"])
def test_addresses_are_the_same_in_every_run(isolation: Isolation) -> None:
    """So is the order of a set of objects. By chance, 13 objects have the same order once in 13! times."""
    command = "import ctypes; print(ctypes.CDLL(None).personality(0x40000))"
    if subprocess.run([sys.executable, "-c", command], capture_output=True, check=True).stdout == b"-1\n":
        pytest.skip("this machine does not allow fixed addresses")

    def outputs() -> list[Any]:
        with started(isolation) as runner:
            return [runner.run(ADDRESSES).output for _ in range(3)]

    assert outputs() == outputs()


def test_an_interpreter_restarts_at_most_once_to_fix_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not restart if the machine refuses, nor again if a restart has not fixed the addresses."""
    executed: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: executed.append(arguments))
    for personality, restarts in ((lambda kind: -1, False), (lambda kind: 0x40000, False), (lambda kind: 0, True)):
        monkeypatch.setattr(namespaces_module, "_libc", SimpleNamespace(personality=personality))
        fix_addresses()
        assert bool(executed) is restarts
    _, command, environment = executed.pop()
    assert command == sys.orig_argv
    monkeypatch.setattr(os, "environ", environment)
    fix_addresses()
    assert not executed
