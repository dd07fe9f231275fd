"""Codecs for the values in states. The codec of a type takes a value apart and builds the value again from its parts.

A value that JSON cannot express becomes an object with one key: `$` and the tag of the value's type. The list of parts
is the key's value. Examples: `{"$tuple": [1, 2]}`, or `{"$walk": [{"a": 1}, 1]}` for an iterator over a dict.
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

from scratchpad.programs.inductive.cpython_internals import Dummy, TableHistory, fill_set, frozen_set, set_parts
from scratchpad.programs.inductive.iterators import (
    ITEMS,
    KEYS,
    VALUES,
    ContainerIterator,
    DequeIterator,
    dict_of,
    keys_of,
)
from scratchpad.programs.inductive.unsupported import Unsupported


@dataclass(frozen=True)
class ValueCodec:
    """The codec of one type.

    `parts`: a function that returns the parts of a value. `build`: a function that builds the value from the parts.
    `fill`: a function that adds the parts to an empty value from `build()`. None if `build` takes the parts.
    `shared`: whether states record that two places hold the same object, rather than equal objects.
    """

    tag: str
    parts: Callable[[Any], list[Any]]
    build: Callable[..., Any]
    fill: Callable[[Any, list[Any]], object] | None = None
    shared: bool = False


def flat_pairs(value: dict[Any, Any]) -> list[Any]:
    """Return the keys and values of a dict, alternating."""
    return [each for pair in value.items() for each in pair]


def fill_pairs(value: dict[Any, Any], parts: list[Any]) -> None:
    """Fill a dict from alternating keys and values."""
    update = dict.update if type(value) is Counter else type(value).update  # `Counter.update` would count the keys
    update(value, zip(parts[::2], parts[1::2], strict=True))


def _fill_default(value: defaultdict[Any, Any], parts: list[Any]) -> None:
    value.default_factory = parts[0]
    fill_pairs(value, parts[1:])


def _fill_deque(value: deque[Any], parts: list[Any]) -> None:
    value.__init__(parts[1:], parts[0])  # the only way to set the maximum length of a deque


def _match_parts(value: re.Match[Any]) -> list[Any]:
    """Return the parts of a call that finds the match again: pattern, method name, text, start and end."""
    for method in ("search", "match", "fullmatch"):
        again = getattr(value.re, method)(value.string, value.pos, value.endpos)
        if again is not None and again.regs == value.regs:
            return [value.re, method, value.string, value.pos, value.endpos]
    raise Unsupported("regex match that is not the first match of its pattern")


def _container_iterator(container: Any, position: int, keys: list[Any] | None = None) -> ContainerIterator:
    if keys is None:
        return ContainerIterator(container, keys_of(container), position)
    return ContainerIterator(container, keys, position, changed=True)


def _iterator_parts(value: ContainerIterator | DequeIterator) -> list[Any]:
    changes = value.keys if isinstance(value, ContainerIterator) else True
    return [value.container, value.position, *([] if value.is_unchanged() else [changes])]


def _sequence_iterator_parts(value: Any) -> list[Any]:
    """Return an iterator's sequence and position. For an exhausted iterator, return only the name of its type."""
    _, arguments, *position = value.__reduce__()
    return [*arguments, position[0] or 0] if position else [type(value).__name__]


def _sequence_iterator(begin: Callable[[Any], Any], sequence: Any, position: int | None = None) -> Any:
    """Return an iterator at a position. `begin`: `iter` or `reversed`.

    If `position` is None, return an exhausted iterator. Then `sequence` is the name of the iterator's type.
    """
    if position is None:
        at_end = {type(each).__name__: each for each in map(begin, _SEQUENCES)}[sequence]
        list(itertools.islice(at_end, 2))
        return at_end
    # CPython would reduce a position beyond the end of a list. So make the list long enough for a moment.
    missing = position - len(sequence) if type(sequence) is list and begin is iter else 0
    if missing > 0:
        sequence.extend([None] * missing)
    iterator = begin(sequence)
    iterator.__setstate__(position)
    if missing > 0:
        del sequence[-missing:]
    return iterator


def _iterator_arguments(value: Any) -> list[Any]:
    return list(value.__reduce__()[1])  # the arguments include the inner iterators, which hold the positions


def _zip_parts(value: Any) -> list[Any]:
    _, arguments, *strict = value.__reduce__()
    return [bool(strict and strict[0]), *arguments]


def _partial_parts(value: functools.partial[Any]) -> list[Any]:
    if value.keywords:
        raise Unsupported("functools.partial with keywords")
    return [value.func, *value.args]


_SEQUENCES = ([], (), "", "é", b"", bytearray(), range(0), range(1 << 64))
"""Examples of sequences: one for each type of sequence iterator."""

_ITER, _REVERSED = functools.partial(_sequence_iterator, iter), functools.partial(_sequence_iterator, reversed)
_VIEWS = {kind: name for name, kinds in (("keys", KEYS), ("values", VALUES), ("items", ITEMS)) for kind in kinds}

CODECS: dict[type, ValueCodec] = {
    tuple: ValueCodec("tuple", list, lambda *parts: parts),
    frozenset: ValueCodec("frozenset", set_parts, frozen_set),
    bytes: ValueCodec("bytes", lambda value: [value.decode("latin-1")], lambda text: text.encode("latin-1")),
    complex: ValueCodec("complex", lambda value: [value.real, value.imag], complex),
    range: ValueCodec("range", lambda value: [value.start, value.stop, value.step], range),
    slice: ValueCodec("slice", lambda value: [value.start, value.stop, value.step], slice),
    Fraction: ValueCodec("Fraction", lambda value: [value.numerator, value.denominator], Fraction),
    Decimal: ValueCodec("Decimal", lambda value: [str(value)], Decimal),
    re.Pattern: ValueCodec("pattern", lambda value: [value.pattern, value.flags], re.compile),
    re.Match: ValueCodec("match", _match_parts, lambda pattern, name, *rest: getattr(pattern, name)(*rest), None, True),
    type(...): ValueCodec("Ellipsis", lambda value: [], lambda: ...),
    functools.partial: ValueCodec("partial", _partial_parts, functools.partial, None, True),
    TableHistory: ValueCodec("past", lambda value: [value.finger, value.size], TableHistory),
    Dummy: ValueCodec("gap", lambda value: [value.index], Dummy),
    set: ValueCodec("set", set_parts, set, fill_set, True),
    bytearray: ValueCodec("bytearray", list, bytearray, lambda value, parts: value.extend(parts), True),
    deque: ValueCodec("deque", lambda value: [value.maxlen, *value], deque, _fill_deque, True),
    Counter: ValueCodec("Counter", flat_pairs, Counter, fill_pairs, True),
    OrderedDict: ValueCodec("OrderedDict", flat_pairs, OrderedDict, fill_pairs, True),
    defaultdict: ValueCodec(
        "defaultdict", lambda value: [value.default_factory, *flat_pairs(value)], defaultdict, _fill_default, True
    ),
    array.array: ValueCodec(
        "array", lambda value: [value.typecode, *value], lambda code, *items: array.array(code, items), None, True
    ),
    **{
        kind: ValueCodec(name, lambda value: [dict_of(value)], methodcaller(name), None, True)
        for kind, name in _VIEWS.items()
    },
    ContainerIterator: ValueCodec("walk", _iterator_parts, _container_iterator, None, True),
    DequeIterator: ValueCodec("deque_walk", _iterator_parts, DequeIterator, None, True),
    enumerate: ValueCodec("enumerate", _iterator_arguments, enumerate, None, True),
    zip: ValueCodec("zip", _zip_parts, lambda strict, *parts: zip(*parts, strict=strict), None, True),
    map: ValueCodec("map", _iterator_arguments, map, None, True),
    filter: ValueCodec("filter", _iterator_arguments, filter, None, True),
    reversed: ValueCodec("reversed", _sequence_iterator_parts, _REVERSED, None, True),
    type(reversed([])): ValueCodec("reversed", _sequence_iterator_parts, _REVERSED, None, True),
    **{type(iter(each)): ValueCodec("iterator", _sequence_iterator_parts, _ITER, None, True) for each in _SEQUENCES},
}
"""The codecs by exact type. A subclass does not use the codec of its base class."""
