"""How a problem stands in a prompt for a language model (Nye et al. 2021, figures 1 and 2, section 5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PromptTemplate:
    """The text around a question and the work that answers it: `before`, question, `between`, work, `after`."""

    before: str = "Input:\n"
    between: str = "\n\nTarget:\n"
    after: str = ""

    def question(self, question: str) -> str:
        """The question, up to where the work begins."""
        return f"{self.before}{question}{self.between}"

    @property
    def start(self) -> str:
        """The line that the work comes after: a model may begin by repeating it."""
        return self.between.strip().rpartition("\n")[2]

    @property
    def stop(self) -> str:
        """What comes after the work: where a model's text ends that goes on by itself."""
        return self.after or f"\n\n{self.before}"
