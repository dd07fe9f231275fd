"""Tasks whose symbols are single characters, including space and newline."""

from __future__ import annotations

from typing import ClassVar

from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import TAGS, letters


class TextTask(Task):
    """A task whose symbols are characters; each of the tags <scratch> and </scratch> is one symbol.

    In a question on the command line, a backslash followed by n stands for a newline.
    """

    has_paper_text: ClassVar[bool] = True
    characters: ClassVar[str]
    """All characters of the task's texts, in alphabet order."""

    def symbols(self) -> Symbols:
        return (*self.characters, *TAGS)

    def split(self, text: str) -> Symbols:
        return letters(text)

    def parse(self, text: str) -> Symbols:
        return super().parse(text.replace("\\n", "\n"))
