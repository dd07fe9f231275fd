"""Traces: the paper's text byte for byte, what each construct records, and how runs end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traces import CHANGES, FUNCTION, PAPER, read_trace, started

from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.programs import (
    ResourceLimits,
    Runner,
    Trace,
    TraceStep,
    count_statuses,
    program_text,
    read_program,
    same_json,
    trace_text,
    whole_text,
)
from scratchpad.programs.tracing.trace_decoder import decode_trace

needs_comprehension_frames = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from Python 3.12 on comprehensions have no frames of their own"
)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with started() as made:
        yield made


def shown(trace: Trace) -> list[tuple[str, dict[str, Any]]]:
    return [(step.source.strip(), step.state) for step in trace.steps]


def test_the_papers_example_byte_for_byte(runner: Runner) -> None:
    trace = runner.run(FUNCTION, "f(6)")
    assert whole_text(trace) == PAPER
    assert trace_text(trace) == PAPER.partition("[BEGIN]\n\n")[2].removesuffix("\n\n[DONE]")
    assert (trace.status, trace.output, trace.output_text) == ("done", 24, "24")


def test_line_ends_of_other_systems_give_the_same_trace(runner: Runner) -> None:
    assert whole_text(runner.run(FUNCTION.replace("\n", "\r\n"), " f(6) ")) == PAPER


def test_changes_format(runner: Runner) -> None:
    trace = runner.run(FUNCTION, "f(6)")
    assert trace_text(trace.changes()) == CHANGES


def test_changes_compare_states_of_the_same_call(runner: Runner) -> None:
    """A recursive call starts with all of its variables; after the return, the caller shows only its own changes."""
    trace = runner.run("def f(n):\n    m = n\n    if n:\n        f(n - 1)\n        del m\n    n = True\nf(1)").changes()
    assert [step.state for step in trace.steps[2:]] == [
        {"n": 1}, {"m": 1}, {}, {"n": 0}, {"m": 0}, {}, {}, {"m": "<deleted>"},
    ]  # fmt: skip


def test_same_json_distinguishes_one_and_true() -> None:
    assert not same_json(1, True)
    assert not same_json(1, 1.0)
    assert same_json({"a": 1, "b": [2]}, {"b": [2], "a": 1})


# -- constructs


def test_recursion_records_the_current_frame(runner: Runner) -> None:
    trace = runner.run("def f(n):\n    return n and n + f(n - 1)", "f(2)")
    assert [state for _, state in shown(trace)[2:]] == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert [step.frame for step in trace.steps] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("program", ["", "# nothing\n"])
def test_a_program_without_lines_has_no_steps(runner: Runner, program: str) -> None:
    trace = runner.run(program)
    assert (trace.status, trace.steps, trace.state) == ("done", (), {})


def test_generators_resume_in_their_own_frame(runner: Runner) -> None:
    trace = runner.run(
        "def g(n):\n    yield n\n    n += 1\n    yield n\noutput = []\nfor x in g(5):\n    output.append(x)"
    )
    frames = [step.frame for step in trace.steps if step.source.startswith("    ") and "append" not in step.source]
    assert frames == [2, 2, 2]
    assert trace.output == [5, 6]


@needs_comprehension_frames
def test_comprehensions_and_lambdas_have_frames(runner: Runner) -> None:
    trace = runner.run("output = [x * 2 for x in (3, 5)]\nk = (lambda a: a)(7)")
    assert [step.state for step in trace.steps[1:4]] == [
        {".0": "<tuple_iterator object>"},
        {".0": "<tuple_iterator object>", "x": 3},
        {".0": "<tuple_iterator object>", "x": 5},
    ]
    assert trace.steps[-1].state == {"a": 7}


def test_class_bodies_and_instances_are_recorded(runner: Runner) -> None:
    source = "class P:\n    k = 2\n    def __init__(self, x):\n        self.x = x\np = P(3)\nq = p"
    trace = runner.run(source)
    assert ("k = 2", {}) in shown(trace)
    assert ("def __init__(self, x):", {"k": 2}) in shown(trace)
    assert ("self.x = x", {"self": "P()", "x": 3}) in shown(trace)
    assert trace.state == {"P": "<callable_object P>", "p": "P(x=3)", "q": "P(x=3)"}


def test_methods_of_a_custom_class_namespace_are_not_called(runner: Runner) -> None:
    source = """\
class Names(dict):
    def __iter__(self):
        seen.append(self)
        return iter(())
    keys = __iter__
class Meta(type):
    def __prepare__(name, bases): return Names()
    def __new__(kind, name, bases, names): return None
seen = []
class A(metaclass=Meta):
    x = 3
    y = 4
output = seen
"""
    trace = runner.run(source)
    assert ("y = 4", {"x": 3}) in shown(trace)
    assert trace.output == []


def test_both_aliases_show_a_change(runner: Runner) -> None:
    trace = runner.run("a = [1]\nb = a\nb.append(2)\nc = 3")
    assert trace.steps[-1].state == {"a": [1, 2], "b": [1, 2]}


def test_try_and_with(runner: Runner) -> None:
    managed = "    with contextlib.suppress(KeyError):\n        {}[1]\n"
    handled = "except ZeroDivisionError as e:\n    x = 1\nfinally:\n    y = 2"
    trace = runner.run(f"import contextlib\ntry:\n{managed}    1 / 0\n{handled}")
    lines = [step.line for step in trace.steps]
    assert lines == [1, 2, 3, 4, 3, 5, 6, 7, 9]
    assert trace.steps[-2].state == {"contextlib": "<module contextlib>", "e": "ZeroDivisionError('division by zero')"}
    assert trace.state == {"contextlib": "<module contextlib>", "x": 1, "y": 2}


def test_an_uncaught_exception_ends_the_trace(runner: Runner) -> None:
    trace = runner.run("def f(a):\n    return 1 // a", "f(0)")
    assert (trace.status, trace.error) == ("exception", "ZeroDivisionError: integer division or modulo by zero")
    assert trace_text(trace).endswith(
        '\nstate: {"a": 0}\nline:     return 1 // a\nerror: ZeroDivisionError: integer division or modulo by zero'
    )


def test_values_show_no_address_and_sets_are_sorted(runner: Runner) -> None:
    source = "a = {'b', 'c', 'a', 'd'}\nb = object()\nc = lambda: 0\noutput = (a, {1: float('nan')}, b)"
    first, second = runner.run(source), runner.run(source)
    assert first.state == second.state
    assert first.state["output"] == ["{'a', 'b', 'c', 'd'}", {"1": "nan"}, "<object object>"]
    assert first.output_text == "({'a', 'b', 'c', 'd'}, {1: nan}, <object object>)"


def test_threads_show_no_address_and_no_system_number(runner: Runner) -> None:
    source = """\
import threading
class T(threading.Thread):
    def __init__(self):
        super().__init__()
        self.x = 3
class Thread:
    def __init__(self):
        self._ident = 5
threads = threading.Thread(target=len, args=([],)), T()
for t in threads:
    t.start()
    t.join()
output = [*threads, Thread()]
"""
    output = runner.run(source).output
    assert [text.partition("(")[0] for text in output] == ["Thread", "T", "Thread"]
    assert "_name='Thread-1 (len)'" in output[0]
    assert "x=3" in output[1]
    assert not any(name in text for name in ("_ident", "_native_id") for text in output[:2])
    assert output[2] == "Thread(_ident=5)"


def test_random_draws_are_the_same_in_every_run(runner: Runner) -> None:
    source = "import random\noutput = [random.random() for _ in range(3)], hash('a')"
    with started() as another:
        assert runner.run(source).output == another.run(source).output


def test_huge_values_are_cut_and_counted(runner: Runner) -> None:
    trace = runner.run("x = 'a' * 100_003\ny = 1", limits=ResourceLimits(seconds=60, value_characters=101))
    assert trace.state["x"].endswith("<cut: 99902 more characters>")
    assert trace.cuts == 2


def test_printed_text_is_recorded(runner: Runner) -> None:
    trace = runner.run("import sys\nprint('a', 1)\nprint('é', file=sys.stderr)")
    assert (trace.stdout, trace.stderr) == ("a 1\n", "é\n")


def test_a_program_runs_as_main_in_a_clean_environment(runner: Runner) -> None:
    source = "import os, sys\noutput = [__name__, sys.argv, dict(os.environ), os.listdir('.'), list(sys.modules)]"
    *environment, modules = runner.run(source).output
    assert environment == ["__main__", ["program.py"], {}, []]
    assert not {"torch", "pathlib", "scratchpad", "ctypes", "json"} & set(modules)


# -- parsing the text


def test_a_parsed_text_has_the_states_and_lines_of_the_trace(runner: Runner) -> None:
    trace = runner.run(FUNCTION, "f(6)")
    for text in (trace_text(trace), whole_text(trace)):
        read = read_trace(text)
        assert read.states == (*(step.state for step in trace.steps), trace.state)
        assert read.lines == tuple(step.source for step in trace.steps)
        assert (read.states[-1]["output"], read.error) == (24, None)


def test_a_parsed_text_has_the_error_of_the_trace(runner: Runner) -> None:
    read = read_trace(trace_text(runner.run("x = 1\nx / 0")))
    assert (read.error, read.states) == ("ZeroDivisionError: division by zero", ({}, {"x": 1}))


# -- programs and calls


def test_a_call_must_be_one_expression() -> None:
    assert program_text("x = 1\n\n\n", "f(2)") == "x = 1\n\noutput = f(2)"
    assert program_text("x = 1", " f(2, [*y]) # so ") == "x = 1\n\noutput = f(2, [*y]) # so"
    for call in ("", " ", "f(1)\nimport os", "f(1); import os", "f(1)\rx", "y = 1", "f(", "f(\n1)", "f(1\0)", "# f(1)"):
        with pytest.raises(ScratchpadError, match="one expression on one line"):
            program_text("x = 1", call)


def test_programs_are_read_in_the_encoding_that_they_declare(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    path.write_bytes("# coding: latin-1\nx = 'é'\n".encode("latin-1"))
    assert "é" in read_program(path)
    path.write_bytes(b"x = '\xff'")
    with pytest.raises(ScratchpadError, match="encoding"):
        read_program(path)
    with pytest.raises(ScratchpadError, match="No such file"):
        read_program(tmp_path / "none.py")


def test_the_last_record_is_written_without_the_tracer() -> None:
    """The interpreter would call the tracer for each function that writes the record."""
    source = """\
import sys
from scratchpad.programs import MIB, ResourceLimits
from scratchpad.programs.sandbox.child import ProgramExecution
from scratchpad.programs.sandbox.trace_buffer import TraceBuffer
class PrintingBuffer(TraceBuffer):
    def put(self, record, last=False):
        print(record.get("status"), sys.gettrace() is None, sys.getprofile() is None)
        return super().put(record, last)
ProgramExecution({"program": "output = 1"}, ResourceLimits(), PrintingBuffer(MIB)).run()"""
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("None False True\ndone True True\n", "")


# -- the trace of a program's process is not trusted

HEADER: dict[str, Any] = {"reason": None, "exit_code": 0, "seconds": 0.1}
LAST = b'{"status": "done", "error": null, "state": {}, "output_text": null, "cuts": 0}\n'
STARTED = b'{"started":true}\n'


@pytest.mark.parametrize(
    "records",
    [
        b"junk\n" + LAST,
        b"[1]\n" + LAST,
        b'{"line": 1, "frame": 1}\n' + LAST,
        b'{"line": 2, "frame": 1, "state": {}}\n' + LAST,
        b'{"line": true, "frame": 1, "state": {}}\n' + LAST,
        b'{"status": "tampered"}\n',
        b'{"status": "done", "state": []}\n',
        b'{"status": "done", "error": 3}\n',
        LAST + LAST,
        b"[" * 100_003 + b"\n",
        b'{"status": ["done"], "error": null}\n',
        b'{"status": {}}\n',
        b'{"line": 1, "frame": 1, "state": {"a": ' + b"[" * 503 + b"]" * 503 + b"}}\n" + LAST,
        b"\xff\n",
    ],
)
def test_forged_records_are_detected(records: bytes) -> None:
    trace = decode_trace("x = 1", HEADER, STARTED + records, b"", b"")
    assert trace.status == "tampered"
    assert decode_trace("x = 1", HEADER, STARTED + LAST, b"\xff", b"").status == "done"


def test_a_failed_set_up_is_reported_with_its_reason() -> None:
    for header, stderr, why in (
        (HEADER, b"OSError: no", "OSError: no"),
        (HEADER | {"reason": "time"}, b"", "the program took more time than allowed"),
        (HEADER | {"exit_code": 71}, b"", "it ended with exit status 71"),
    ):
        with pytest.raises(RunFailure, match=f"could not be set up: {why}"):
            decode_trace("x = 1", header, b"", b"", stderr)


def test_statuses_are_counted() -> None:
    def trace(status: str, error: str | None = None) -> Trace:
        return Trace("", (TraceStep(1, "", {}, 1),), {}, status, error)

    traces = [trace("done"), trace("refused", "class (line 3)"), trace("refused", "class (line 1)"), trace("done")]
    assert count_statuses(traces) == {"done": 2, "refused: class": 2}


@pytest.mark.parametrize(
    "limits",
    [{"seconds": 0}, {"seconds": float("nan")}, {"steps": 0}, {"steps": 1.5}, {"memory_bytes": 1}, {"threads": True}],
)
def test_limits_out_of_range_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ScratchpadError, match=f"limit {next(iter(limits))}="):
        ResourceLimits(**limits)
