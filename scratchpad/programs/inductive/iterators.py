"""Iterators whose positions can be read and set, for those of CPython that hide theirs."""

from __future__ import annotations

import gc
import itertools
import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any, NoReturn

from scratchpad.programs.inductive.cpython_internals import deque_changes, keys_place, set_table
from scratchpad.programs.inductive.unsupported import Unsupported

KEYS = (type({}.keys()), type(OrderedDict().keys()))
VALUES = (type({}.values()), type(OrderedDict().values()))
ITEMS = (type({}.items()), type(OrderedDict().items()))
_VIEWS = KEYS + VALUES + ITEMS
_DICTS = (dict, defaultdict, Counter, OrderedDict)
_SETS = (set, frozenset)
WALKED = "@walked"
"""The name, among the builtins, of a function that is `walked`."""

_WALKED = frozenset((*_VIEWS, *_DICTS, *_SETS))
_COMBINATIONS = (
    itertools.product, itertools.permutations, itertools.combinations, itertools.combinations_with_replacement,
)  # fmt: skip
_MOST_COMBINATIONS = 10_000


class Walk:
    """Goes through a dict, one of its views, a set or a frozenset, as CPython does.

    over: what is gone through. keys: its elements, or its keys, when the loop began. place: of the next one. changed:
    whether it has been changed since, even if it has the same keys again.
    """

    def __init__(self, over: Any, keys: list[Any], place: int = 0, changed: bool = False) -> None:
        self.over, self.keys, self.place = over, keys, place
        self._mark = None if changed else _mark(over)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.place >= 0 and not self.is_unchanged():
            self._fail()
        if not 0 <= self.place < len(self.keys):
            self.place = -1
            raise StopIteration
        key = self.keys[self.place]
        self.place += 1
        if isinstance(self.over, VALUES + ITEMS):
            held = dict_of(self.over)
            return (key, held[key]) if isinstance(self.over, ITEMS) else held[key]
        return key

    def _fail(self) -> NoReturn:
        """It has been changed: the error is CPython's where it is sure that there is one."""
        over, size = dict_of(self.over) if isinstance(self.over, _VIEWS) else self.over, len(self.keys)
        if type(over) is OrderedDict or len(over) == size:
            raise Unsupported("dict or set that is changed while it is gone through")
        self.place = -1
        raise RuntimeError(f"{'Set' if isinstance(over, set) else 'dictionary'} changed size during iteration")

    def is_unchanged(self) -> bool:
        """Whether it still is as in the beginning: what CPython goes on with else, it hides."""
        now = keys_of(self.over)
        same = len(now) == len(self.keys) and all(map(operator.is_, now, self.keys))
        return same and self._mark == _mark(self.over)


def _mark(over: Any) -> Any:
    """What another addition gives another value, even of a key that was taken out before."""
    if isinstance(over, _SETS):
        return set_table(over)
    return keys_place(dict_of(over) if isinstance(over, _VIEWS) else over)


class DequeWalk:
    """Goes through a deque, as CPython does. place: of the next item. changed: whether it has been changed since."""

    def __init__(self, over: deque[Any], place: int = 0, changed: bool = False) -> None:
        self.over, self.place = over, place
        self._changes = None if changed else deque_changes(over)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.is_unchanged():
            raise RuntimeError("deque mutated during iteration")
        if self.place == len(self.over):
            raise StopIteration
        self.place += 1
        return self.over[self.place - 1]

    def is_unchanged(self) -> bool:
        """Whether nothing has been put in, taken out or moved."""
        return self._changes == deque_changes(self.over)


def keys_of(over: Any) -> list[Any]:
    """The keys of a dict or of a view's, the elements of a set."""
    return list(dict_of(over) if isinstance(over, _VIEWS) else over)


def dict_of(view: Any) -> dict[Any, Any]:
    """The dict that a view is of."""
    return next(each for each in gc.get_referents(view) if isinstance(each, dict))


def walked(value: Any) -> Any:
    """What `enumerate`, `zip` and the like are given to go through, with a position that can be read."""
    if type(value) is deque:
        return DequeWalk(value)
    return Walk(value, keys_of(value)) if type(value) in _WALKED else value


def iterate(value: Any) -> Iterator[Any]:
    """An iterator over a value for a loop of the program's. TypeError where it has none."""
    kind = type(value)
    if kind in _COMBINATIONS:  # they have read all that they go through already
        listed = list(itertools.islice(value, _MOST_COMBINATIONS + 1))
        return iter(listed) if len(listed) <= _MOST_COMBINATIONS else itertools.chain(listed, value)
    return iter(walked(value))
