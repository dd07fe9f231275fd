"""The schema of an experiment's file: its entries and their types."""

from __future__ import annotations

import reprlib
import shlex
from typing import Any, Self

from scratchpad.config.parse import TextSetting, split_assignments
from scratchpad.errors import ScratchpadError


class Settings(dict[str, str], TextSetting):
    """Settings by name. A file holds them as one text in the form of `--set`, such as `"n=2 train.steps=500"`."""

    @classmethod
    def parse(cls, text: Any) -> Self:
        if not isinstance(text, str):
            example = '"task.format=direct train.steps=500"'
            raise ScratchpadError(f"settings must be one text such as {example}, not {reprlib.repr(text)}")
        try:
            words = shlex.split(text)
        except ValueError as error:  # a quote is not closed
            raise ScratchpadError(f"{error} in {reprlib.repr(text)}") from None
        return cls(split_assignments(words, "settings:"))

    def to_json(self) -> dict[str, str]:
        return dict(self)
