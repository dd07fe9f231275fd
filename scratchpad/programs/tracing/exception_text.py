"""Write exceptions as text without calling the program's code (see `value_text`)."""

from __future__ import annotations

import types
from typing import Any

from scratchpad.programs.tracing.safe_inspect import class_entry, is_builtin, type_name
from scratchpad.programs.tracing.value_text import TextWriter

_MAX_CHARACTERS = 1000
_PLAIN_TYPES = (str, int, float, bool, bytes, type(None))
_STR_ATTRIBUTES: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("msg",),
    SyntaxError: ("msg", "filename", "lineno"),
    UnicodeDecodeError: ("encoding", "reason"),
    UnicodeEncodeError: ("encoding", "reason"),
    UnicodeTranslateError: ("reason",),
}
"""The attributes that the `__str__` of a class reads instead of the exception's arguments."""


def error_text(error: BaseException) -> str:
    """Return a line such as `ValueError: the message`. If only program code can write the message, show arguments."""
    arguments: tuple[Any, ...] = BaseException.__dict__["args"].__get__(error)
    to_text = class_entry(type(error), "__str__")
    if type(to_text) is types.WrapperDescriptorType and _is_plain(error, arguments):
        message: str = to_text(error)
    else:
        message = ", ".join(TextWriter(_MAX_CHARACTERS).text(argument) for argument in arguments[:8])
    if "\n" in message or "\r" in message:
        message = message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    cut = f"{message[:_MAX_CHARACTERS]}..." if len(message) > _MAX_CHARACTERS else message
    return f"{type_name(type(error))}: {cut}" if cut else type_name(type(error))


def _is_plain(error: BaseException, arguments: tuple[Any, ...]) -> bool:
    """Return whether the builtin `__str__` of an exception writes only plain values."""
    for kind, names in _STR_ATTRIBUTES.items():
        if issubclass(type(error), kind):
            arguments = tuple(kind.__dict__[name].__get__(error) for name in names)
    return all(is_builtin(type(value)) and type(value) in _PLAIN_TYPES for value in arguments)
