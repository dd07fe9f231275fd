"""A table for one scored token: the visible tokens in each document, and conditional entropies of the scored token.

Entropies are in bits. N is the number of documents that have the token. V is the largest number of visible tokens, to
which shorter documents are padded. M is the largest number of different names in a document.

For interchangeable names, only the pattern counts: which tokens are equal, and how often each name occurs. The chosen
places are the places whose tokens are known. At other places, all names that occur equally often are equally likely.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scratchpad.globality.cases import WeightedDocuments
from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks.base import Symbols

Place = tuple[str, int]
"""A place: a part of the text (`prompt`, `before` for the previous state, or `state`) and an index in this part."""

_ABSENT = 0
_DENSE = 16
"""Keys with more possible values per document than this number are renumbered before they are counted."""


@dataclass(frozen=True)
class TokenTable:
    """The documents whose state number `state` has a scored token at `place` (both from 0).

    `example`: this token in one document. `places`: the V visible places. `plain`: (N, V), the number of the symbol at
    each place. A name has the number `symbols` + n, where n is the name's number in the document. `answers`: (N,), the
    number of the scored token. `weights`: (N,), the probabilities of the documents. `share`: the share of all documents
    that are in this table. `informative`: the places that can carry information. `histogram`: (N,), a group number:
    documents have the same number if their histograms are equal. `counts`: (N, M), how often each name occurs at
    informative places; M is 0 without names.
    """

    state: int
    place: int
    example: str
    places: tuple[Place, ...]
    plain: np.ndarray
    answers: np.ndarray
    weights: np.ndarray
    share: float
    informative: tuple[int, ...]
    histogram: np.ndarray
    counts: np.ndarray
    symbols: int

    @property
    def visible(self) -> int:
        """The largest number of tokens that the scored token sees in any document."""
        return len(self.places)

    def entropy(self) -> float:
        """Return the entropy of the token if nothing is known about a document except the names that occur."""
        seen = self.times(self.answers) > 0
        kind = np.where(self.answers >= self.symbols, self.symbols + seen, self.answers)
        there = (self.counts > 0).sum(1)[seen]
        return _conditional_entropy(np.zeros_like(kind), kind, self.weights) + float(
            self.weights[seen] @ np.log2(there)
        )

    def conditional_entropy(
        self, chosen: Sequence[int] = (), answers: np.ndarray | None = None, histogram: bool = True
    ) -> float:
        """Return the entropy of the token (or of `answers`) given the histogram and the tokens at the chosen places."""
        keys, kinds, alike = self.relative_keys(chosen, self.answers if answers is None else answers, histogram)
        return _conditional_entropy(keys, kinds, self.weights) + float(self.weights @ np.log2(alike))

    def corrected_entropy(self, chosen: Sequence[int], histogram: bool) -> float:
        """Return `conditional_entropy` plus the correction of Miller and Madow (1955) for a small sample."""
        keys, kinds, alike = self.relative_keys(chosen, self.answers, histogram)
        before, after = masses(keys, self.weights), masses(_joined(keys, kinds), self.weights)
        correction = (len(after) - len(before)) / (2 * math.log(2) * len(keys))
        return _entropy(after) - _entropy(before) + correction + float(self.weights @ np.log2(alike))

    def relative_keys(
        self, chosen: Sequence[int], answers: np.ndarray, histogram: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return three (N,) arrays: the key of the known tokens, the answer, and how many names the answer can be.

        Names in keys and answers are replaced as in `_relative_to`. All possible names are equally likely.
        """
        keys = self.histogram if histogram else np.zeros_like(self.histogram)
        if not self.counts.shape[1]:
            for place in chosen:
                keys = _joined(keys, self.plain[:, place])
            return keys, answers, np.ones(len(keys))
        seen = self.plain[:, list(chosen)]
        for j in range(len(chosen)):
            keys = _joined(keys, self._relative_to(seen[:, j], seen[:, :j]))
        return keys, self._relative_to(answers, seen), self._possible_names(answers, seen)

    def _relative_to(self, tokens: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Replace each name by the first chosen place that holds the name. If none holds it, use the name's count."""
        width = seen.shape[1]
        named = tokens >= self.symbols
        found = np.where(named, self.symbols + width + self.times(tokens), tokens)
        for j in range(width)[::-1]:
            found = np.where(named & (seen[:, j] == tokens), self.symbols + j, found)
        return found

    def _possible_names(self, answers: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return how many names outside the chosen places occur as often as the answer.

        The number is 1 if the answer is at a chosen place, is not a name, or does not occur among the visible tokens.
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
        """Return how often the name `tokens[i]` occurs in document i, or 0 if `tokens[i]` is not a name."""
        if not self.counts.shape[1]:
            return np.zeros_like(tokens)
        number = np.maximum(0, tokens - self.symbols)
        return np.where(tokens < self.symbols, 0, self.counts[np.arange(len(tokens)), number])

    def part(self, which: np.ndarray) -> TokenTable:
        """Return a table with only the documents at the indices `which`. These documents get equal weights."""
        return TokenTable(
            self.state, self.place, self.example, self.places, self.plain[which], self.answers[which],
            np.full(len(which), 1 / len(which)), self.share, self.informative, self.histogram[which],
            self.counts[which], self.symbols,
        )  # fmt: skip


def tables(cases: WeightedDocuments, names: Sequence[str]) -> Iterator[TokenTable]:
    """Yield one table per scored token, state by state. The attention rule decides which tokens are visible."""
    transitions = [rows(document, "split") for document in cases.documents]
    symbols = {symbol for document in cases.documents for symbol in document.symbols()} - set(names)
    numbers = {symbol: number for number, symbol in enumerate(sorted(symbols), _ABSENT + 1)}
    named = frozenset(names)
    given = len(cases.documents[0].states) - len(transitions[0])  # 1 if the first state is given, not written
    for number in range(max(map(len, transitions))):
        there = [i for i, parts in enumerate(transitions) if number < len(parts)]
        coded = [_coded(transitions[i][number], numbers, named) for i in there]
        written = [cases.documents[i].states[number + given] for i in there]
        yield from _of_state(number + given, written, coded, cases.weights[there], len(numbers) + 1)


def _coded(row: Row[str], numbers: dict[str, int], names: frozenset[str]) -> dict[str, list[int]]:
    """Return the parts of a row as numbers. Names have the highest numbers, in order of occurrence in the row."""
    parts: dict[str, list[int]] = {"prompt": [], "before": [], "state": []}
    found: dict[str, int] = {}
    for token, segment, scored in zip(row.tokens, row.segments, row.scored, strict=True):
        part = "prompt" if segment == PROMPT else "state" if scored else "before"
        is_name = token in names
        parts[part].append(len(numbers) + 1 + found.setdefault(token, len(found)) if is_name else numbers[token])
    return parts


def _of_state(
    number: int, written: list[Symbols], coded: list[dict[str, list[int]]], weights: np.ndarray, symbols: int
) -> Iterator[TokenTable]:
    """Yield one table per token of state `number`. `written`, `coded`: per document, the state and `_coded(row)`."""
    padded = {part: _padded([one[part] for one in coded]) for part in ("prompt", "before", "state")}
    given = np.concatenate([padded["prompt"], padded["before"]], 1)
    places = [(part, i) for part in ("prompt", "before") for i in range(padded[part].shape[1])]
    own = padded["state"]
    for place in range(own.shape[1]):
        there = np.flatnonzero(own[:, place] != _ABSENT)
        seen = np.concatenate([given[there], own[there, :place]], 1)
        share = float(weights[there].sum())
        answers = own[there, place]
        informative = _informative(seen, symbols)
        histogram, counts = _histograms(seen[:, informative], symbols, int(max(answers.max(), seen.max(initial=0))))
        yield TokenTable(
            number, place, written[there[0]][place], (*places, *(("state", i) for i in range(place))), seen, answers,
            weights[there] / share, share, informative, histogram, counts, symbols,
        )  # fmt: skip


def _informative(seen: np.ndarray, symbols: int) -> tuple[int, ...]:
    """Return the places that can carry information: not constant over documents, and not a copy of an earlier place."""
    first = np.unique(seen, axis=1, return_index=True)[1] if seen.size else np.array([], int)
    varied = ((seen != seen[:1]) | (seen >= symbols)).any(0)
    return tuple(int(place) for place in sorted(first) if varied[place])


def _padded(parts: list[list[int]]) -> np.ndarray:
    array = np.full((len(parts), max(map(len, parts))), _ABSENT, np.int64)
    for i, part in enumerate(parts):
        array[i, : len(part)] = part
    return array


def _histograms(seen: np.ndarray, symbols: int, highest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each document's histogram number and name counts. `highest`: the largest number of any token.

    A histogram has the counts of names in sorted order, because names are interchangeable.
    """
    width = max(symbols, highest + 1)
    places = np.arange(len(seen))[:, None] * width + seen
    counts = np.bincount(places.ravel(), minlength=len(seen) * width).reshape(-1, width)
    folded = np.concatenate([counts[:, :symbols], np.sort(counts[:, symbols:], 1)], 1)
    _, number = np.unique(folded, axis=0, return_inverse=True)
    return number.reshape(-1), counts[:, symbols:]


def _joined(keys: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Combine each document's key and digit into one key. The keys stay small enough for further combinations."""
    size = int(digits.max(initial=0)) + 1
    if int(keys.max(initial=0)) * size > _DENSE * len(keys):
        keys = np.unique(keys, return_inverse=True)[1].reshape(-1)
    return keys * size + digits


def _conditional_entropy(keys: np.ndarray, kinds: np.ndarray, weights: np.ndarray) -> float:
    """Return the conditional entropy of `kinds` given `keys`, in bits."""
    return max(0.0, _entropy(masses(_joined(keys, kinds), weights)) - _entropy(masses(keys, weights)))


def _entropy(mass: np.ndarray) -> float:
    return float(-(mass @ np.log2(mass)))


def masses(keys: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the total weight of each key that occurs."""
    if int(keys.max(initial=0)) > _DENSE * len(keys):
        keys = np.unique(keys, return_inverse=True)[1].reshape(-1)
    mass = np.bincount(keys, weights)
    return mass[mass > 0]
