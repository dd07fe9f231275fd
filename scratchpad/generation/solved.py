"""The solution of a question that a model wrote, with its texts."""

from __future__ import annotations

from dataclasses import dataclass

from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text

_SHOWN_STATES = 3  # in the repr


@dataclass(frozen=True, repr=False)
class Solved:
    """The model's solution of a question. `print(solved)` prints one state per line, then the answer and the truth.

    states: the states without terminators, as tuples of symbols. answer: the symbols of the answer; `None` if the model
    reached no answer. status: why the chain ended (done, loop, max-states, max-tokens). tokens: the number of tokens
    that the model wrote. truth: the correct answer; `None` if the task does not know it, because the question is not in
    the user's data. question: the completed question that the model read. first_wrong: the index of the first state
    that does not follow from the previous state; `None` if all states follow, the format is not inductive, or the truth
    is unknown.
    """

    states: tuple[Symbols, ...]
    answer: Symbols | None
    status: str
    tokens: int
    truth: Symbols | None = None
    question: Symbols = ()
    first_wrong: int | None = None

    @property
    def state_texts(self) -> tuple[str, ...]:
        """The states as texts, such as `[00]1,1`."""
        return tuple(map(as_text, self.states))

    @property
    def answer_text(self) -> str | None:
        """The answer as text; `None` if there is no answer."""
        return None if self.answer is None else as_text(self.answer)

    @property
    def verdict(self) -> str:
        """A text about the correctness of the answer and the states, such as `the truth is 0: correct`."""
        if self.truth is None:
            return "truth unknown: this question is not in the data"
        verdict = f"the truth is {as_text(self.truth)}: {'correct' if self.answer == self.truth else 'wrong'}"
        if self.first_wrong is None:
            return verdict
        return f"{verdict}; state {self.first_wrong + 1} does not follow from the question and the state before it"

    def __str__(self) -> str:
        answer = "none" if self.answer is None else as_text(self.answer)
        return "\n".join((*self.state_texts, f"answer: {answer}  ({self.status})", self.verdict))

    def __repr__(self) -> str:
        texts, truth = list(self.state_texts), None if self.truth is None else as_text(self.truth)
        more = f" and {len(texts) - _SHOWN_STATES} more" if len(texts) > _SHOWN_STATES else ""
        values = f"answer={self.answer_text!r}, truth={truth!r}, status={self.status!r}"
        return f"Solved({values}, states={texts[:_SHOWN_STATES]}{more})"
