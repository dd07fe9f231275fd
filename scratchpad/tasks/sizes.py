"""The sizes of a task's questions."""

from __future__ import annotations

from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import with_settings
from scratchpad.tasks.induction import Induction, Symbols


class SizedQuestions(Induction):
    """Methods about the sizes of questions. A task must set `size_setting` and may override the methods."""

    size_setting: ClassVar[str]
    """The name of the setting that holds the distribution of sizes. This field has the type `Lengths`."""

    def size_distribution(self) -> Lengths:
        """Return the distribution from which sizes are drawn."""
        return getattr(self, self.size_setting)

    def covered_sizes(self) -> Lengths:
        """Return the sizes at which all questions can be drawn. At other sizes, a setting excludes some questions."""
        return self.size_distribution()

    def default_test_sizes(self) -> tuple[int, ...]:
        """Return the sizes to test if a config gives no sizes. By default, only the largest drawn size is tested."""
        return (self.size_distribution().high,)

    def at_size(self, size: int) -> Self:
        """Return a copy of the task that draws only questions of this size."""
        return with_settings(self, {self.size_setting: size}, self.name)

    def fitted_to(self, question: Symbols) -> Self:
        """Return a copy of the task whose settings, such as the size, allow it to draw this question."""
        return self

    def longest_questions(self) -> tuple[Symbols, ...]:
        """Return questions with the longest documents, or () if random questions of the largest sizes are as long."""
        return ()

    def check_draws(self) -> None:
        """Raise ScratchpadError if the settings make it almost impossible to draw a question."""
