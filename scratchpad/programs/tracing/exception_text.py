"""Exceptions as text, without calling a program's own code."""

from __future__ import annotations

import types
from typing import Any

from scratchpad.programs.tracing.safe_inspect import class_entry, is_builtin, type_name
from scratchpad.programs.tracing.value_text import TextWriter

_MOST_CHARACTERS = 1000
_PLAIN = (str, int, float, bool, bytes, type(None))
_READ_BY_STR: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("msg",),
    SyntaxError: ("msg", "filename", "lineno"),
    UnicodeDecodeError: ("encoding", "reason"),
    UnicodeEncodeError: ("encoding", "reason"),
    UnicodeTranslateError: ("reason",),
}
"""What the `__str__` of these classes reads, in backend of the arguments."""


def error_text(error: BaseException) -> str:
    """`ValueError: the message`, on one line; the arguments themselves where only the program could say the message."""
    arguments: tuple[Any, ...] = BaseException.__dict__["args"].__get__(error)
    say = class_entry(type(error), "__str__")
    if type(say) is types.WrapperDescriptorType and _is_plain(error, arguments):
        message: str = say(error)
    else:
        message = ", ".join(TextWriter(_MOST_CHARACTERS).text(argument) for argument in arguments[:8])
    if "\n" in message or "\r" in message:
        message = message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    cut = f"{message[:_MOST_CHARACTERS]}..." if len(message) > _MOST_CHARACTERS else message
    return f"{type_name(type(error))}: {cut}" if cut else type_name(type(error))


def _is_plain(error: BaseException, arguments: tuple[Any, ...]) -> bool:
    """Whether everything that C's `__str__` may write is a plain value."""
    for kind, names in _READ_BY_STR.items():
        if issubclass(type(error), kind):
            arguments = tuple(kind.__dict__[name].__get__(error) for name in names)
    return all(is_builtin(type(value)) and type(value) in _PLAIN for value in arguments)
