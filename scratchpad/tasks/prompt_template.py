"""The text around a problem in a prompt for a language model (Nye et al. 2021, figures 1 and 2, section 5)."""

from __future__ import annotations

from dataclasses import dataclass


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
