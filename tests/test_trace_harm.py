"""Harmful programs: each ends with a clear status, changes nothing outside, and the next program runs normally."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from traces import started

from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.programs import MIB, Isolation, ResourceLimits, Runner, Trace
from scratchpad.programs.sandbox.audit_hook import AuditHook

STEPS = ResourceLimits(seconds=60, steps=1009)
WIDE = ResourceLimits(seconds=60, memory_bytes=128 * MIB)


@pytest.fixture(scope="module", params=["namespaces", "hooks"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    isolation: Isolation = request.param
    with started(isolation) as made:
        yield made


def ended(runner: Runner, program: str, limits: ResourceLimits | None = None) -> tuple[str, str | None]:
    """Return a program's status and error. Then check that the same server runs another program normally."""
    trace = runner.run(program, limits=limits)
    check_server(runner)
    return trace.status, trace.error


def check_server(runner: Runner) -> None:
    source = "import os, threading\noutput = os.listdir(), dict(os.environ), threading.active_count(), [*map(str, [1])]"
    after = runner.run(source)
    assert (after.status, after.output, after.stdout, after.stderr) == ("done", [[], {}, 1, ["1"]], "", "")


ENDLESS = {
    "a loop": "while True: pass",
    "a line": "sum(iter(int, 1))",
    "asleep": "import time\ntime.sleep(10_000)",
    "deaf": """\
import signal
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
sum(iter(int, 1))""",
    "stopped": "import signal\nsignal.raise_signal(signal.SIGSTOP)",
    "a pattern": "import re\nre.match('(a+)+b', 'a' * 1009)",
    "never raising": "while True:\n    try: sum(iter(int, 1))\n    except BaseException: pass",
}


@pytest.mark.parametrize("program", ENDLESS.values(), ids=ENDLESS)
def test_endless_programs_reach_the_time_limit(runner: Runner, program: str) -> None:
    limits = ResourceLimits(seconds=0.1, steps=1 << 30, trace_bytes=1 << 30)
    assert ended(runner, program, limits) == ("time", None)


def test_an_endless_loop_reaches_the_step_limit(runner: Runner) -> None:
    trace = runner.run("x = 0\nwhile True:\n    x += 1", limits=STEPS)
    assert (trace.status, len(trace.steps)) == ("steps", 1009)
    assert (
        runner.run("x = ''\nwhile True: x += 'a' * 1009", limits=ResourceLimits(seconds=60, trace_bytes=10_007)).status
        == "trace"
    )
    check_server(runner)


FORKS = {
    "os.fork": "import os\nwhile True: os.fork()",
    "os.forkpty": "import os\nos.forkpty()",
    "os.system": "import os\nos.system('sleep 10000 &')",
    "os.posix_spawn": "import os\nos.posix_spawn('/bin/true', ['true'], {})",
    "os.exec": "import os\nos.execv('/bin/true', ['true'])",
    "subprocess.Popen": "import subprocess\nsubprocess.run(['true'])",
    "os.fork ": "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()",
}


@pytest.mark.parametrize("event", FORKS)
def test_fork_bombs_and_other_processes_are_refused(runner: Runner, event: str) -> None:
    error = f"PermissionError: {event.strip()} is not allowed in the sandbox"
    assert ended(runner, FORKS[event]) == ("exception", error)


MEMORY = {
    "one piece": "x = bytearray(1 << 40)",
    "many pieces": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "objects": "x = list(iter(object, 1))",
    "integers": "x = 1 << (1 << 40)",
    "text": "x = 'a' * (1 << 40)",
    "no way out": """\
import itertools
x = []
try:
    x.extend(map(bytearray, itertools.repeat(4096)))
finally:
    y = bytearray(1 << 20)""",
}


@pytest.mark.parametrize("program", MEMORY.values(), ids=MEMORY)
def test_memory_bombs_end(runner: Runner, program: str) -> None:
    status, error = ended(runner, program, WIDE)
    assert (status, error) in (("memory", "MemoryError"), ("exception", "OverflowError: too many digits in integer"))


RECURSION = "def f(n):\n    global deepest\n    deepest = n\n    f(n + 1)\ntry:\n    f(1)\n"


def test_deep_recursion_raises_recursion_error(runner: Runner) -> None:
    """At the depth of a plain interpreter: 1000 frames, including the module's."""
    trace = runner.run(f"{RECURSION}except RecursionError as error:\n    output = deepest, str(error)")
    assert (trace.status, trace.output) == ("done", [999, "maximum recursion depth exceeded"])
    assert trace.steps[-1].line == 8  # the lines after the error are traced again
    assert ended(runner, "def f(): f()\nf()") == ("exception", "RecursionError: maximum recursion depth exceeded")


def test_programs_set_their_own_recursion_limit(runner: Runner) -> None:
    def deepest(limit: int) -> Trace:
        return runner.run(
            f"import sys\nsys.setrecursionlimit({limit})\n{RECURSION}except RecursionError:\n    output = deepest"
        )

    assert [deepest(limit).output for limit in (103, 2003)] == [102, 2002]


DEEP = {
    "calls": ("def f(): f()\nf()", ("memory", "signal")),
    "values": ("x = []\nfor _ in range(100_003): x = [x]\nrepr(x)", ("exception", "signal")),
}


@pytest.mark.parametrize(("inner", "statuses"), DEEP.values(), ids=DEEP)
def test_unlimited_recursion_stays_in_its_process(runner: Runner, inner: str, statuses: tuple[str, str]) -> None:
    """The code has another file name, so that none of its lines is traced."""
    source = f"import sys\nsys.setrecursionlimit(1 << 30)\nexec(compile({inner!r}, 'other.py', 'exec'))"
    assert ended(runner, source, WIDE)[0] in statuses


ENDS = {
    "import sys\nsys.exit(3)": ("exit", "SystemExit: 3"),
    "exit()": ("exit", "SystemExit: None"),
    "raise SystemExit('so long')": ("exit", "SystemExit: so long"),
    "import os\nos._exit(5)": ("exit", "the process ended by itself, with exit status 5"),
    "import os\nos.abort()": ("signal", "SIGABRT"),
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)": ("signal", "SIGKILL"),
    "import signal\nsignal.raise_signal(signal.SIGSEGV)": ("signal", "SIGSEGV"),
    "import signal\nsignal.raise_signal(signal.SIGTERM)": ("signal", "SIGTERM"),
    "import signal\nsignal.raise_signal(signal.SIGINT)": ("exception", "KeyboardInterrupt"),
    "raise KeyboardInterrupt": ("exception", "KeyboardInterrupt"),
    "class E(BaseException): pass\nraise E(3)": ("exception", "E: 3"),
    "input()": ("exception", "EOFError: EOF when reading a line"),
    "import os\nos.closerange(0, 1009)\nx = 1": ("done", None),
    "import atexit\natexit.register(print, 'late')": ("done", None),
}


@pytest.mark.parametrize("program", ENDS)
def test_programs_that_end_themselves(runner: Runner, program: str) -> None:
    assert ended(runner, program) == ENDS[program]


def test_signal_handlers_of_the_program_run(runner: Runner) -> None:
    source = """\
import signal
seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not seen: pass
output = seen"""
    limits = ResourceLimits(seconds=60, steps=1 << 30, trace_bytes=1 << 30)
    assert runner.run(source, limits=limits).output == [1]
    raised = source.replace("seen.append(1)", "1 / 0")
    assert ended(runner, raised, limits) == ("exception", "ZeroDivisionError: division by zero")


def test_threads_run_and_end_with_the_program(runner: Runner) -> None:
    done = "import threading\noutput = []\nt = threading.Thread(target=output.append, args=(3,))\nt.start()\nt.join()"
    assert runner.run(done).output == [3]
    endless = "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()\nx = 1"
    assert ended(runner, endless) == ("done", None)


def test_too_many_threads_are_refused(runner: Runner) -> None:
    source = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(10_000,)).start()"
    status, error = ended(runner, source, WIDE)
    assert (status, error) in (("exception", "RuntimeError: can't start new thread"), ("memory", "MemoryError"))


FLOODS = {
    "print": "while True: print('x' * 1009)",
    "stderr": "import sys\nwhile True: print('x' * 1009, file=sys.stderr)",
    "descriptor": "import os\nwhile True: os.write(1, b'x' * 1009)",
    "one piece": "print('x' * 10_000_019)",
    "thread": """\
import threading
def f():
    while True: print('x' * 1009, flush=True)
t = threading.Thread(target=f)
t.start()
t.join()""",
}


@pytest.mark.parametrize("program", FLOODS.values(), ids=FLOODS)
def test_output_floods_reach_the_output_limit(runner: Runner, program: str) -> None:
    trace = runner.run(
        program, limits=ResourceLimits(seconds=60, output_bytes=10_007, steps=1 << 30, trace_bytes=1 << 30)
    )
    assert trace.status == "output"
    assert len(trace.stdout + trace.stderr) <= 2 * 10_007
    check_server(runner)


DELETING = {
    "remove": "import os\nos.remove({path!r})",
    "bytes": "import os\nos.remove({path!r}.encode())",
    "Path": "import pathlib\npathlib.Path({path!r}).unlink()",
    "own path": "import os\nclass P:\n    def __fspath__(self): return {path!r}\nos.remove(P())",
    "upwards": "import os\nos.remove('../' * 20 + {path!r})",
    "around": "import os\nos.remove(os.getcwd() + '/..' * 20 + {path!r})",
    "a link": "import os\nos.symlink({path!r}, 'link')\nopen('link', 'w')",
    "open": "open({path!r}, 'w')",
    "append": "open({path!r}, 'a').write('x')",
    "os.open": "import os\nos.open({path!r}, os.O_WRONLY | os.O_TRUNC)",
    "truncate": "import os\nos.truncate({path!r}, 0)",
    "rename": "import os\nos.rename({path!r}, 'mine')",
    "replace": "import os\nopen('mine', 'w').close()\nos.replace('mine', {path!r})",
    "chmod": "import os\nos.chmod({path!r}, 0)",
    "rmtree": "import os, shutil\nshutil.rmtree(os.path.dirname({path!r}))",
    "folder": "import os\nos.remove('victim.txt', dir_fd=os.open(os.path.dirname({path!r}), os.O_RDONLY))",
    "chdir": "import os\nos.chdir(os.path.dirname({path!r}))\nos.remove('victim.txt')",
    "read": "open({path!r}).read()",
}


@pytest.mark.parametrize("how", DELETING)
def test_files_outside_the_folder_stay_unchanged(runner: Runner, how: str, tmp_path: Path) -> None:
    path = tmp_path / "victim.txt"
    path.write_text("dear")
    before = path.stat()
    status, error = ended(runner, DELETING[how].format(path=str(path)))
    assert status == "exception"
    assert error
    assert error.startswith(("PermissionError", "OSError", "FileNotFoundError"))
    assert path.read_text() == "dear"
    assert (path.stat().st_mode, path.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_programs_see_only_the_standard_library(runner: Runner) -> None:
    assert ended(runner, "import scratchpad") == ("exception", "ModuleNotFoundError: No module named 'scratchpad'")
    assert ended(runner, "import numpy") == ("exception", "ModuleNotFoundError: No module named 'numpy'")
    status, error = ended(runner, f"open({__file__!r})")
    assert status == "exception"
    assert str(error).startswith("PermissionError")


def test_programs_write_in_their_working_folder(runner: Runner) -> None:
    source = "import os\nos.mkdir('c')\nopen('a', 'w').write('b')\nos.rename('a', 'c/d')\noutput = open('c/d').read()"
    assert runner.run(source).output == "b"
    assert ended(runner, f"{source}\nos.chmod('c', 0)") == ("done", None)


def test_files_have_limits(runner: Runner) -> None:
    limits = ResourceLimits(seconds=60, file_bytes=65_536, open_files=13)
    large = runner.run("with open('a', 'wb') as f:\n    while True: f.write(bytes(4096))", limits=limits)
    assert large.status == "exception"
    assert large.error in [f"OSError: [Errno {number}] {os.strerror(number)}" for number in (errno.EFBIG, errno.ENOSPC)]
    many = runner.run("files = [open('a', 'w')]\nwhile True: files.append(open('a'))", limits=limits)
    assert many.error == f"OSError: [Errno {errno.EMFILE}] {os.strerror(errno.EMFILE)}: 'a'"
    written = runner.run("for n in range(1009): open(str(n), 'w').close()")
    assert written.status == "exception"
    made = runner.run("import os\nfor n in range(1009): os.mkdir(str(n))")
    assert made.status == "exception"
    assert made.state["n"] == (256 if runner.isolation == "hooks" else 255)  # the folder itself counts, too
    check_server(runner)


PARENT = {
    "kill": "import os\nos.kill(os.getppid(), 9)",
    "every process": "import os\nos.kill(-1, 9)",
    "group": "import os\nos.killpg(0, 9)",
    "limits": "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "memory": "open('/proc/1/mem', 'wb')",
    "network": "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "library": "import ctypes\nctypes.CDLL(None)",
    "frames": "import sys\nsys._current_frames()",
    "objects": "import gc\ngc.get_objects()",
}


@pytest.mark.parametrize("program", PARENT.values(), ids=PARENT)
def test_programs_cannot_reach_the_parent_and_the_tracer(runner: Runner, program: str) -> None:
    status, error = ended(runner, program)
    assert status == "exception"
    assert error
    assert error.startswith("PermissionError: ")


def test_a_removed_tracer_is_reported(runner: Runner) -> None:
    frame = "_getframe().f_trace"
    for change in ("settrace(None)", "settrace(lambda *_: None)", f"{frame} = None", f"{frame}_lines = False"):
        assert ended(runner, f"import sys\nsys.{change}\nx = 1") == ("lost", None)


def test_programs_cannot_add_audit_hooks(runner: Runner) -> None:
    assert runner.run("import sys\nsys.addaudithook(print)\nopen('a', 'w')").stdout == ""


def test_the_hook_alone_refuses_signals_to_other_processes() -> None:
    """With the seccomp filter, the kernel would also refuse them."""
    check = AuditHook().check
    check("os.kill", (os.getpid(), 9))
    with pytest.raises(PermissionError, match=r"os.kill of another process"):
        check("os.kill", (os.getppid(), 9))


def test_changed_modules_do_not_affect_the_sandbox(runner: Runner) -> None:
    source = """\
import builtins, json, os, sys, types
json.dumps = json.loads = os._exit = os.write = None
sys.getrecursionlimit = sys.gettrace = sys.settrace = sys.setprofile = None
for name in ("len", "str", "isinstance", "issubclass", "type", "dict", "list"):
    setattr(builtins, name, None)
output = 3"""
    trace = runner.run(source)
    assert (trace.status, trace.output) == ("done", 3)
    check_server(runner)


def test_a_killed_server_is_reported_and_replaced() -> None:
    with started() as runner:
        client = runner._client
        assert client is not None
        os.killpg(client._process.pid, signal.SIGKILL)
        with pytest.raises(RunFailure, match="the server that runs programs has ended"):
            runner.run("output = 3")
        assert runner.run("output = 5").output == 5
        runner.close()
        assert runner.run("output = 7").output == 7


def test_an_unknown_isolation_is_refused() -> None:
    with pytest.raises(ScratchpadError, match="auto, namespaces or hooks"):
        Runner(isolation="jail")  # type: ignore[arg-type]
