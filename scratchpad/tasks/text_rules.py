"""Prompts for language models (Nye et al. 2021, figures 1 and 2), and rules for reading and comparing answers."""

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
    """The fixed texts of a prompt. The order is `before`, question, `between`, work (the model's text), `after`."""

    before: str = "Input:\n"
    between: str = "\n\nTarget:\n"
    after: str = ""

    def question(self, question: str) -> str:
        """Return the prompt for a question. The prompt ends where the model's text begins."""
        return f"{self.before}{question}{self.between}"

    @property
    def start(self) -> str:
        """The last line of a prompt. A model may begin its text by repeating this line."""
        return self.between.strip().rpartition("\n")[2]

    @property
    def stop(self) -> str:
        """The text that marks the end of the work. A model's text is cut off where this text begins."""
        return self.after or f"\n\n{self.before}"


class TextRules:
    """The default rules for texts of a task. A task with other rules sets `texts` to an instance of a subclass."""

    def prompt_template(self, format: Format) -> PromptTemplate:
        """Return the template for prompts in this format."""
        return PromptTemplate()

    def prompt_text(self, symbols: Symbols) -> str:
        """Return a question or a state as text for a language model. `Task.split` turns such a text into symbols."""
        return as_text(symbols)

    def problem(self, question: Symbols) -> Symbols:
        """Return the part of a question that all questions about the same problem share, such as a program."""
        return question

    def read_work(self, work: str) -> tuple[Any, ...]:
        """Return a value for each line of the text `work`. Lines with equal values count as equal."""
        return tuple(work.split("\n"))

    def read_states(self, work: str) -> tuple[Any, ...]:
        """For each line of the text `work` that is a state, return a value."""
        return self.read_work(work)

    def matches(self, written: Symbols, true: Symbols) -> bool:
        """Return whether `written`, a model's state or text, equals `true`. A subclass may compare values instead."""
        return written == true

    def relaxed_answer(self, work: str) -> str:
        """Return the last whole number in the last non-empty line. If there is none, return the line without spaces."""
        last = "".join(last_line(work).split())
        return next(reversed(re.findall(r"-?\d+", last)), last)


def last_line(work: str) -> str:
    """Return the last non-empty line of the text `work`, stripped, or an empty string if all lines are empty."""
    return next((line.strip() for line in reversed(work.split("\n")) if line.strip()), "")
