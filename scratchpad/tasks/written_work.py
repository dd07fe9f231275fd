"""What a task says about its texts in documents: the paper's own text of the work, and how an inductive text begins."""

from __future__ import annotations

from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.document import SEP, after_last, joined
from scratchpad.tasks.formats import Format, format_names
from scratchpad.tasks.induction import Induction, Symbols


class WrittenWork(Induction):
    """The texts that formats write of a task. By default they are the states in order."""

    has_paper_text: ClassVar[bool] = False
    """Whether the paper has its own text of the whole work, `scratchpad_text`. Otherwise `scratchpad` is `causal`."""
    state_separator: ClassVar[str] = SEP
    """The symbol between two states in `scratchpad_text`."""
    extra_formats: ClassVar[tuple[str, ...]] = ()
    """The names of formats that this task has and others do not."""
    has_start_mark: bool = True
    """Whether <start> follows the question in the inductive text."""
    first_given: bool = False
    """Whether the first state is the question itself: the inductive prompt is then empty, and s[1] not scored."""

    def check_format(self, format: Format) -> None:
        """Raise ScratchpadError where this task has no such format."""
        if not (format.general or format.name in self.extra_formats):
            raise ScratchpadError(f"{self.name} has no format {format.name}; it has {', '.join(format_names(self))}")

    def inductive_question(self, question: Symbols) -> Symbols:
        """Return the question as the inductive text shows it (in a window of fixed width, for instance)."""
        return question

    def direct_answer(self, question: Symbols) -> Symbols:
        """Return the answer as it is written without any work."""
        return self.answer(question, self.chain(question)[-1])

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        """Return the text of the whole work in a format other than `inductive` and `causal`."""
        return joined(self.chain(question), self.state_separator)

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        """Read the answer off such a text as a model wrote it. Returns None or raises ValueError where it has none."""
        last = after_last(self.state_separator, text)
        return self.answer(question, last) if last else None
