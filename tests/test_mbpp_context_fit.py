"""`benchmarks.mbpp_context_fit`: which tasks fit, for three tasks counted by hand."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from program_data import CLASS, DOUBLE, ENDLESS, mbpp_line, write
from traces import started

from scratchpad.programs import trace_text

FIT = runpy.run_path(str(ROOT / "benchmarks" / "mbpp_context_fit.py"))

CHARACTERS = 2132  # of 1024 tokens: a little more than two for each


def thrice(number: int, code: str, *calls: str) -> dict[str, object]:
    return mbpp_line(number, code, *(f"assert {call} == 0" for call in calls))


def test_a_task_fits_if_all_its_runs_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `double` one run has a long argument, so that its trace fits 1024 tokens and its inductive states, which hold
    it twice at most, 512. Two runs of the second task have no trace; a class has no inductive form, but it has a trace.
    """
    long = f"double('{'x' * 150}')"
    tasks = [
        thrice(11, DOUBLE, "double(1)", long, "double(2)"),
        thrice(12, ENDLESS.replace("True", "n"), "wait(0)", "wait(1)", "wait(2)"),
        thrice(601, CLASS, "two(1)", "two(2)", "two(3)"),
        thrice(602, DOUBLE, "double(1)", "double(2)", "double(3)"),
    ]
    monkeypatch.setattr(sys, "argv", ["fit", "--path", write(tmp_path / "mbpp.jsonl", tasks)])
    with started() as runner:
        length = len(trace_text(runner.run(DOUBLE, long)))
    assert CHARACTERS / 2 < length < CHARACTERS
    FIT["main"]()
    out = capsys.readouterr().out
    two, three = "50.0 % (2), test 0 % (0)", "75.0 % (3), test 50.0 % (1)"
    assert f"| direct, question and answer | {three} | {three} | {three} |\n" in out
    assert f"| scratchpad, the trace | {two} | {three} | {three} |\n" in out
    assert f"| inductive, question and two states | {two.replace('test 0 % (0)', 'test 50.0 % (1)')} |" in out
    assert "4 tasks, 2 of them to test on" in out
    assert "2 by CPython: steps: the program ran more lines than allowed" in out
    assert "3 inductive: refused: class" in out


def test_a_trace_of_more_lines_fits_nowhere() -> None:
    """Even the shortest possible lines: a run that is stopped could not have fitted."""
    lines = FIT["MAX_TRACED_LINES"] + 1
    with started() as runner:
        trace = runner.run("0\n" * lines)
    assert len(trace.steps) == lines
    assert len(trace_text(trace)) > 2 * CHARACTERS
    assert len(trace_text(trace.changes())) > 2 * CHARACTERS
