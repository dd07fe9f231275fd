"""Write values of a running program as text without calling the program's code.

The tracer writes values between two lines of the program. If the tracer called the program's code (`__repr__`,
`__iter__`, `__len__`, `__eq__`, `__class__`, a property, a metaclass), this code could change variables, print, run
forever or raise an exception. Then the program would behave differently under the tracer.

`type(value)` gives the real class. `issubclass` with a builtin class compares classes by identity. The writer reads
contents with the builtin class's own methods (`list.__iter__(value)`), even if a subclass overrides them. The writer
calls `repr` only for C classes whose repr shows no object of the program. `safe_inspect` reads other objects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time
from re import Match, Pattern
from typing import Any

from scratchpad.programs.tracing.safe_inspect import (
    attributes,
    builtin_name,
    callable_name,
    class_entry,
    is_builtin,
    is_library_class,
    member_name,
    module_name,
    type_name,
)

_MAX_NESTING = 40
_MAX_SET_ELEMENTS = 4096  # the writer sorts the whole set, even if it writes only a few elements
_MAX_INTEGER_BITS = 13_000  # below Python's limit of 4,300 digits
_SORTED_AS_VALUES: tuple[set[type], ...] = ({int}, {float}, {int, float}, {str}, {bytes})
_PATTERN_REPR_CHARACTERS = 200  # Python cuts the text of a pattern to this length in the pattern's repr
_OWN_REPR = (
    "NotImplementedType", "array.array", "complex", "datetime.date", "datetime.timedelta", "decimal.Decimal",
    "ellipsis", "float", "range",
)  # fmt: skip
"""C classes whose repr shows neither an address nor an object of the program."""


class TextWriter:
    """Writes values as texts. After about `budget` characters, a mark replaces the rest. `cuts` counts the marks."""

    def __init__(self, budget: int) -> None:
        self.budget, self.cuts = budget, 0
        self._left = budget
        self._open: list[int] = []  # ids of unfinished containers, outermost first

    def text(self, value: object) -> str:
        """Return a value as text, if possible as a Python literal. The elements of sets are sorted."""
        return self._begin(self._text, value)

    def _begin(self, write: Callable[[Any], Any], value: object) -> Any:
        self._left, self._open = self.budget, []
        try:
            return write(value)
        except RecursionError:
            raise
        except (RuntimeError, AttributeError, TypeError, ValueError):  # for example if a thread changes the value
            return f"<unreadable {type_name(type(value))}>"

    def _text(self, value: Any) -> str:
        if value is None or type(value) is bool:
            return self._charge(repr(value), 5)
        name = callable_name(value)
        if name is not None:
            return self._charge(f"<callable_object {name}>", 20)
        name = module_name(value)
        if name is not None:
            return self._charge(f"<module {name}>", 12)
        return self._nested(value, self._contents)

    def _contents(self, value: Any) -> str:
        kind = type(value)
        for base, write in _TEXTS.items():
            if issubclass(kind, base):
                text = write(self, value)
                return text if kind is base else f"{type_name(kind)}({text})"
        known = builtin_name(kind)
        if known in _OWN_REPR:
            write: Any = class_entry(kind, "__repr__")
            return self._string(write(value))
        if known in _PARTLY_OWN_REPR:
            return _PARTLY_OWN_REPR[known](self, value)
        if known:
            return self._charge(f"<{type_name(kind)} object>", 16)
        if member_name(value) is not None:
            return self._charge(f"{type_name(kind)}.{member_name(value)}", 16)
        pairs = attributes(value)
        if is_library_class(kind, "fractions", "Fraction"):
            parts = [self._text(dict(pairs).get(name)) for name in ("_numerator", "_denominator")]
            return f"{type_name(kind)}({', '.join(parts)})"
        parts = self._elements(pairs, len(pairs), lambda pair: f"{pair[0]}={self._text(pair[1])}")
        return f"{type_name(kind)}({', '.join(parts)})"

    def _tuple_text(self, value: tuple[Any, ...]) -> str:
        count = tuple.__len__(value)
        return f"({', '.join(self._elements(tuple.__iter__(value), count, self._text))}{',' * (count == 1)})"

    def _deque_text(self, value: deque[Any]) -> str:
        text = ", ".join(self._elements(deque.__iter__(value), deque.__len__(value), self._text))
        most = deque.__dict__["maxlen"].__get__(value)
        contents = f"[{text}]" if most is None else f"[{text}], maxlen={most}"
        return f"deque({contents})" if type(value) is deque else contents

    def _dict_text(self, value: dict[Any, Any]) -> str:
        def pair(item: tuple[Any, Any]) -> str:
            return f"{self._text(item[0])}: {self._text(item[1])}"

        return "{" + ", ".join(self._elements(dict.items(value), dict.__len__(value), pair)) + "}"

    def _frozenset_text(self, value: frozenset[Any]) -> str:
        text = f"{{{self._sorted(list(frozenset.__iter__(value)))}}}" if frozenset.__len__(value) else ""
        return f"frozenset({text})" if type(value) is frozenset else text

    def _exception_text(self, value: BaseException) -> str:
        arguments: tuple[Any, ...] = BaseException.__dict__["args"].__get__(value)
        text = ", ".join(self._elements(arguments, len(arguments), self._text))
        return text if type(value) is not BaseException else f"BaseException({text})"

    # -- C classes whose repr may show an object of the program

    def _time_text(self, value: datetime | time) -> str:
        text = self._charge(repr(value.replace(tzinfo=None)), 32)
        return text if value.tzinfo is None else f"{text[:-1]}, tzinfo={self._text(value.tzinfo)})"

    def _zone_text(self, value: Any) -> str:
        if value is UTC:
            return self._charge("datetime.timezone.utc", 21)
        return f"datetime.timezone({', '.join(map(self._text, value.__getinitargs__()))})"

    def _pattern_text(self, value: Pattern[Any]) -> str:
        if type(value.pattern) not in (str, bytes):
            return self._charge("<Pattern object>", 16)
        text = repr(value.pattern)
        flags = repr(value)[len(f"re.compile({text[:_PATTERN_REPR_CHARACTERS]}") :]
        return f"re.compile({self._string(text)}{flags}"

    def _match_text(self, value: Match[Any]) -> str:
        return self._string(repr(value)) if type(value.string) in (str, bytes) else self._charge("<Match object>", 14)

    # -- sets

    def _sorted(self, items: list[Any]) -> str:
        """Write a set's elements in order: numbers and strings by value, other elements by class and text."""
        if len(items) > _MAX_SET_ELEMENTS:
            self.cuts += 1
            return self._charge(f"<cut: {len(items)} elements>", 24)
        if all(is_builtin(type(item)) for item in items) and {type(item) for item in items} in _SORTED_AS_VALUES:
            return ", ".join(self._elements(sorted(items), len(items), self._text))
        texts = sorted((type_name(type(item)), self._text(item)) for item in items)
        return ", ".join(text for _, text in texts)

    # -- the budget

    def _charge(self, value: Any, characters: int) -> Any:
        """Subtract a number of characters from the budget, and return `value`."""
        self._left -= characters
        return value

    def _string(self, value: str) -> str:
        room = max(self._left, 0)
        if len(value) <= room:
            return self._charge(value, len(value) + 2)
        self.cuts += 1
        return self._charge(f"{value[:room]}<cut: {len(value) - room} more characters>", room + 2)

    def _integer(self, value: int) -> int | str:
        bits = value.bit_length()
        if bits > _MAX_INTEGER_BITS or bits > 64 + 4 * self._left:
            self.cuts += 1
            return self._charge(f"<cut: integer of {bits} bits>", 24)
        return self._charge(value, 1 + bits // 3)

    def _elements(self, values: Iterable[Any], count: int, write: Callable[[Any], Any]) -> list[Any]:
        """Write elements until the budget is used up. If elements remain, a mark gives their number."""
        written: list[Any] = []
        for value in values:
            if self._left <= 0:
                self.cuts += 1
                written.append(f"<cut: {count - len(written)} more>")
                break
            self._left -= 2
            written.append(write(value))
        return written

    def _nested(self, value: object, write: Callable[[Any], Any]) -> Any:
        """Write a container, which may contain itself."""
        if id(value) in self._open:
            return self._charge("<cycle>", 7)
        if len(self._open) >= _MAX_NESTING:
            self.cuts += 1
            return self._charge("<cut: too deep>", 15)
        self._open.append(id(value))
        try:
            return write(value)
        finally:
            self._open.pop()


_TEXTS: dict[type, Callable[[TextWriter, Any], str]] = {
    str: lambda writer, value: repr(writer._string(str.__str__(value))),
    int: lambda writer, value: str(writer._integer(int.__index__(value))),
    float: lambda writer, value: writer._charge(float.__repr__(value), 8),
    list: lambda writer, it: f"[{', '.join(writer._elements(list.__iter__(it), list.__len__(it), writer._text))}]",
    tuple: TextWriter._tuple_text,
    dict: TextWriter._dict_text,
    set: lambda writer, it: f"{{{writer._sorted(list(set.__iter__(it)))}}}" if set.__len__(it) else "set()",
    frozenset: TextWriter._frozenset_text,
    bytes: lambda writer, value: writer._string(bytes.__repr__(value)),
    bytearray: lambda writer, value: writer._string(bytearray.__repr__(value)),
    deque: TextWriter._deque_text,
    BaseException: TextWriter._exception_text,
}

_PARTLY_OWN_REPR: dict[str, Callable[[TextWriter, Any], str]] = {
    "slice": lambda writer, it: f"slice({', '.join(map(writer._text, (it.start, it.stop, it.step)))})",
    "datetime.datetime": TextWriter._time_text,
    "datetime.time": TextWriter._time_text,
    "datetime.timezone": TextWriter._zone_text,
    "re.Pattern": TextWriter._pattern_text,
    "re.Match": TextWriter._match_text,
}
