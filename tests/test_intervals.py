"""The interval of a median, against all sequences of coin tosses."""

from __future__ import annotations

import math
from itertools import product

import pytest

from scratchpad.evaluation.intervals import median_interval, spread_name


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_values_span_the_interval(n: int) -> None:
    values = [float(7 * i % n) for i in range(n)]
    assert median_interval(values) == (min(values), max(values))


@pytest.mark.parametrize("n", [6, 9, 11, 13])
def test_the_interval_is_the_narrowest_with_95_percent(n: int) -> None:
    """Each value is below or above the true median with equal probability: counted over all 2**n outcomes."""
    low, high = median_interval([float(i) for i in range(n)])
    k = int(low)
    assert high == n - 1 - k

    def held(k: int) -> float:
        inside = [k < sum(below) < n - k for below in product((0, 1), repeat=n)]
        return sum(inside) / len(inside)

    assert held(k) >= 0.95 > held(k + 1)


def test_few_seeds_are_not_called_an_interval_of_95_percent() -> None:
    for n in range(2, 13):
        outside = 2 * 0.5**n  # all tosses alike
        assert ("95 %" in spread_name(n)) == (outside <= 0.05)
    assert spread_name(1) == "95 % interval"
    assert spread_name(5) == "lowest to highest"


def test_runs_that_never_learned_count_as_infinite() -> None:
    assert median_interval([3.0, math.inf, 2.0]) == (2.0, math.inf)
