"""Iterators whose positions can be read and set, for those of CPython that hide theirs."""

from __future__ import annotations

import gc
import itertools
import operator
from collections.abc import Iterator
from typing import Any

from scratchpad.programs.inductive.subset import Refused

_VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
_COMBINATIONS = (
    itertools.product, itertools.permutations, itertools.combinations, itertools.combinations_with_replacement,
)  # fmt: skip
_MOST_COMBINATIONS = 10_000


class Walk:
    """Goes through a dict, one of its views, a set or a frozenset, as CPython does.

    over: what is gone through. keys: its elements, or its keys, when the loop began. place: of the next one.
    """

    def __init__(self, over: Any, keys: list[Any], place: int = 0) -> None:
        self.over, self.keys, self.place = over, keys, place

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.place >= 0 and len(self.over) != len(self.keys):
            self.place = -1
            kind = "Set" if isinstance(self.over, set) else "dictionary"
            raise RuntimeError(f"{kind} changed size during iteration")
        if not self.is_unchanged():
            raise Refused("dict or set that is changed while it is gone through")
        if not 0 <= self.place < len(self.keys):
            self.place = -1
            raise StopIteration
        key = self.keys[self.place]
        self.place += 1
        if isinstance(self.over, _VIEWS[1:]):
            held = dict_of(self.over)
            return (key, held[key]) if isinstance(self.over, _VIEWS[2]) else held[key]
        return key

    def is_unchanged(self) -> bool:
        """Whether it still has the keys that it had in the beginning: what CPython goes on with else, it hides."""
        now = keys_of(self.over)
        return len(now) == len(self.keys) and all(map(operator.is_, now, self.keys))


def keys_of(over: Any) -> list[Any]:
    """The keys of a dict or of a view's, the elements of a set."""
    return list(dict_of(over) if isinstance(over, _VIEWS) else over)


def dict_of(view: Any) -> dict[Any, Any]:
    """The dict that a view is of."""
    return next(each for each in gc.get_referents(view) if isinstance(each, dict))


def iterate(value: Any) -> Iterator[Any]:
    """An iterator over a value for a loop of the program's. TypeError where it has none."""
    kind = type(value)
    if kind in _VIEWS or kind in (dict, set, frozenset):
        return Walk(value, keys_of(value))
    if kind in _COMBINATIONS:  # they have read all that they go through already
        listed = list(itertools.islice(value, _MOST_COMBINATIONS + 1))
        return iter(listed) if len(listed) <= _MOST_COMBINATIONS else itertools.chain(listed, value)
    return iter(value)
