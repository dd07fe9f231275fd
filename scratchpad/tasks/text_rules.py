"""Plain text of a task: prompts for language models (Nye et al. 2021, figures 1 and 2), and how answers compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scratchpad.tasks.document import as_text
from scratchpad.tasks.induction import Symbols

if TYPE_CHECKING:
    from scratchpad.tasks.formats import Format


@dataclass(frozen=True)
class PromptTemplate:
    """The parts of a prompt around a question and its work: `before`, question, `between`, work, `after`."""

    before: str = "Input:\n"
    between: str = "\n\nTarget:\n"
    after: str = ""

    def question(self, question: str) -> str:
        """Return the prompt for a question, up to the beginning of the work."""
        return f"{self.before}{question}{self.between}"

    @property
    def start(self) -> str:
        """The last line before the work: a model may begin by repeating it."""
        return self.between.strip().rpartition("\n")[2]

    @property
    def stop(self) -> str:
        """The text after the work: a model's answer is cut off there."""
        return self.after or f"\n\n{self.before}"


class TextRules:
    """The rules for texts of a task. A task with other rules has a subclass as its `texts`."""

    def prompt_template(self, format: Format) -> PromptTemplate:
        """Return the text around a question and its work in a prompt."""
        return PromptTemplate()

    def prompt_text(self, symbols: Symbols) -> str:
        """Return a question or a state as a language model reads it; `Task.split` reverses this."""
        return as_text(symbols)

    def problem(self, question: Symbols) -> Symbols:
        """Return the common part of all questions about the same problem, such as the program."""
        return question

    def read_work(self, work: str) -> tuple[Any, ...]:
        """Return the lines of a work as values; equal values count as equal lines."""
        return tuple(work.split("\n"))

    def read_states(self, work: str) -> tuple[Any, ...]:
        """Return the values of the lines that are states."""
        return self.read_work(work)

    def matches(self, written: Symbols, true: Symbols) -> bool:
        """Whether a written state or text equals the true one, in its symbols or in the values that it represents."""
        return written == true

    def relaxed_answer(self, work: str) -> str:
        """Return the last whole number in the last non-empty line; if the line has no number, the line.

        White space is removed.
        """
        last = "".join(last_line(work).split())
        return next(reversed(re.findall(r"-?\d+", last)), last)


def last_line(work: str) -> str:
    """Return the last non-empty line of a work, stripped; the empty string if all lines are empty."""
    return next((line.strip() for line in reversed(work.split("\n")) if line.strip()), "")
