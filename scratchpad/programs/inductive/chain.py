"""The chain of a program's states: the first state, and the next state of each, from the program and that state alone.

A state is taken before each line that runs. It determines the rest of the run, since nothing else remains when the
machine stops there: `state_writer` writes all globals, frames, blocks and printed text, or raises Unsupported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scratchpad.programs.inductive.compiled_program import CompiledProgram
from scratchpad.programs.inductive.machine import Machine
from scratchpad.programs.inductive.state_reader import restore_machine
from scratchpad.programs.inductive.state_writer import write_state


def first_state(program: CompiledProgram) -> dict[str, Any] | None:
    """Return the state before the first line: the base case. None for a program without lines."""
    return _advance(Machine(program))


def next_state(program: CompiledProgram, state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state after the line that a state is before, None if the program ends: the induction step.

    The result depends on the program and the state only. Raises an exception that the program does not catch,
    Unsupported where the program leaves the subset, and ScratchpadError for a state that is not one of the program.
    The line runs in this process; use `Runner.resume` for untrusted programs.
    """
    return _advance(restore_machine(program, state))


def states(program: CompiledProgram) -> Iterator[dict[str, Any]]:
    """Yield all states of a run, each made from the one before."""
    state = first_state(program)
    while state is not None:
        yield state
        state = next_state(program, state)


def _advance(machine: Machine) -> dict[str, Any] | None:
    return write_state(machine) if machine.advance() else None
