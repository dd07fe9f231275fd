"""The six functions that define a task, and the chain of states that `first` and `step` define."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream

Symbols = tuple[str, ...]


class Induction:
    """A distribution of questions, and a computation that answers a question state by state.

    Questions and states are tuples of symbols without marks. `first` and `step` define the whole computation. `truth`
    computes the answer with a different algorithm. Tests and scores compare answers with `truth`.
    """

    name: ClassVar[str]

    def symbols(self) -> Symbols:
        """Return the symbols of the task in a fixed order, without marks."""
        raise NotImplementedError

    def question(self, rng: Stream, size: int) -> Symbols:
        """Draw a question of size `size`."""
        raise NotImplementedError

    def first(self, question: Symbols) -> Symbols:
        """Return the first state (the base case of the induction)."""
        raise NotImplementedError

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        """Return the state after `state`, or None if `state` is the last state (the induction step).

        Raises ValueError if `state` is not a state of this question.
        """
        raise NotImplementedError

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        """Return the answer that the last state contains."""
        raise NotImplementedError

    def truth(self, question: Symbols) -> Symbols:
        """Return the correct answer, computed with an algorithm other than `first` and `step`."""
        raise NotImplementedError

    def states(self, question: Symbols) -> Iterator[Symbols]:
        """Yield `first`, then the results of `step` until `step` returns None. Tasks may override this to be faster."""
        state: Symbols | None = self.first(question)
        while state is not None:
            yield state
            state = self.step(question, state)

    def chain(self, question: Symbols, limit: int = 1_000_000) -> list[Symbols]:
        """Return all states. Raises ScratchpadError if the chain has more than `limit` states."""
        states = list(islice(self.states(question), limit + 1))
        if len(states) > limit:
            raise ScratchpadError(f"{self.name}: no end after {limit} states: check that `step` returns None")
        return states
