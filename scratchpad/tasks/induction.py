"""The six functions that define a task, and the chain of states that follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream

Symbols = tuple[str, ...]


class Induction:
    """A distribution of questions, and the computation that answers them one state at a time.

    Questions and states are tuples of symbols without marks. `first` and `step` are the whole computation. `truth`
    computes the answer by another algorithm; tests and scores compare with it.
    """

    name: ClassVar[str]

    def symbols(self) -> Symbols:
        """Return the alphabet in a fixed order, without marks."""
        raise NotImplementedError

    def question(self, rng: Stream, size: int) -> Symbols:
        """Draw a question of this size."""
        raise NotImplementedError

    def first(self, question: Symbols) -> Symbols:
        """Return the first state: the base case."""
        raise NotImplementedError

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        """Return the next state, or None after the last one: the induction step.

        Raises ValueError where `state` is not a state of this question.
        """
        raise NotImplementedError

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        """Read the answer off the last state."""
        raise NotImplementedError

    def truth(self, question: Symbols) -> Symbols:
        """Compute the answer by another algorithm: the oracle."""
        raise NotImplementedError

    def states(self, question: Symbols) -> Iterator[Symbols]:
        """Yield the states: `first`, then `step` until it returns None. A task may override this with a faster way."""
        state: Symbols | None = self.first(question)
        while state is not None:
            yield state
            state = self.step(question, state)

    def chain(self, question: Symbols, limit: int = 1_000_000) -> list[Symbols]:
        """Return all states. Raises ScratchpadError where there are more than `limit`."""
        states = list(islice(self.states(question), limit + 1))
        if len(states) > limit:
            raise ScratchpadError(f"{self.name}: no end after {limit} states: does `step` ever return None?")
        return states
