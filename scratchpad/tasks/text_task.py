"""Tasks whose symbols are single characters, including space and newline."""

from __future__ import annotations

from typing import ClassVar

from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import TAGS, letters


class TextTask(Task):
    """A task whose symbols are single characters, except that the tags <scratch> and </scratch> are one symbol each.

    In a question on the command line, a backslash followed by n stands for a newline.
    """

    has_paper_text: ClassVar[bool] = True
    characters: ClassVar[str]
    """All characters that the task's texts use, in the order of the vocabulary."""

    def symbols(self) -> Symbols:
        return (*self.characters, *TAGS)

    def split(self, text: str) -> Symbols:
        return letters(text)

    def parse(self, text: str) -> Symbols:
        return super().parse(text.replace("\\n", "\n"))
