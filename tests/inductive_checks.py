"""How tests hold the inductive form against CPython and against itself."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import re
import sys
from types import CodeType, FrameType
from typing import Any

import pytest

from scratchpad.programs.inductive.chain import first_state, next_state
from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import restore_machine
from scratchpad.programs.inductive.state_writer import write_state
from scratchpad.programs.inductive.unsupported import Unsupported

INSIDE_A_LINE = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"}


class CPythonRun:
    """What CPython does with a program: its lines and where, its last names, what it prints, and its error."""

    def __init__(self, text: str) -> None:
        self.lines: list[tuple[int, str, list[str]]] = []
        self.error: str | None = None
        self.names: dict[str, Any] = {"__name__": "__main__"}
        code: CodeType = compile(text, "<seen>", "exec", dont_inherit=True)
        before, printed = sys.gettrace(), io.StringIO()
        with contextlib.redirect_stdout(printed):
            sys.settrace(self._begin)
            try:
                exec(code, self.names)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
            finally:
                sys.settrace(before)
        self.printed = printed.getvalue()

    def _begin(self, frame: FrameType, event: str, argument: Any) -> Any:
        own = frame.f_code.co_filename == "<seen>" and frame.f_code.co_name not in INSIDE_A_LINE
        return self._line if own else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            # Python 3.12 loses a comprehension's variables where the module's names are asked for as f_locals
            held = self.names if frame.f_code.co_name == "<module>" else frame.f_locals
            names = sorted(name for name in held if not name.startswith("__"))
            self.lines.append((frame.f_lineno, frame.f_code.co_name, names))
        return self._line


def run(text: str) -> tuple[list[dict[str, Any]], str | None, Machine]:
    """All states of a run, one machine from the beginning to the end; its error, and the machine."""
    machine = Machine(CompiledProgram(text))
    found: list[dict[str, Any]] = []
    try:
        while machine.advance():
            found.append(copied(write_state(machine)))
    except Exception as error:
        if isinstance(error, Unsupported):
            raise
        return found, f"{type(error).__name__}: {error}", machine
    return found, None, machine


def copied(state: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(state))


def has_more_lines(text: str) -> bool:
    """Whether CPython has more line events than the inductive form: from 3.12 on for comprehensions, `and` and `or`."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.BoolOp)
    return sys.version_info >= (3, 12) and any(isinstance(node, kinds) for node in ast.walk(ast.parse(text)))


def check_against_cpython(text: str) -> None:
    found, error, machine = run(text)
    seen = CPythonRun(text)
    tops = [state["frames"][-1] for state in found]
    assert [(top["line"], top["in"].partition("@")[0], sorted(top["locals"])) for top in tops] == seen.lines
    assert error == seen.error
    assert machine.printed.getvalue() == seen.printed
    if error is None:
        assert repr(machine.globals.get("output")) == repr(seen.names.get("output"))


def check_induction(text: str) -> None:
    """From each state and the program alone the next one, and the same end."""
    found, error, _ = run(text)
    program = CompiledProgram(text)
    following: list[Any] = [*found[1:], None]
    assert copied(first_state(program)) == found[0]
    for place, state in enumerate(found):
        assert copied(write_state(restore_machine(program, state))) == state
        if place == len(found) - 1 and error:
            kind, _, message = error.partition(": ")
            with pytest.raises(getattr(builtins, kind), match=re.escape(message)):
                next_state(program, state)
        else:
            assert copied(next_state(program, state)) == following[place]
