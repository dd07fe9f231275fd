"""Search for the smallest set of visible tokens that gives information about a scored token."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from scratchpad.globality.cases import ReportProgress
from scratchpad.globality.table import TokenTable, masses
from scratchpad.random_stream import Stream, permutation, stream_name

_MAX_THRESHOLD = 0.5
_ZERO_BITS = 1e-9
"""An entropy below this number of bits is a rounding error."""
_MIN_PER_HISTOGRAM = 8
"""A sample uses histograms only if the mean number of documents per histogram reaches this value."""
SHUFFLES = 999
"""The number of permutations in the test against chance. The smallest possible p-value is 1 / (SHUFFLES + 1)."""


@dataclass(frozen=True)
class SearchLimits:
    """Limits of a search.

    `largest`: the largest number of tokens in a set. `work`: the limit of (number of sets of one size) *
    (number of documents). `threshold`: the share of entropy that a set must remove (see `search`). `chance`: the
    largest p-value that counts as better than chance. `seed`: the seed of the test against chance.
    """

    largest: int = 4
    work: int = 50_000_000
    threshold: float | None = None
    chance: float = 1 / (SHUFFLES + 1)
    seed: int = 0


@dataclass(frozen=True)
class SearchResult:
    """The result for one scored token. The histogram counts how often each symbol occurs among the visible tokens.

    `degree`: the size of the smallest set with enough information. The degree is 0 if the histogram determines the
    token, or if no set adds information to the histogram. `at_least`: whether `degree` is only a lower bound, because
    larger sets were not searched. `why`: the reason for a lower bound, or for the degree 0 of a random token. `places`:
    those of the best set. `information`: the share of the token's entropy, given the histogram, that this set removes.
    `by_histogram`: the share of the token's entropy that the histogram removes. `histogram`: whether the search used
    the histogram, which needs a large sample. `entropy`: the token's entropy in bits. `p`: the p-value of the test
    against chance; None if all documents are known.
    """

    degree: int
    at_least: bool
    why: str
    places: tuple[int, ...]
    information: float
    threshold: float
    by_histogram: float
    histogram: bool
    entropy: float
    p: float | None


def search(table: TokenTable, exact: bool, limits: SearchLimits, report: ReportProgress) -> SearchResult:
    """Find the globality degree of one token.

    A set of tokens has enough information if it removes at least the share `limits.threshold` of the entropy that the
    token has when the histogram is known. The default threshold is the smaller of 0.5 and 2 / T, where T is the number
    of visible tokens that vary. docs/globality.md explains this default.
    """
    informative = table.informative
    threshold = limits.threshold if limits.threshold is not None else min(_MAX_THRESHOLD, 2 / max(1, len(informative)))
    kinds = len(masses(table.histogram, table.weights))
    histogram = exact or kinds * _MIN_PER_HISTOGRAM <= len(table.weights)
    entropy, left = table.entropy(), table.conditional_entropy(histogram=histogram)
    by_histogram = 1 - left / entropy if entropy > _ZERO_BITS else 0.0

    def found(
        degree: int, places: tuple[int, ...] = (), information: float = 0.0, p: float | None = None, why: str = ""
    ) -> SearchResult:
        more = bool(why) and degree > 0
        return SearchResult(degree, more, why, places, information, threshold, by_histogram, histogram, entropy, p)

    if left <= _ZERO_BITS:
        return found(0)
    if exact and 1 - table.conditional_entropy(informative) / left < threshold:
        return found(0, why="all visible tokens together add no information: this token is drawn at random")
    method = _Exact(table, left) if exact else _Sample(table, histogram, limits)
    for size in range(1, len(informative) + 1):
        sets = math.comb(len(informative), size)
        if size > limits.largest:
            return found(size, why=f"sets of more than {limits.largest} tokens are not searched")
        if sets * len(table.weights) > limits.work:
            return found(size, why=f"{sets:,} sets of {size} tokens are too many to search")
        places, information, p = method.best(_counted(combinations(informative, size), sets, report))
        if information >= threshold and (p is None or p <= limits.chance):
            return found(size, places, information, p)
    return found(0, why="all visible tokens together add no more information than chance")


def _counted(sets: Iterator[tuple[int, ...]], total: int, report: ReportProgress) -> Iterator[tuple[int, ...]]:
    for number, chosen in enumerate(sets, 1):
        report("sets of tokens", number, total)
        yield chosen


class _Exact:
    """The search method if all documents and their probabilities are known: information is computed exactly."""

    def __init__(self, table: TokenTable, left: float) -> None:
        self._table, self._left = table, left

    def best(self, sets: Iterator[tuple[int, ...]]) -> tuple[tuple[int, ...], float, None]:
        unknown, places = min((self._table.conditional_entropy(chosen), chosen) for chosen in sets)
        return places, 1 - unknown / self._left, None


class _Sample:
    """The search method for a sample. Half of the sample selects the best set, and the other half tests this set.

    The test compares the set with chance: it permutes the answers among documents with equal histograms. The mean
    information over all permutations is subtracted, because every finite sample shows some information by chance.
    """

    def __init__(self, table: TokenTable, histogram: bool, limits: SearchLimits) -> None:
        order = permutation(stream_name("globality", limits.seed, table.state, table.place), 0, len(table.weights))
        self._selection, self._test = (table.part(half) for half in np.array_split(order, 2))
        self._histogram = histogram
        self._seed = limits.seed

    def best(self, sets: Iterator[tuple[int, ...]]) -> tuple[tuple[int, ...], float, float]:
        _, places = min((self._selection.corrected_entropy(chosen, self._histogram), chosen) for chosen in sets)
        table = self._test
        observed = table.conditional_entropy(places, histogram=self._histogram)
        rng = np.random.Generator(np.random.Philox(key=Stream(stream_name("chance", self._seed, *places)).word()))
        shuffles = [
            table.conditional_entropy(places, answers, self._histogram)
            for answers in _by_chance(table, self._histogram, SHUFFLES, rng)
        ]
        left = float(np.mean(shuffles))
        p = (1 + sum(one <= observed + _ZERO_BITS for one in shuffles)) / (SHUFFLES + 1)
        return places, (left - observed) / left if left > _ZERO_BITS else 0.0, p


def _by_chance(table: TokenTable, histogram: bool, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield `count` permutations of the answers among documents with equal histograms.

    An answer that is a name becomes a random name that occurs equally often in the document that gets the answer.
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
            fits = table.counts == times[:, None]  # (N, M): whether a name has the answer's count
            names = table.symbols + np.argmax(fits * rng.random(fits.shape), 1)
            answers = np.where(answers >= table.symbols, names, answers)
        yield answers
