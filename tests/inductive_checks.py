"""Checks of the inductive form against CPython, and of single steps against whole runs."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import restore_machine
from scratchpad.programs.inductive.state_writer import write_state
from scratchpad.programs.inductive.unsupported import Unsupported

INSIDE_A_LINE = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"}


class CPythonRun:
    """A run by CPython: its lines with function and variables, its last globals, its output and its error."""

    def __init__(self, text: str) -> None:
        self.lines: list[tuple[int, str, list[str]]] = []
        self.error: str | None = None
        self.names: dict[str, Any] = {"__name__": "__main__"}
        code: CodeType = compile(text, "<traced>", "exec", dont_inherit=True)
        before, printed = sys.gettrace(), io.StringIO()
        with contextlib.redirect_stdout(printed):
            sys.settrace(self._call)
            try:
                exec(code, self.names)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
            finally:
                sys.settrace(before)
        self.printed = printed.getvalue()

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        is_traced = frame.f_code.co_filename == "<traced>" and frame.f_code.co_name not in INSIDE_A_LINE
        return self._line if is_traced else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            # Python 3.12 loses a comprehension's variables if f_locals is read in the module
            held = self.names if frame.f_code.co_name == "<module>" else frame.f_locals
            names = sorted(name for name in held if not name.startswith("__"))
            self.lines.append((frame.f_lineno, frame.f_code.co_name, names))
        return self._line


def run(text: str) -> tuple[list[dict[str, Any]], str | None, Machine]:
    """Run a program by one machine. Return all states, the error, and the machine."""
    machine = Machine(CompiledProgram(text))
    found: list[dict[str, Any]] = []
    try:
        while machine.advance():
            found.append(through_json(write_state(machine)))
    except Exception as error:
        if isinstance(error, Unsupported):
            raise
        return found, f"{type(error).__name__}: {error}", machine
    return found, None, machine


def first_state(program: CompiledProgram) -> dict[str, Any] | None:
    """Return the state before the first line: the base case. None for a program without lines."""
    return _advance(Machine(program))


def next_state(program: CompiledProgram, state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state after the next line, None if the program ends: the induction step."""
    return _advance(restore_machine(program, state))


def states(program: CompiledProgram) -> Iterator[dict[str, Any]]:
    """Yield all states of a run, each made from the one before."""
    state = first_state(program)
    while state is not None:
        yield state
        state = next_state(program, state)


def _advance(machine: Machine) -> dict[str, Any] | None:
    return write_state(machine) if machine.advance() else None


def through_json(state: Any) -> Any:
    """Return a state as a file gives it back."""
    return json.loads(json.dumps(state))


def has_more_lines(text: str) -> bool:
    """Whether CPython has more line events than the inductive form: from 3.12 on for comprehensions, `and` and `or`."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.BoolOp)
    return sys.version_info >= (3, 12) and any(isinstance(node, kinds) for node in ast.walk(ast.parse(text)))


def check_against_cpython(text: str) -> None:
    """Check that the machine runs the same lines as CPython, with the same variables, output and error."""
    found, error, machine = run(text)
    expected = CPythonRun(text)
    tops = [state["frames"][-1] for state in found]
    lines = [(top["line"], top["in"].partition("@")[0], sorted(top["locals"])) for top in tops]
    assert lines == expected.lines
    assert error == expected.error
    assert machine.printed.getvalue() == expected.printed
    if error is None:
        assert repr(machine.globals.get("output")) == repr(expected.names.get("output"))


def check_induction(text: str) -> None:
    """Check that each state and the program give the next state, and the last state the same end."""
    found, error, _ = run(text)
    program = CompiledProgram(text)
    following: list[Any] = [*found[1:], None]
    assert through_json(first_state(program)) == found[0]
    for place, state in enumerate(found):
        assert through_json(write_state(restore_machine(program, state))) == state
        if place == len(found) - 1 and error:
            kind, _, message = error.partition(": ")
            with pytest.raises(getattr(builtins, kind), match=re.escape(message)):
                next_state(program, state)
        else:
            assert through_json(next_state(program, state)) == following[place]
