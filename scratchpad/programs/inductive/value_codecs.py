"""How values of each type are taken apart for a state, and put together again.

A value that JSON has no form for is an object with one name, `$` and a tag, and the list of its parts.
"""

from __future__ import annotations

import array
import functools
import itertools
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from operator import methodcaller
from typing import Any

from scratchpad.programs.inductive.cpython_internals import Gap, Past, fill_set, frozen_set, set_parts
from scratchpad.programs.inductive.iterators import ITEMS, KEYS, VALUES, DequeWalk, Walk, dict_of, keys_of
from scratchpad.programs.inductive.unsupported import Unsupported


@dataclass(frozen=True)
class Codec:
    """For one type: its tag, the parts of a value, and the value of some parts.

    fill: for values that can change, and that may hold themselves: build is called without parts, fill adds them later.
    shared: whether it matters that two places hold the same value, not only equal ones.
    """

    tag: str
    parts: Callable[[Any], list[Any]]
    build: Callable[..., Any]
    fill: Callable[[Any, list[Any]], object] | None = None
    shared: bool = False


def flat_pairs(value: dict[Any, Any]) -> list[Any]:
    """Keys and values in turn."""
    return [each for pair in value.items() for each in pair]


def fill_pairs(value: dict[Any, Any], parts: list[Any]) -> None:
    """The opposite."""
    value.update(zip(parts[::2], parts[1::2], strict=True))


def _fill_default(value: defaultdict[Any, Any], parts: list[Any]) -> None:
    value.default_factory = parts[0]
    fill_pairs(value, parts[1:])


def _fill_counter(value: Counter[Any], parts: list[Any]) -> None:
    for key, count in zip(parts[::2], parts[1::2], strict=True):  # `update` would count the keys
        value[key] = count


def _fill_deque(value: deque[Any], parts: list[Any]) -> None:
    value.__init__(parts[1:], parts[0])  # the one way to give it its greatest length


def _match_parts(value: re.Match[Any]) -> list[Any]:
    """What finds the match again."""
    for method in ("search", "match", "fullmatch"):
        again = getattr(value.re, method)(value.string, value.pos, value.endpos)
        if again is not None and again.regs == value.regs:
            return [value.re, method, value.string, value.pos, value.endpos]
    raise Unsupported("match that is not its pattern's first")


def _matched(pattern: re.Pattern[Any], method: str, *where: Any) -> Any:
    return getattr(pattern, method)(*where)


def _walk_parts(value: Walk) -> list[Any]:
    return [value.over, value.place] if value.is_unchanged() else [value.over, value.place, value.keys]


def _walk(over: Any, place: int, keys: list[Any] | None = None) -> Walk:
    return Walk(over, keys_of(over), place) if keys is None else Walk(over, keys, place, changed=True)


def _deque_walk_parts(value: DequeWalk) -> list[Any]:
    return [value.over, value.place, *([] if value.is_unchanged() else [True])]


def _iterator_parts(value: Any) -> list[Any]:
    """What is gone through, and the next place in it; the type's name alone for an iterator at its end."""
    _, arguments, *place = value.__reduce__()
    return [*arguments, place[0] or 0] if place else [type(value).__name__]


def _iterator(over: Any, place: int | None = None) -> Any:
    """Also past the end of a list that has become shorter, where CPython would put it at the end."""
    if place is None:
        return _at_end(iter, over)
    missing = place - len(over) if type(over) is list else 0
    if missing <= 0:
        return _at(place, iter(over))
    over.extend([None] * missing)
    iterator = _at(place, iter(over))
    del over[-missing:]
    return iterator


def _reversed(over: Any, place: int | None = None) -> Any:
    return _at_end(reversed, over) if place is None else _at(place, reversed(over))


def _at(place: int, iterator: Any) -> Any:
    iterator.__setstate__(place)
    return iterator


def _at_end(begin: Callable[[Any], Any], name: str) -> Any:
    """An iterator of the type with that name, at its end."""
    found = {type(iterator).__name__: iterator for iterator in map(begin, _SEQUENCES)}[name]
    list(itertools.islice(found, 2))
    return found


def _arguments(value: Any) -> list[Any]:
    """What an iterator over iterators was made from, each at its place."""
    return list(value.__reduce__()[1])


def _zip_parts(value: Any) -> list[Any]:
    _, arguments, *strict = value.__reduce__()
    return [bool(strict and strict[0]), *arguments]


def _zipped(strict: bool, *iterators: Any) -> Any:
    return zip(*iterators, strict=strict)


def _partial_parts(value: functools.partial[Any]) -> list[Any]:
    if value.keywords:
        raise Unsupported("functools.partial with names")
    return [value.func, *value.args]


def _array(kind: str, *items: Any) -> Any:
    return array.array(kind, items)


_SEQUENCES = ([], (), "", "é", b"", bytearray(), range(0), range(1 << 64))
"""An iterator over each is of another type."""

_VIEWS = {kind: name for name, kinds in (("keys", KEYS), ("values", VALUES), ("items", ITEMS)) for kind in kinds}

CODECS: dict[type, Codec] = {
    tuple: Codec("tuple", list, lambda *parts: parts),
    frozenset: Codec("frozenset", set_parts, frozen_set),
    bytes: Codec("bytes", lambda value: [value.decode("latin-1")], lambda text: text.encode("latin-1")),
    complex: Codec("complex", lambda value: [value.real, value.imag], complex),
    range: Codec("range", lambda value: [value.start, value.stop, value.step], range),
    slice: Codec("slice", lambda value: [value.start, value.stop, value.step], slice),
    Fraction: Codec("Fraction", lambda value: [value.numerator, value.denominator], Fraction),
    Decimal: Codec("Decimal", lambda value: [str(value)], Decimal),
    re.Pattern: Codec("pattern", lambda value: [value.pattern, value.flags], re.compile),
    re.Match: Codec("match", _match_parts, _matched, None, True),
    type(...): Codec("Ellipsis", lambda value: [], lambda: ...),
    functools.partial: Codec("partial", _partial_parts, functools.partial, None, True),
    Past: Codec("past", lambda value: [value.finger, value.size], Past),
    Gap: Codec("gap", lambda value: [value.place], Gap),
    set: Codec("set", set_parts, set, fill_set, True),
    bytearray: Codec("bytearray", list, bytearray, lambda value, parts: value.extend(parts), True),
    deque: Codec("deque", lambda value: [value.maxlen, *value], deque, _fill_deque, True),
    Counter: Codec("Counter", flat_pairs, Counter, _fill_counter, True),
    OrderedDict: Codec("OrderedDict", flat_pairs, OrderedDict, fill_pairs, True),
    defaultdict: Codec(
        "defaultdict", lambda value: [value.default_factory, *flat_pairs(value)], defaultdict, _fill_default, True
    ),
    array.array: Codec("array", lambda value: [value.typecode, *value], _array, None, True),
    **{
        kind: Codec(name, lambda value: [dict_of(value)], methodcaller(name), None, True)
        for kind, name in _VIEWS.items()
    },
    Walk: Codec("walk", _walk_parts, _walk, None, True),
    DequeWalk: Codec("deque_walk", _deque_walk_parts, DequeWalk, None, True),
    enumerate: Codec("enumerate", _arguments, enumerate, None, True),
    zip: Codec("zip", _zip_parts, _zipped, None, True),
    map: Codec("map", _arguments, map, None, True),
    filter: Codec("filter", _arguments, filter, None, True),
    reversed: Codec("reversed", _iterator_parts, _reversed, None, True),
    type(reversed([])): Codec("reversed", _iterator_parts, _reversed, None, True),
    **{type(iter(example)): Codec("iterator", _iterator_parts, _iterator, None, True) for example in _SEQUENCES},
}
"""By the exact type of the value."""
