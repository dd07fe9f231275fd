"""Values of a running program as text, without calling any of the program's own code.

Contents are read through the builtin types' own methods, whatever a program's subclass of them overrides.
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

_DEEPEST = 40  # levels of nesting that are written
_WIDEST_SET = 4096  # elements of a set, all of which have to be sorted to write the first
_LONGEST_INTEGER_BITS = 13_000  # under the 4,300 digits beyond which Python refuses to write an integer
_SORTED_AS_VALUES: tuple[set[type], ...] = ({int}, {float}, {int, float}, {str}, {bytes})
_SHOWN_OF_PATTERNS = 200  # characters of a pattern's text in its repr
_OWN_REPR = (
    "NotImplementedType", "array.array", "complex", "datetime.date", "datetime.timedelta", "decimal.Decimal",
    "ellipsis", "float", "range",
)  # fmt: skip
"""Classes in C whose repr shows neither an address nor any object that could be the program's."""


class TextWriter:
    """Writes values as text, each with about `budget` characters; the rest is cut with a mark, counted in `cuts`."""

    def __init__(self, budget: int) -> None:
        self.budget, self.cuts = budget, 0
        self._left = budget
        self._open: list[int] = []  # ids of the containers being written, outermost first

    def text(self, value: object) -> str:
        """A Python literal where the value has one. Sets are sorted. Nothing shows an address, but for a
        string in which the program has put one.
        """
        return self._begin(self._text, value)

    def _begin(self, write: Callable[[Any], Any], value: object) -> Any:
        self._left, self._open = self.budget, []
        try:
            return write(value)
        except RecursionError:
            raise
        except (RuntimeError, AttributeError, TypeError, ValueError):  # a thread changed it while it was read, say
            return f"<unreadable {type_name(type(value))}>"

    def _text(self, value: Any) -> str:
        if value is None or type(value) is bool:
            return self._spent(repr(value), 5)
        name = callable_name(value)
        if name is not None:
            return self._spent(f"<callable_object {name}>", 20)
        name = module_name(value)
        if name is not None:
            return self._spent(f"<module {name}>", 12)
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
            return self._spent(f"<{type_name(kind)} object>", 16)
        if member_name(value) is not None:
            return self._spent(f"{type_name(kind)}.{member_name(value)}", 16)
        held = attributes(value)
        if is_library_class(kind, "fractions", "Fraction"):
            parts = [self._text(dict(held).get(name)) for name in ("_numerator", "_denominator")]
            return f"{type_name(kind)}({', '.join(parts)})"
        parts = self._elements(held, len(held), lambda pair: f"{pair[0]}={self._text(pair[1])}")
        return f"{type_name(kind)}({', '.join(parts)})"

    def _string_text(self, value: str) -> str:
        return repr(self._string(str.__str__(value)))

    def _bytes_text(self, value: bytes) -> str:
        return self._string(bytes.__repr__(value))

    def _bytearray_text(self, value: bytearray) -> str:
        return self._string(bytearray.__repr__(value))

    def _integer_text(self, value: int) -> str:
        return str(self._integer(int.__index__(value)))

    def _float_text(self, value: float) -> str:
        return self._spent(float.__repr__(value), 8)

    def _list_text(self, value: list[Any]) -> str:
        return f"[{', '.join(self._elements(list.__iter__(value), list.__len__(value), self._text))}]"

    def _tuple_text(self, value: tuple[Any, ...]) -> str:
        count = tuple.__len__(value)
        return f"({', '.join(self._elements(tuple.__iter__(value), count, self._text))}{',' * (count == 1)})"

    def _deque_text(self, value: deque[Any]) -> str:
        text = ", ".join(self._elements(deque.__iter__(value), deque.__len__(value), self._text))
        most = deque.__dict__["maxlen"].__get__(value)
        held = f"[{text}]" if most is None else f"[{text}], maxlen={most}"
        return f"deque({held})" if type(value) is deque else held

    def _dict_text(self, value: dict[Any, Any]) -> str:
        def pair(item: tuple[Any, Any]) -> str:
            return f"{self._text(item[0])}: {self._text(item[1])}"

        return "{" + ", ".join(self._elements(dict.items(value), dict.__len__(value), pair)) + "}"

    def _set_text(self, value: set[Any]) -> str:
        return f"{{{self._sorted(list(set.__iter__(value)))}}}" if set.__len__(value) else "set()"

    def _frozenset_text(self, value: frozenset[Any]) -> str:
        text = f"{{{self._sorted(list(frozenset.__iter__(value)))}}}" if frozenset.__len__(value) else ""
        return f"frozenset({text})" if type(value) is frozenset else text

    def _exception_text(self, value: BaseException) -> str:
        arguments: tuple[Any, ...] = BaseException.__dict__["args"].__get__(value)
        text = ", ".join(self._elements(arguments, len(arguments), self._text))
        return text if type(value) is not BaseException else f"BaseException({text})"

    # -- classes in C whose repr may show an object that is the program's

    def _slice_text(self, value: slice[Any, Any, Any]) -> str:
        return f"slice({', '.join(map(self._text, (value.start, value.stop, value.step)))})"

    def _time_text(self, value: datetime | time) -> str:
        text = self._spent(repr(value.replace(tzinfo=None)), 32)
        return text if value.tzinfo is None else f"{text[:-1]}, tzinfo={self._text(value.tzinfo)})"

    def _zone_text(self, value: Any) -> str:
        if value is UTC:
            return self._spent("datetime.timezone.utc", 21)
        return f"datetime.timezone({', '.join(map(self._text, value.__getinitargs__()))})"

    def _pattern_text(self, value: Pattern[Any]) -> str:
        if type(value.pattern) not in (str, bytes):
            return self._spent("<Pattern object>", 16)
        text = repr(value.pattern)
        flags = repr(value)[len(f"re.compile({text[:_SHOWN_OF_PATTERNS]}") :]
        return f"re.compile({self._string(text)}{flags}"

    def _match_text(self, value: Match[Any]) -> str:
        return self._string(repr(value)) if type(value.string) in (str, bytes) else self._spent("<Match object>", 14)

    # -- sets

    def _sorted(self, items: list[Any]) -> str:
        """Elements of a set: numbers and strings by value, others by their text, class by class."""
        if len(items) > _WIDEST_SET:
            self.cuts += 1
            return self._spent(f"<cut: {len(items)} elements>", 24)
        if all(is_builtin(type(item)) for item in items) and {type(item) for item in items} in _SORTED_AS_VALUES:
            return ", ".join(self._elements(sorted(items), len(items), self._text))
        texts = sorted((type_name(type(item)), self._text(item)) for item in items)
        return ", ".join(text for _, text in texts)

    # -- the budget

    def _spent(self, value: Any, characters: int) -> Any:
        self._left -= characters
        return value

    def _string(self, value: str) -> str:
        room = max(self._left, 0)
        if len(value) <= room:
            return self._spent(value, len(value) + 2)
        self.cuts += 1
        return self._spent(f"{value[:room]}<cut: {len(value) - room} more characters>", room + 2)

    def _integer(self, value: int) -> int | str:
        bits = value.bit_length()
        if bits > _LONGEST_INTEGER_BITS or bits > 64 + 4 * self._left:
            self.cuts += 1
            return self._spent(f"<cut: integer of {bits} bits>", 24)
        return self._spent(value, 1 + bits // 3)

    def _elements(self, values: Iterable[Any], count: int, write: Callable[[Any], Any]) -> list[Any]:
        """The elements written one after the other, as many as the budget allows; then a mark."""
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
        """A value that may hold others, itself even."""
        if id(value) in self._open:
            return self._spent("<cycle>", 7)
        if len(self._open) >= _DEEPEST:
            self.cuts += 1
            return self._spent("<cut: too deep>", 15)
        self._open.append(id(value))
        try:
            return write(value)
        finally:
            self._open.pop()


_TEXTS: dict[type, Callable[[TextWriter, Any], str]] = {
    str: TextWriter._string_text,
    int: TextWriter._integer_text,
    float: TextWriter._float_text,
    list: TextWriter._list_text,
    tuple: TextWriter._tuple_text,
    dict: TextWriter._dict_text,
    set: TextWriter._set_text,
    frozenset: TextWriter._frozenset_text,
    bytes: TextWriter._bytes_text,
    bytearray: TextWriter._bytearray_text,
    deque: TextWriter._deque_text,
    BaseException: TextWriter._exception_text,
}

_PARTLY_OWN_REPR: dict[str, Callable[[TextWriter, Any], str]] = {
    "slice": TextWriter._slice_text,
    "datetime.datetime": TextWriter._time_text,
    "datetime.time": TextWriter._time_text,
    "datetime.timezone": TextWriter._zone_text,
    "re.Pattern": TextWriter._pattern_text,
    "re.Match": TextWriter._match_text,
}
