"""One scored token over many documents: what it may look at, as numbers, and what is left unknown of it.

Entropies are in bits. Shapes: N documents that have the token, V tokens it sees (padded: documents differ in length),
M different names in a document.

Where symbols are names that could be exchanged for one another, only their pattern counts: which tokens are equal, and
how often a name occurs. A name that was not looked at is any one of those that occur as often, each equally likely.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scratchpad.globality.cases import Cases
from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks.base import Symbols

Place = tuple[str, int]
"""A token that is seen: prompt, before (the state before) or state (the token's own), and its place there from 0."""

_ABSENT = 0
_DENSE = 16
"""Tables of up to that many cells a document are counted cell by cell, larger ones by sorting."""


@dataclass(frozen=True)
class Table:
    """state, place: which token, counted from 0 on; example: what stands there in one of the documents.

    plain: what stands at each place, N x V: a symbol's number, or for a name `symbols` + its number.

    answers: the scored token likewise, (N,). odds: of the documents, together 1. share: of all documents those that
    have this token. telling: the places that can tell something. histogram: which
    histogram of the tokens there a document has, (N,). counts: how often each name stands there, N x M; (N, 0) without
    names.
    """

    state: int
    place: int
    example: str
    places: tuple[Place, ...]
    plain: np.ndarray
    answers: np.ndarray
    odds: np.ndarray
    share: float
    telling: tuple[int, ...]
    histogram: np.ndarray
    counts: np.ndarray
    symbols: int

    @property
    def visible(self) -> int:
        """How many tokens the scored one sees, at most."""
        return len(self.places)

    def entropy(self) -> float:
        """What is unknown of the token at first: all, but which names there are."""
        seen = self.times(self.answers) > 0
        kind = np.where(self.answers >= self.symbols, self.symbols + seen, self.answers)
        there = (self.counts > 0).sum(1)[seen]
        return _unknown(np.zeros_like(kind), kind, self.odds) + float(self.odds[seen] @ np.log2(there))

    def unknown(self, chosen: Sequence[int] = (), answers: np.ndarray | None = None, histogram: bool = True) -> float:
        """What is unknown of the token (or of other `answers`) given the histogram and the tokens at chosen places."""
        keys, kinds, alike = self.folded(chosen, self.answers if answers is None else answers, histogram)
        return _unknown(keys, kinds, self.odds) + float(self.odds @ np.log2(alike))

    def expected(self, chosen: Sequence[int], histogram: bool) -> float:
        """`unknown` with Miller and Madow's correction (1955): of few documents it comes out too small."""
        keys, kinds, alike = self.folded(chosen, self.answers, histogram)
        before, after = masses(keys, self.odds), masses(_joined(keys, kinds), self.odds)
        correction = (len(after) - len(before)) / (2 * math.log(2) * len(keys))
        return _bits(after) - _bits(before) + correction + float(self.odds @ np.log2(alike))

    def folded(
        self, chosen: Sequence[int], answers: np.ndarray, histogram: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is known, what the answer is in its light, and how many names that answer stands for, each (N,)."""
        keys = self.histogram if histogram else np.zeros_like(self.histogram)
        if not self.counts.shape[1]:
            for place in chosen:
                keys = _joined(keys, self.plain[:, place])
            return keys, answers, np.ones(len(keys))
        seen = self.plain[:, list(chosen)]
        for j in range(len(chosen)):
            keys = _joined(keys, self._in_light_of(seen[:, j], seen[:, :j]))
        return keys, self._in_light_of(answers, seen), self._alike(answers, seen)

    def _in_light_of(self, tokens: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Symbols as they are; a name as the first place looked at where it stands, or else as how often it occurs."""
        width = seen.shape[1]
        named = tokens >= self.symbols
        found = np.where(named, self.symbols + width + self.times(tokens), tokens)
        for j in range(width)[::-1]:
            found = np.where(named & (seen[:, j] == tokens), self.symbols + j, found)
        return found

    def _alike(self, answers: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """How many names that were not looked at occur as often as the answer; 1 where it was looked at, is no name or
        occurs nowhere: then it is known to be a new one.
        """
        times = self.times(answers)
        alike = (self.counts == times[:, None]).sum(1)
        known = times == 0
        for j in range(seen.shape[1]):
            is_new = (seen[:, j] >= self.symbols) & ~(seen[:, :j] == seen[:, j : j + 1]).any(1)
            alike = alike - (is_new & (self.times(seen[:, j]) == times))
            known = known | (seen[:, j] == answers)
        return np.where(known, 1, np.maximum(1, alike)).astype(float)

    def times(self, tokens: np.ndarray) -> np.ndarray:
        """How often the names among tokens (N,) are seen, 0 for symbols."""
        if not self.counts.shape[1]:
            return np.zeros_like(tokens)
        number = np.maximum(0, tokens - self.symbols)
        return np.where(tokens < self.symbols, 0, self.counts[np.arange(len(tokens)), number])

    def part(self, which: np.ndarray) -> Table:
        """The table of some of the documents, by their numbers, each as likely as the others."""
        return Table(
            self.state, self.place, self.example, self.places, self.plain[which], self.answers[which],
            np.full(len(which), 1 / len(which)), self.share, self.telling, self.histogram[which], self.counts[which],
            self.symbols,
        )  # fmt: skip


def tables(cases: Cases, names: Sequence[str]) -> Iterator[Table]:
    """The tables of all scored tokens, state by state: each sees what the rule lets it see."""
    transitions = [rows(document, "split") for document in cases.documents]
    symbols = {symbol for document in cases.documents for symbol in document.symbols()} - set(names)
    numbers = {symbol: number for number, symbol in enumerate(sorted(symbols), _ABSENT + 1)}
    named = frozenset(names)
    given = len(cases.documents[0].states) - len(transitions[0])  # 1 where the first state is not written but given
    for number in range(max(map(len, transitions))):
        there = [i for i, parts in enumerate(transitions) if number < len(parts)]
        coded = [_coded(transitions[i][number], numbers, named) for i in there]
        written = [cases.documents[i].states[number + given] for i in there]
        yield from _of_state(number + given, written, coded, cases.odds[there], len(numbers) + 1)


def _coded(row: Row[str], numbers: dict[str, int], names: frozenset[str]) -> dict[str, list[int]]:
    """A transition in its parts, as numbers; names are counted on in the order in which they come."""
    parts: dict[str, list[int]] = {"prompt": [], "before": [], "state": []}
    found: dict[str, int] = {}
    for token, segment, scored in zip(row.tokens, row.segments, row.scored, strict=True):
        part = "prompt" if segment == PROMPT else "state" if scored else "before"
        is_name = token in names
        parts[part].append(len(numbers) + 1 + found.setdefault(token, len(found)) if is_name else numbers[token])
    return parts


def _of_state(
    number: int, written: list[Symbols], coded: list[dict[str, list[int]]], odds: np.ndarray, symbols: int
) -> Iterator[Table]:
    """The tables of the tokens of the state with that number: as it is written, and with what it sees as numbers."""
    padded = {part: _padded([one[part] for one in coded]) for part in ("prompt", "before", "state")}
    given = np.concatenate([padded["prompt"], padded["before"]], 1)
    places = [(part, i) for part in ("prompt", "before") for i in range(padded[part].shape[1])]
    own = padded["state"]
    for place in range(own.shape[1]):
        there = np.flatnonzero(own[:, place] != _ABSENT)
        seen = np.concatenate([given[there], own[there, :place]], 1)
        share = float(odds[there].sum())
        answers = own[there, place]
        telling = _telling(seen, symbols)
        histogram, counts = _histograms(seen[:, telling], symbols, int(max(answers.max(), seen.max(initial=0))))
        yield Table(
            number, place, written[there[0]][place], (*places, *(("state", i) for i in range(place))), seen, answers,
            odds[there] / share, share, telling, histogram, counts, symbols,
        )  # fmt: skip


def _telling(seen: np.ndarray, symbols: int) -> tuple[int, ...]:
    """The places that can tell something: not the same symbol in every document, and not the copy of another place."""
    first = np.unique(seen, axis=1, return_index=True)[1] if seen.size else np.array([], int)
    varied = ((seen != seen[:1]) | (seen >= symbols)).any(0)
    return tuple(int(place) for place in sorted(first) if varied[place])


def _padded(parts: list[list[int]]) -> np.ndarray:
    """Lists of different lengths as one array, filled up with _ABSENT."""
    array = np.full((len(parts), max(map(len, parts))), _ABSENT, np.int64)
    for i, part in enumerate(parts):
        array[i, : len(part)] = part
    return array


def _histograms(seen: np.ndarray, symbols: int, highest: int) -> tuple[np.ndarray, np.ndarray]:
    """For each document the number of its histogram, and how often each name (up to the `highest`) is seen.

    Names are folded together: of them the histogram says only how many occur how often.
    """
    width = max(symbols, highest + 1)
    places = np.arange(len(seen))[:, None] * width + seen
    counts = np.bincount(places.ravel(), minlength=len(seen) * width).reshape(-1, width)
    folded = np.concatenate([counts[:, :symbols], np.sort(counts[:, symbols:], 1)], 1)
    _, number = np.unique(folded, axis=0, return_inverse=True)
    return number.reshape(-1), counts[:, symbols:]


def _joined(keys: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Two numbers as one, kept small enough to be joined again."""
    size = int(digits.max(initial=0)) + 1
    if int(keys.max(initial=0)) * size > _DENSE * len(keys):
        keys = np.unique(keys, return_inverse=True)[1].reshape(-1)
    return keys * size + digits


def _unknown(keys: np.ndarray, kinds: np.ndarray, odds: np.ndarray) -> float:
    """H(kind | key) in bits."""
    return max(0.0, _bits(masses(_joined(keys, kinds), odds)) - _bits(masses(keys, odds)))


def _bits(mass: np.ndarray) -> float:
    return float(-(mass @ np.log2(mass)))


def masses(keys: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """The odds of each key that there is."""
    if int(keys.max(initial=0)) > _DENSE * len(keys):
        keys = np.unique(keys, return_inverse=True)[1].reshape(-1)
    mass = np.bincount(keys, odds)
    return mass[mass > 0]
