"""The documents that a degree is found over: all of them with their odds, or a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, T
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import Format

Report = Callable[[str, int, int], None]
"""Told how far long work has come: what is counted, how many are done, how many there are (0: not known)."""
_LONGEST = 500
"""Choices of one draw: where there are more it has no end (by rejection, say) or hardly ever few outcomes."""
_TRIED = 1000
"""Outcomes that are listed in any case."""
_FAR = 10
"""So many times too many they have to seem then, by the odds that are covered: those of outcomes may differ."""


@dataclass(frozen=True)
class Cases:
    """Documents and their odds, which add up to 1. exact: these are all there are; else a sample, all alike."""

    documents: Sequence[Document[str]]
    odds: np.ndarray
    exact: bool


class _TooMany(BaseException):  # no Exception: the functions of a user's file would have it caught and told as theirs
    """The outcomes of a draw are more than may be listed, or cannot be listed."""


class _Outcomes(Stream):
    """A stream that is led through every outcome of a draw, one after the other, and knows the odds of each.

    folded: names of which only the pattern counts.
    """

    def __init__(self, folded: frozenset[str]) -> None:
        self._folded = folded
        self._path: list[tuple[int, int]] = []  # (outcome, of how many) of every choice so far
        self._at = 0

    def word(self) -> int:
        raise _TooMany

    def below(self, n: int) -> int:
        if n < 1 or self._at == _LONGEST:  # n < 1: the mistake is told where it is sampled
            raise _TooMany
        if self._at == len(self._path):
            self._path.append((0, n))
        self._at += 1
        return self._path[self._at - 1][0]

    def sample_names(self, names: Sequence[T], k: int) -> list[T]:
        """The first ones where all are folded, as any others would be alike; else all choices, one after the other."""
        alike = self._folded and self._folded.issuperset(names)  # where none are, names may be lists, say
        return list(names[:k]) if alike else super().sample_names(names, k)

    @property
    def odds(self) -> float:
        return 1 / math.prod(n for _, n in self._path)

    def advance(self) -> bool:
        """Go on to the next outcome; False after the last one."""
        self._at = 0
        while self._path and self._path[-1][0] == self._path[-1][1] - 1:
            self._path.pop()
        if self._path:
            outcome, n = self._path[-1]
            self._path[-1] = (outcome + 1, n)
        return bool(self._path)


def all_cases(task: Task, format: Format, names: Collection[str], most: int, report: Report) -> Cases | None:
    """Every problem that the task draws; None where there are more than `most` outcomes.

    names: symbols that the search folds together. Those among them that the task, too, says could be exchanged are
    folded here already; to rename others could make other problems of them.
    """
    if task.count("train") is not None:
        return None
    found: dict[Symbols, float] = {}
    order = tuple(name for name in task.interchangeable() if name in names)
    folded = frozenset(order)
    try:
        for question, odds in _outcomes(task, folded, most, report):
            question = _renamed(question, folded, order)
            found[question] = found.get(question, 0.0) + odds
    except _TooMany:
        return None
    return Cases([format.write(task, question) for question in found], np.array(list(found.values())), exact=True)


def sampled_cases(task: Task, format: Format, n: int, seed: int, report: Report) -> Cases:
    """n train questions, or as many as there are; of given data (a file's) all questions, each once."""
    held = task.count("train")
    if held is None or task.seeded:
        total = n if held is None else min(n, held)
        questions = (question for _, question in draws(task, seed, "train", 0, total))
    else:
        parts = (draws(task, seed, split, 0, task.count(split) or 0) for split in ("train", "test"))
        total, questions = 0, iter(dict.fromkeys(question for _, question in chain(*parts)))
    documents = []
    for question in questions:
        documents.append(format.write(task, question))
        report("documents", len(documents), total)
    return Cases(documents, np.full(len(documents), 1 / len(documents)), exact=False)


def _outcomes(task: Task, folded: frozenset[str], most: int, report: Report) -> Iterator[tuple[Symbols, float]]:
    """Questions with the odds of each outcome; _TooMany, too, as soon as there seem to be far more than `most`."""
    stream, number, covered = _Outcomes(folded), 0, 0.0
    going = True
    while going:
        if number == most or (number >= _TRIED and number > _FAR * most * covered):
            raise _TooMany
        number += 1
        question = task.question(stream, task.size_distribution().draw(stream))
        covered += stream.odds
        yield question, stream.odds
        report("outcomes", number, 0)
        going = stream.advance()


def _renamed(text: Symbols, names: frozenset[str], order: Symbols) -> Symbols:
    """The text with its names replaced by the first ones, in the order in which they come."""
    if not names:
        return text
    met = dict.fromkeys(symbol for symbol in text if symbol in names)
    new = dict(zip(met, order, strict=False))
    return tuple(new.get(symbol, symbol) for symbol in text)


def refuse_few(cases: Cases, least: int) -> None:
    """ScratchpadError where a sample is too small for a test against chance."""
    if not cases.exact and len(cases.documents) < least:
        raise ScratchpadError(
            f"{len(cases.documents)} documents: a test against chance needs at least {least}; take more of them "
            "(--samples, or a longer file)"
        )
