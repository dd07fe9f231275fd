"""Tasks whose questions and papers' texts are made of characters, space and newline included."""

from __future__ import annotations

from typing import ClassVar

from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import TAGS, letters


class TextTask(Task):
    """A task in characters; <scratch> and </scratch> are one symbol each. In a question that a person writes, a
    backslash and an n are a newline.
    """

    has_paper_text: ClassVar[bool] = True
    characters: ClassVar[str]
    """All characters of its texts, in the order of the alphabet."""

    def symbols(self) -> Symbols:
        return (*self.characters, *TAGS)

    def split(self, text: str) -> Symbols:
        return letters(text)

    def parse(self, text: str) -> Symbols:
        return super().parse(text.replace("\\n", "\n"))
