"""Random draws that are pure functions of a stream's name and index. They are the same on every machine.

The draws use the raw words of Philox, a counter-based generator. numpy guarantees equal raw words in all versions, but
not equal draws from distributions. The generator's key is a digest of the stream's name, so streams with different
names are independent, even if only the seed differs. The stream's index is the upper half of the generator's counter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.random import Philox

from scratchpad.errors import ScratchpadError

T = TypeVar("T")
_WORDS_AT_ONCE = 64


@lru_cache(maxsize=4096)
def _key(name: str) -> tuple[int, int]:
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _philox(name: str, index: int) -> Philox:
    counter = np.array([0, 0, index, 0], np.uint64)
    return Philox(key=np.array(_key(name), np.uint64), counter=counter)


def stream_name(*parts: object) -> str:
    """Return the name of a stream: a text made of the given parts, such as a task, its settings, a seed and a split."""
    return json.dumps(parts, sort_keys=True, separators=(",", ":"))


class Stream:
    """A stream of random draws. Streams with equal name and index give equal draws."""

    def __init__(self, name: str, index: int = 0) -> None:
        self._bits = _philox(name, index)
        self._words: list[int] = []

    def word(self) -> int:
        """Return a uniform integer in [0, 2**64)."""
        if not self._words:
            self._words = self._bits.random_raw(_WORDS_AT_ONCE).tolist()[::-1]
        return self._words.pop()

    def below(self, n: int) -> int:
        """Return a uniform integer in [0, n). The bias is below n / 2**64, because a draw uses one 64-bit word."""
        if n < 1:
            raise ScratchpadError(f"cannot draw from {n} possibilities: at least 1 possibility is needed")
        return self.word() * n >> 64

    def between(self, low: int, high: int) -> int:
        """Return a uniform integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def uniform(self) -> float:
        """Return a uniform float in [0, 1) with 53 random bits."""
        return (self.word() >> 11) * 2.0**-53

    def choice(self, items: Sequence[T]) -> T:
        """Return a random item; all items are equally likely."""
        return items[self.below(len(items))]

    def sample(self, n: int, k: int) -> list[int]:
        """Return k distinct integers of range(n) in random order: the first k steps of a Fisher-Yates shuffle."""
        if k > n:
            raise ScratchpadError(f"cannot draw {k} distinct numbers from {n} numbers")
        moved: dict[int, int] = {}
        drawn = []
        for i in range(k):
            j = i + self.below(n - i)
            drawn.append(moved.get(j, j))
            moved[j] = moved.get(i, i)
        return drawn

    def sample_names(self, names: Sequence[T], k: int) -> list[T]:
        """Return k different names in random order, for problems in which all names are equivalent."""
        return [names[i] for i in self.sample(len(names), k)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        return [items[i] for i in self.sample(len(items), len(items))]


def permutation(name: str, index: int, n: int) -> np.ndarray:
    """Return a random permutation of range(n), as int64 of shape (n,)."""
    return np.argsort(_philox(name, index).random_raw(n), kind="stable")
