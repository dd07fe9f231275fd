"""What a task says about the sizes of its questions."""

from __future__ import annotations

from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import with_settings
from scratchpad.tasks.induction import Induction, Symbols


class SizedQuestions(Induction):
    """The sizes of a task's questions. A task names its `size_setting` and overrides what differs for it."""

    size_setting: ClassVar[str]
    """The setting (a field of type `Lengths`) that holds the distribution of sizes."""

    def size_distribution(self) -> Lengths:
        """Return the distribution that sizes are drawn from."""
        return getattr(self, self.size_setting)

    def covered_sizes(self) -> Lengths:
        """Return the sizes of which every question can be drawn: no other setting excludes some of them."""
        return self.size_distribution()

    def default_test_sizes(self) -> tuple[int, ...]:
        """Return the sizes that a run is tested on where its settings name none: the largest one that is drawn."""
        return (self.size_distribution().high,)

    def at_size(self, size: int) -> Self:
        """Return the same task with questions of exactly this size."""
        return with_settings(self, {self.size_setting: size}, self.name)

    def fitted_to(self, question: Symbols) -> Self:
        """Return the same task with the settings that only draws need (such as the size) read off a question."""
        return self

    def longest_questions(self) -> tuple[Symbols, ...]:
        """Return the questions with the longest documents, where draws of the extreme sizes may not include them."""
        return ()

    def check_draws(self) -> None:
        """Raise ScratchpadError where almost no question fits the settings. This may take part of a second."""
