"""The chain of a program's states: its first state, and from each state and the program alone the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import restore_machine
from scratchpad.programs.inductive.state_writer import write_state


def first_state(program: CompiledProgram) -> dict[str, Any] | None:
    """The state before the first line; None for a program without one."""
    return _next(Machine(program))


def next_state(program: CompiledProgram, state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state before the next line; None when the program ends: the induction step.

    The result depends on the program and the state only. Raises the exception of a line that the program does not
    catch, Unsupported where the program leaves the subset, and ScratchpadError for a state that does not belong to
    the program. The line runs in this process; use `Runner.resume` for untrusted programs.
    """
    return _next(restore_machine(program, state))


def _next(machine: Machine) -> dict[str, Any] | None:
    return write_state(machine) if machine.advance() else None


def states(program: CompiledProgram) -> Iterator[dict[str, Any]]:
    """All states of a run, each from the one before."""
    state = first_state(program)
    while state is not None:
        yield state
        state = next_state(program, state)
