"""What a task says about the sizes of its questions."""

from __future__ import annotations

from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import with_settings
from scratchpad.tasks.induction import Induction, Symbols


class SizedQuestions(Induction):
    """The sizes of a task's questions. A task sets `size_setting`, and may override the methods."""

    size_setting: ClassVar[str]
    """The setting (a field of type `Lengths`) that holds the distribution of sizes."""

    def size_distribution(self) -> Lengths:
        """Return the distribution from which sizes are drawn."""
        return getattr(self, self.size_setting)

    def covered_sizes(self) -> Lengths:
        """Return the sizes for which every question can be drawn, because no other setting excludes any."""
        return self.size_distribution()

    def default_test_sizes(self) -> tuple[int, ...]:
        """Return the sizes of the test questions if the settings give no sizes: the largest size that is drawn."""
        return (self.size_distribution().high,)

    def at_size(self, size: int) -> Self:
        """Return the same task with questions of exactly this size."""
        return with_settings(self, {self.size_setting: size}, self.name)

    def fitted_to(self, question: Symbols) -> Self:
        """Return the task with its drawing settings (such as the size) changed to those of a given question."""
        return self

    def longest_questions(self) -> tuple[Symbols, ...]:
        """Return the questions with the longest documents, if draws of the extreme sizes may miss these questions."""
        return ()

    def check_draws(self) -> None:
        """Raise ScratchpadError if almost no question fits the settings. The check may take part of a second."""
