"""Programs with `async`: asyncio and `types.coroutine` work; the sandbox refuses everything else that it refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from traces import started

from scratchpad.programs import Isolation, Runner
from scratchpad.programs.sandbox.audit_hook import AuditHook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs run only on Linux")


@pytest.fixture(scope="module", params=["namespaces", "hooks"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    isolation: Isolation = request.param
    with started(isolation) as made:
        yield made


LOOP = """\
import asyncio
async def double(n):
    await asyncio.sleep(0)
    return 2 * n
async def both():
    return await asyncio.gather(double(3), double(5))
output = asyncio.run(both())"""

WORKING = {
    "by hand": (
        "async def f():\n  return 3\nc = f()\ntry:\n  c.send(None)\nexcept StopIteration as e:\n  output = e.value",
        3,
    ),
    "a loop": (LOOP, [6, 10]),
    "a mark": ("import types\n@types.coroutine\ndef f():\n  yield 5\noutput = f().send(None)", 5),
    "a mock": ("from unittest.mock import Mock\noutput = Mock(return_value=7)()", 7),
}


@pytest.mark.parametrize("name", WORKING)
def test_async_programs_run(runner: Runner, name: str) -> None:
    program, output = WORKING[name]
    trace = runner.run(program)
    assert (trace.status, trace.error, trace.output) == ("done", None, output)


def test_the_lines_of_a_coroutine_are_traced(runner: Runner) -> None:
    sources = [step.source.strip() for step in runner.run(LOOP).steps]
    assert (sources.count("await asyncio.sleep(0)"), sources.count("return 2 * n")) == (2, 2)


CODE = "code.__new__ is not allowed in the sandbox"
REFUSED = {
    "code": ("def f(): return 5\nf.__code__ = f.__code__.replace(co_consts=())", CODE),
    "code in the library's name": (
        """\
import functools, types
class Code:
    co_flags = 0x20
    replace = staticmethod(functools.partial((lambda: 5).__code__.replace, co_consts=()))
class Function:
    __code__ = Code()
    def __call__(self): pass
types.FunctionType, types.CodeType = Function, Code
types.coroutine(Function())""",
        CODE,
    ),
    "the library's code": (
        """\
import types
def f(g): g.__code__.replace(co_consts=())
types.coroutine.__code__ = f.__code__
types.coroutine(f)""",
        CODE,
    ),
    "network": ("import socket\nsocket.socket()", "socket.__new__ is not allowed in the sandbox"),
    "bind": ("import socket\nsocket.socketpair()[0].bind('x')", "socket.bind is not allowed in the sandbox"),
    "connect": ("import socket\nsocket.socketpair()[0].connect('x')", "socket.connect is not allowed in the sandbox"),
    "process": (
        "import asyncio\nasyncio.run(asyncio.create_subprocess_exec('true'))",
        "subprocess.Popen is not allowed in the sandbox",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_uses_are_refused(runner: Runner, name: str) -> None:
    program, error = REFUSED[name]
    trace = runner.run(program)
    assert (trace.status, trace.error) == ("exception", f"PermissionError: {error}")


def test_the_hook_allows_only_sockets_within_the_process() -> None:
    check = AuditHook().check
    check("socket.__new__", (None, 1, 1, 0))
    for event, arguments in (
        ("socket.__new__", (None, 2, 1, 0)),
        ("socket.connect", (None, "x")),
        ("socket.sendto", (None, "x")),
    ):
        with pytest.raises(PermissionError, match=event):
            check(event, arguments)
