"""Confidence intervals of shares, such as accuracies, and of medians."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_MIN_VALUES = 6  # with fewer values, no interval contains the median with 95 % probability


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of correct / n (Wilson 1927). The default `z` gives a 95 % interval."""
    if n == 0:
        return 0.0, 1.0
    share, spread = correct / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Share:
    """The share of correct results: `correct` of all `n` results."""

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
        """The Wilson 95 % interval."""
        return wilson(self.correct, self.n)

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {"n": self.n, "correct": self.correct, "accuracy": self.accuracy, "low": low, "high": high}


def spread_name(values: int) -> str:
    """Return the name of the interval that a table shows for this number of seeds."""
    if values == 1:
        return "95 % interval"
    return "lowest to highest" if values < _MIN_VALUES else "95 % interval of the median"


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return a distribution-free interval of the median, from the k-th smallest to the k-th largest value.

    k is the largest number for which the interval contains the median with probability `level`. With fewer than six
    values, no interval reaches 95 %. The result is then the range of the values (94 % for five values).
    """
    ordered, n = sorted(values), len(values)
    outside, most, k = 2.0**-n, (1 - level) / 2, 0  # outside: P(at most k of n values are below the median)
    while outside + math.comb(n, k + 1) * 2.0**-n <= most:
        k += 1
        outside += math.comb(n, k) * 2.0**-n
    return ordered[k], ordered[n - 1 - k]
