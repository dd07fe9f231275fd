"""What CPython hides: the table of a set, which tells the order of later elements; whether a container was changed."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchpad.programs.inductive.unsupported import Unsupported

_WORD_BYTES = ctypes.sizeof(ctypes.c_ssize_t)


@dataclass(frozen=True)
class Past:
    """What elements alone do not tell of a set. finger: where `pop` looks first. size: of its table."""

    finger: int
    size: int


@dataclass(frozen=True, eq=False)
class Gap:
    """Stands in a set for an element that was removed: its place in the table stays taken until the table grows."""

    place: int

    def __hash__(self) -> int:
        return self.place


def set_parts(value: Any) -> list[Any]:
    """What makes the same set again, to its table: its elements and gaps in their order, behind its past if need be."""
    if any(map(_is_placed_by_address, value)):
        raise Unsupported("set of values without an order of their own")
    header, table = _header(value), set_table(value)
    held, elements = set(map(id, value)), iter(value)
    parts = [next(elements) if key in held else Gap(place) for place, key in enumerate(table) if key]
    for told in (parts, [Past(header.finger, len(table)), *parts]):
        again = _again(type(value), told)
        if set_table(again) == table and _header(again).finger == header.finger:
            return told
    raise Unsupported("set in an order that its elements do not tell")


def fill_set(value: set[Any], parts: list[Any]) -> None:
    """The opposite, for an empty set."""
    past, elements = _past_of(parts)
    value.update(range(past.finger))
    for _ in range(past.finger):  # each takes the next place's, and nothing else moves the finger
        value.pop()
    value.clear()
    first = past.size // 8  # a table that has grown has at most eight places for each element
    value.update(elements[:first])
    if first:
        _make_room(value)
    value.update(elements[first:])
    for gap in [part for part in elements if type(part) is Gap]:
        value.discard(gap)


def frozen_set(*parts: Any) -> frozenset[Any]:
    """The opposite, for a frozenset: a copy's table is as large as if it were made of a dict."""
    past, elements = _past_of(parts)
    return frozenset(dict.fromkeys(elements) if past.size else elements)


def _again(kind: type, parts: list[Any]) -> Any:
    if kind is frozenset:
        return frozen_set(*parts)
    made: set[Any] = set()
    fill_set(made, parts)
    return made


def _make_room(value: set[Any]) -> None:
    """Make a set's table new, with more than four places for each element: so it grows, and when gaps are cleared."""
    gaps: list[Gap] = []
    while len(gaps) <= _header(value).mask // 4:
        gaps.append(Gap(len(gaps)))
        value.add(gaps[-1])
    value.difference_update(gaps)


def _past_of(parts: Sequence[Any]) -> tuple[Past, Sequence[Any]]:
    return (parts[0], parts[1:]) if parts and type(parts[0]) is Past else (Past(0, 0), parts)


def _is_placed_by_address(value: Any) -> bool:
    """Whether a set has a value somewhere else in every run: a function, or not-a-number."""
    return value != value or (type(value).__hash__ is object.__hash__ and value is not None)


def set_table(value: Any) -> list[int]:
    """The addresses of what is in each place of a set's table, 0 where nothing has been."""
    header = _header(value)
    return _words(header.table, 2 * (header.mask + 1))[::2]


def keys_place(value: Any) -> tuple[int, int]:
    """Where a dict's table of keys is, and how many places of it are taken: another key takes one, or moves it."""
    _, _, table = _words(id(value) + object.__basicsize__, 3)  # as in CPython's dictobject.h
    return table, _words(table, 4)[3]


def deque_changes(value: Any) -> int:
    """How often a deque has been changed in size or order."""
    return _words(id(value) + object.__basicsize__, 6)[5]  # as in CPython's _collectionsmodule.c


class _Header(NamedTuple):
    """Of a set, as in CPython's setobject.h. fill: places taken. finger: where `pop` looks first."""

    fill: int
    used: int
    mask: int
    table: int
    hash: int
    finger: int


def _header(value: Any) -> _Header:
    return _Header(*_words(id(value) + object.__basicsize__, len(_Header._fields)))


def _words(address: int, count: int) -> list[int]:
    found = (ctypes.c_ssize_t * count)()
    ctypes.memmove(found, address, count * _WORD_BYTES)
    return list(found)
