"""The base class that declares the six functions of a task."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream

Symbols = tuple[str, ...]


class Induction:
    """A task: it draws questions, and it computes the answer of a question state by state.

    Questions and states are tuples of symbols without marks. `first` and `step` define the chain of states, which ends
    with the answer. `truth` computes the answer in a different way, so that tests can compare both answers.
    """

    name: ClassVar[str]

    def symbols(self) -> Symbols:
        """Return the symbols of the task in a fixed order, without marks."""
        raise NotImplementedError

    def question(self, rng: Stream, size: int) -> Symbols:
        """Draw a random question of the given size."""
        raise NotImplementedError

    def first(self, question: Symbols) -> Symbols:
        """Return the first state (the base case of the induction)."""
        raise NotImplementedError

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        """Return the state after `state` (the induction step), or None if `state` is the last state.

        Raises ValueError if `state` is not a state of this question.
        """
        raise NotImplementedError

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        """Return the answer from the last state of the chain."""
        raise NotImplementedError

    def truth(self, question: Symbols) -> Symbols:
        """Return the correct answer. The computation must not use `first` or `step`."""
        raise NotImplementedError

    def states(self, question: Symbols) -> Iterator[Symbols]:
        """Yield the states of the chain in order. A task may override this method with a faster computation."""
        state: Symbols | None = self.first(question)
        while state is not None:
            yield state
            state = self.step(question, state)

    def chain(self, question: Symbols, limit: int = 1_000_000) -> list[Symbols]:
        """Return all states of the chain. Raises ScratchpadError if the chain has more than `limit` states."""
        states = list(islice(self.states(question), limit + 1))
        if len(states) > limit:
            raise ScratchpadError(f"{self.name}: a chain exceeds {limit} states. Check that `step` can return None.")
        return states
