"""Shares with their intervals, and intervals of medians."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_FEWEST = 6  # values whose lowest and highest hold the median with odds of 95 %


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 % by default (Wilson 1927). (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    share, spread = correct / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Share:
    """How many of n are correct."""

    correct: int = 0
    n: int = 0

    @classmethod
    def of(cls, verdicts: Iterable[bool]) -> Share:
        share = cls()
        for correct in verdicts:
            share.add(correct)
        return share

    def add(self, correct: bool) -> None:
        self.correct += correct
        self.n += 1

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson)."""
        return wilson(self.correct, self.n)

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {"n": self.n, "correct": self.correct, "accuracy": self.accuracy, "low": low, "high": high}


def spread_name(values: int) -> str:
    """What to call the interval of the median of so many values: one of 95 %, or all that few of them span.

    Of one value it is the value's own (`wilson`).
    """
    if values == 1:
        return "95 % interval"
    return "lowest to highest" if values < _FEWEST else "95 % interval of the median"


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """An interval of the median that assumes no distribution: the k-th smallest and the k-th largest of the values.

    k is as large as leaves `level` odds that the median lies between. From fewer than six values none does for 95 %:
    then it is the lowest and the highest (five hold the median with odds of 94 %, three with 75 %).
    """
    ordered, n = sorted(values), len(values)
    outside, most, k = 2.0**-n, (1 - level) / 2, 0  # outside: P(at most k of n lie below the median)
    while outside + math.comb(n, k + 1) * 2.0**-n <= most:
        k += 1
        outside += math.comb(n, k) * 2.0**-n
    return ordered[k], ordered[n - 1 - k]
