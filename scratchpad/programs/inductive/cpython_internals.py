"""Read CPython's memory: the hash tables of sets, and numbers that change when a dict or a deque changes.

Two equal sets can differ in their order. A set keeps its elements in a hash table. An element's hash determines a
place; if this place is taken, the element goes to a free place. A removed element leaves a dummy, which occupies the
place until the table grows. So the order of iteration and of `pop` depends on the table's size, the insertions and the
dummies. A state records the elements and the dummies in the table's order. If necessary, the state also has the
table's size and the *finger*: the place where the next `pop` starts to search for an element.

    s = {1, 2, 3}
    s.pop()          # returns 1 and leaves a dummy in the place of 1; the next `pop` starts just after the dummy

The parts of this set are TableHistory(finger=2, size=8), Dummy(1), 2, 3.

This module reads the structs of CPython 3.11 to 3.13 (setobject.h, dictobject.h, _collectionsmodule.c).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scratchpad.programs.inductive.unsupported import Unsupported

_WORD_BYTES = ctypes.sizeof(ctypes.c_ssize_t)


@dataclass(frozen=True)
class TableHistory:
    """Two properties of a set's hash table. `finger`: where `pop` starts to search. `size`: the number of places."""

    finger: int
    size: int


@dataclass(frozen=True, eq=False)
class Dummy:
    """The mark of a removed element in a set's hash table. `index`: the place's index in the table."""

    index: int

    def __hash__(self) -> int:
        return self.index


def set_parts(value: Any) -> list[Any]:
    """Return a set's elements and dummies in the table's order. A TableHistory comes first if rebuilding needs it."""
    # Functions and NaNs are hashed by address, so their places in a table differ from run to run.
    if any(each != each or (type(each).__hash__ is object.__hash__ and each is not None) for each in value):
        raise Unsupported("set of values whose hash is their address")
    header, table = _set_header(value), set_table(value)
    held, elements = set(map(id, value)), iter(value)
    entries = [next(elements) if address in held else Dummy(index) for index, address in enumerate(table) if address]
    for parts in (entries, [TableHistory(header.finger, len(table)), *entries]):
        if isinstance(value, frozenset):
            rebuilt = frozen_set(*parts)
        else:
            rebuilt = set[Any]()
            fill_set(rebuilt, parts)
        if set_table(rebuilt) == table and _set_header(rebuilt).finger == header.finger:
            return parts
    raise Unsupported("set in an order that its elements do not determine")


def fill_set(value: set[Any], parts: list[Any]) -> None:
    history, entries = _split(parts)
    value.update(range(history.finger))
    for _ in range(history.finger):  # each `pop` moves the finger by one place; only `pop` moves it
        value.pop()
    value.clear()
    first = history.size // 8  # a table that grows gets at most 8 places per element
    value.update(entries[:first])
    if first:
        _renew_table(value)
    value.update(entries[first:])
    for dummy in [entry for entry in entries if type(entry) is Dummy]:
        value.discard(dummy)  # one at a time, because `difference_update` may build a new table


def frozen_set(*parts: Any) -> frozenset[Any]:
    """Build a frozenset from `parts`. A TableHistory means that CPython built the table from a dict."""
    history, elements = _split(parts)
    return frozenset(dict.fromkeys(elements) if history.size else elements)


def _renew_table(value: set[Any]) -> None:
    """Make CPython build a new table without dummies: add elements until the table grows, and remove these elements."""
    dummies: list[Dummy] = []
    while len(dummies) <= _set_header(value).mask // 4:
        dummies.append(Dummy(len(dummies)))
        value.add(dummies[-1])
    value.difference_update(dummies)


def _split(parts: Sequence[Any]) -> tuple[TableHistory, Sequence[Any]]:
    return (parts[0], parts[1:]) if parts and type(parts[0]) is TableHistory else (TableHistory(0, 0), parts)


def set_table(value: Any) -> list[int]:
    """Return the address of the element or dummy at each place of a set's table. An unused place has address 0."""
    header = _set_header(value)
    return _words(header.table, 2 * (header.mask + 1))[::2]  # each entry: key, hash


def dict_keys_version(value: Any) -> tuple[int, int]:
    """Return the address of a dict's key table and the number of taken places. A new key changes the result."""
    _, _, table = _words(id(value) + object.__basicsize__, 3)  # PyDictObject: ma_used, ma_version_tag, ma_keys
    return table, _words(table, 4)[3]  # PyDictKeysObject: dk_nentries


def deque_version(value: Any) -> int:
    """Return how many times the size or order of a deque has changed."""
    return _words(id(value) + object.__basicsize__, 6)[5]  # dequeobject: state


class _SetHeader(NamedTuple):
    """The first fields of PySetObject. `fill`: the number of taken places. `mask`: the number of places, minus 1."""

    fill: int
    used: int
    mask: int
    table: int
    hash: int
    finger: int


def _set_header(value: Any) -> _SetHeader:
    return _SetHeader(*_words(id(value) + object.__basicsize__, len(_SetHeader._fields)))


def _words(address: int, count: int) -> list[int]:
    words = (ctypes.c_ssize_t * count)()
    ctypes.memmove(words, address, count * _WORD_BYTES)
    return list(words)
