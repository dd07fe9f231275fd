"""Iterators whose positions can be read and set. They replace the CPython iterators whose positions are hidden.

In CPython, `__reduce__` returns the position of an iterator over a list, a string or a range, but not over a dict, set
or deque. So a loop over a dict, a set or a deque uses an iterator of this module. `zip`, `enumerate`, `map`, `filter`
and `iter` receive such an iterator too. This module's iterators behave like CPython's, but have readable positions.

CPython detects some changes of a dict or set during iteration. After other changes, CPython's results depend on the
hash table's hidden contents. In this case, an iterator of this module raises Unsupported.
"""

from __future__ import annotations

import gc
import itertools
import operator
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

from scratchpad.programs.inductive.cpython_internals import deque_version, dict_keys_version, set_table
from scratchpad.programs.inductive.unsupported import Unsupported

KEYS = (type({}.keys()), type(OrderedDict().keys()))
VALUES = (type({}.values()), type(OrderedDict().values()))
ITEMS = (type({}.items()), type(OrderedDict().items()))
_VIEWS = KEYS + VALUES + ITEMS
_SETS = (set, frozenset)
_CONTAINERS = frozenset((*_VIEWS, *_SETS, dict, defaultdict, Counter, OrderedDict))
_COMBINATIONS = (
    itertools.product, itertools.permutations, itertools.combinations, itertools.combinations_with_replacement,
)  # fmt: skip
_MOST_COMBINATIONS = 10_000


class ContainerIterator:
    """An iterator over a dict, a view of a dict, a set or a frozenset.

    `keys`: the container's keys or elements at the start of the iteration. `position`: the index of the next key, or -1
    after the end. `changed`: whether the container has changed since the start, even if the keys are equal again.
    """

    def __init__(self, container: Any, keys: list[Any], position: int = 0, changed: bool = False) -> None:
        self.container, self.keys, self.position = container, keys, position
        self._version = None if changed else _version(container)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.position >= 0 and not self.is_unchanged():
            held = dict_of(self.container) if isinstance(self.container, _VIEWS) else self.container
            if type(held) is OrderedDict or len(held) == len(self.keys):
                raise Unsupported("dict or set changed during its iteration")
            self.position = -1
            raise RuntimeError(f"{'Set' if isinstance(held, set) else 'dictionary'} changed size during iteration")
        if not 0 <= self.position < len(self.keys):
            self.position = -1
            raise StopIteration
        key = self.keys[self.position]
        self.position += 1
        if isinstance(self.container, VALUES + ITEMS):
            value = dict_of(self.container)[key]
            return (key, value) if isinstance(self.container, ITEMS) else value
        return key

    def is_unchanged(self) -> bool:
        """Return whether the container's keys and their places are the same as at the start of the iteration."""
        now = keys_of(self.container)
        same_keys = len(now) == len(self.keys) and all(map(operator.is_, now, self.keys))
        return same_keys and self._version == _version(self.container)


def _version(container: Any) -> Any:
    """Return a value that changes if the program adds a key, even a key that the program has removed earlier."""
    if isinstance(container, _SETS):
        return set_table(container)
    return dict_keys_version(dict_of(container) if isinstance(container, _VIEWS) else container)


class DequeIterator:
    """An iterator over a deque. `position`: the next index. `changed`: whether the deque changed since the start."""

    def __init__(self, container: deque[Any], position: int = 0, changed: bool = False) -> None:
        self.container, self.position = container, position
        self._version = None if changed else deque_version(container)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.is_unchanged():
            raise RuntimeError("deque mutated during iteration")
        if self.position == len(self.container):
            raise StopIteration
        self.position += 1
        return self.container[self.position - 1]

    def is_unchanged(self) -> bool:
        return self._version == deque_version(self.container)


def keys_of(container: Any) -> list[Any]:
    """Return the keys of a dict, the keys of the dict behind a view, or the elements of a set."""
    return list(dict_of(container) if isinstance(container, _VIEWS) else container)


def dict_of(view: Any) -> dict[Any, Any]:
    return next(each for each in gc.get_referents(view) if isinstance(each, dict))


def resumable(value: Any) -> Any:
    """Return an iterator with a readable position for a dict, dict view, set or deque; otherwise return `value`."""
    if type(value) is deque:
        return DequeIterator(value)
    return ContainerIterator(value, keys_of(value)) if type(value) in _CONTAINERS else value


def iterate(value: Any) -> Iterator[Any]:
    """Return the iterator of a `for` loop over a value. Raises TypeError if the value is not iterable."""
    if type(value) in _COMBINATIONS:  # such an iterator hides its position; replace it by an equivalent list
        items = list(itertools.islice(value, _MOST_COMBINATIONS + 1))
        return iter(items) if len(items) <= _MOST_COMBINATIONS else itertools.chain(items, value)
    return iter(resumable(value))
