"""The chain of a program's states: its first state, and from each state and the program alone the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scratchpad.programs.inductive.compiled_program import Program
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import machine_in
from scratchpad.programs.inductive.state_writer import write_state


def first_state(program: Program) -> dict[str, Any] | None:
    """The state before the first line; None for a program without one."""
    return _next(Machine(program))


def next_state(program: Program, state: dict[str, Any]) -> dict[str, Any] | None:
    """The induction step: the state after the line that a state stands before; None where the program ends with it.

    Only the program and the state are looked at. Raises what the line raises and the program does not catch; Refused
    where it leaves the subset; ScratchpadError for a state that is none of the program's. The line runs in this very
    process: for programs that are not trusted there is `Runner.resume`.
    """
    return _next(machine_in(program, state))


def _next(machine: Machine) -> dict[str, Any] | None:
    return write_state(machine) if machine.advance() else None


def states(program: Program) -> Iterator[dict[str, Any]]:
    """All states of a run, each from the one before."""
    state = first_state(program)
    while state is not None:
        yield state
        state = next_state(program, state)
