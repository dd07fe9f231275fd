"""The methods that formats call to write the documents of a task."""

from __future__ import annotations

from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.document import SEP, after_last, joined
from scratchpad.tasks.formats import Format, format_names
from scratchpad.tasks.induction import Induction, Symbols


class WrittenWork(Induction):
    """The texts that formats write for a task's questions. By default, a text consists of all states in order."""

    has_paper_text: ClassVar[bool] = False
    """Whether the paper has a text for the whole work. If not, the format `scratchpad` writes the same as `causal`."""
    state_separator: ClassVar[str] = SEP
    """The symbol between two states in `scratchpad_text`."""
    extra_formats: ClassVar[tuple[str, ...]] = ()
    """The names of the task's formats that not every task has."""
    has_start_mark: bool = True
    """Whether <start> follows the question in the inductive text."""
    first_given: bool = False
    """Whether the first state is the question. If so, the inductive prompt is empty and this state is not scored."""

    def check_format(self, format: Format) -> None:
        """Raise ScratchpadError if this task does not have the format."""
        if not (format.general or format.name in self.extra_formats):
            raise ScratchpadError(f"{self.name} has no format {format.name}, only {', '.join(format_names(self))}")

    def inductive_question(self, question: Symbols) -> Symbols:
        """Return the question as the inductive format writes it, for example padded to a fixed width."""
        return question

    def has_one_state(self, question: Symbols) -> bool:
        """Return whether the first state of a question is also the last one."""
        return self.step(question, self.first(question)) is None

    def direct_answer(self, question: Symbols) -> Symbols:
        """Return the answer as the format `direct` writes it."""
        return self.answer(question, self.chain(question)[-1])

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        """Return the whole work as one text, in a format other than `inductive` and `causal`."""
        return joined(self.chain(question), self.state_separator)

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        """Read the answer from a model's text.

        Returns None or raises ValueError, IndexError, KeyError or TypeError if the text has no answer.
        """
        last = after_last(self.state_separator, text)
        return self.answer(question, last) if last else None
