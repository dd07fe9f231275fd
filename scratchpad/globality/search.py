"""The fewest tokens that tell something: by looking at all sets of places, small ones first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scratchpad.globality.cases import Report
from scratchpad.globality.table import Table, masses
from scratchpad.random_stream import Stream, permutation, stream_name

_HALF = 0.5
_NOTHING_BITS = 1e-9
"""Less than that is the rounding of sums."""
_LEAST_IN_STRATUM = 8
"""Documents that share a histogram, on average, where a sample can be judged histogram by histogram."""
SHUFFLES = 999
"""Of a test against chance: its smallest p is 1 / (SHUFFLES + 1)."""


@dataclass(frozen=True)
class Effort:
    """How far a search goes. largest: tokens in a set; work: sets of one size times documents; threshold: see `found`.

    chance: the largest p that passes as more than chance.
    """

    largest: int = 4
    work: int = 50_000_000
    threshold: float | None = None
    chance: float = 1 / (SHUFFLES + 1)
    seed: int = 0


@dataclass(frozen=True)
class Found:
    """What is known of one scored token.

    degree: the fewest tokens that tell enough; 0 where the histogram tells all, or where nothing tells more (`why`).
    at_least: none of fewer tokens do, and larger sets were not looked at (`why`).
    places: the best such set. told: the share of what the histogram leaves unknown that it tells. by_histogram: the
    share of all that the histogram tells alone (of a sample, where `histogram` is False: not looked at). p: of the
    test against chance, for samples.
    """

    degree: int
    at_least: bool
    why: str
    places: tuple[int, ...]
    told: float
    threshold: float
    by_histogram: float
    histogram: bool
    entropy: float
    p: float | None


def search(table: Table, exact: bool, effort: Effort, report: Report) -> Found:
    """Find the degree of one token. A set passes that tells at least `threshold` of what the histogram leaves unknown.

    The threshold is 2 / T by default, T the tokens that vary, and at most a half: the definition's inverse polynomial,
    and more than the histogram tells about a single token that was not looked at (docs/globality.md).
    """
    telling = table.telling
    threshold = effort.threshold if effort.threshold is not None else min(_HALF, 2 / max(1, len(telling)))
    kinds = len(masses(table.histogram, table.odds))
    histogram = exact or kinds * _LEAST_IN_STRATUM <= len(table.odds)
    entropy, left = table.entropy(), table.unknown(histogram=histogram)
    by_histogram = 1 - left / entropy if entropy > _NOTHING_BITS else 0.0

    def found(
        degree: int, places: tuple[int, ...] = (), told: float = 0.0, p: float | None = None, why: str = ""
    ) -> Found:
        more = bool(why) and degree > 0
        return Found(degree, more, why, places, told, threshold, by_histogram, histogram, entropy, p)

    if left <= _NOTHING_BITS:
        return found(0)
    if exact and 1 - table.unknown(telling) / left < threshold:
        return found(0, why="all that is seen together tells no more: this token is drawn at random")
    judge = _Exact(table, left) if exact else _Sample(table, histogram, effort)
    for size in range(1, len(telling) + 1):
        sets = math.comb(len(telling), size)
        if size > effort.largest:
            return found(size, why=f"sets of more than {effort.largest} tokens are not looked at")
        if sets * len(table.odds) > effort.work:
            return found(size, why=f"{sets:,} sets of {size} tokens are too many")
        places, told, p = judge.best(_counted(combinations(telling, size), sets, report))
        if told >= threshold and (p is None or p <= effort.chance):
            return found(size, places, told, p)
    return found(0, why="all that is seen together tells no more than chance")


def _counted(sets: Iterator[tuple[int, ...]], total: int, report: Report) -> Iterator[tuple[int, ...]]:
    for number, chosen in enumerate(sets, 1):
        report("sets of tokens", number, total)
        yield chosen


class _Exact:
    """All documents are known with their odds: information is computed."""

    def __init__(self, table: Table, left: float) -> None:
        self._table, self._left = table, left

    def best(self, sets: Iterator[tuple[int, ...]]) -> tuple[tuple[int, ...], float, None]:
        unknown, places = min((self._table.unknown(chosen), chosen) for chosen in sets)
        return places, 1 - unknown / self._left, None


class _Sample:
    """A sample in two halves: one chooses the set, so that the other may judge it, a single one, against chance.

    Chance: the answers exchanged at random among documents with equal histograms. What such answers seem to be told is
    taken off: a sample always seems to tell something.
    """

    def __init__(self, table: Table, histogram: bool, effort: Effort) -> None:
        order = permutation(stream_name("globality", effort.seed, table.state, table.place), 0, len(table.odds))
        self._choosing, self._judging = (table.part(half) for half in np.array_split(order, 2))
        self._histogram = histogram
        self._seed = effort.seed

    def best(self, sets: Iterator[tuple[int, ...]]) -> tuple[tuple[int, ...], float, float]:
        _, places = min((self._choosing.expected(chosen, self._histogram), chosen) for chosen in sets)
        table = self._judging
        observed = table.unknown(places, histogram=self._histogram)
        rng = np.random.Generator(np.random.Philox(key=Stream(stream_name("chance", self._seed, *places)).word()))
        shuffles = [
            table.unknown(places, answers, self._histogram)
            for answers in _by_chance(table, self._histogram, SHUFFLES, rng)
        ]
        left = float(np.mean(shuffles))
        p = (1 + sum(one <= observed + _NOTHING_BITS for one in shuffles)) / (SHUFFLES + 1)
        return places, (left - observed) / left if left > _NOTHING_BITS else 0.0, p


def _by_chance(table: Table, histogram: bool, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Answers exchanged among documents with equal histograms. Of a name only how often it occurs goes along: it
    becomes any of the names that occur as often in its new document.
    """
    strata = table.histogram if histogram else np.zeros_like(table.histogram)
    order = np.argsort(strata, kind="stable")
    named = table.answers >= table.symbols
    for _ in range(count):
        shuffled = np.lexsort((rng.random(len(strata)), strata))
        answers = np.empty_like(table.answers)
        answers[order] = table.answers[shuffled]
        if named.any():
            times = np.empty_like(table.answers)
            times[order] = table.times(table.answers)[shuffled]
            answers = np.where(answers >= table.symbols, _any_name(table, times, rng), answers)
        yield answers


def _any_name(table: Table, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In each document one of the names that occur so often; any name where none does."""
    fits = table.counts == times[:, None]
    return table.symbols + np.argmax(fits * rng.random(fits.shape), 1)
