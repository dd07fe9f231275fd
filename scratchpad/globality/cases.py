"""The documents from which a globality degree is computed: all documents with their probabilities, or a sample."""

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

ReportProgress = Callable[[str, int, int], None]
"""A function that reports progress. Its arguments: the unit of work, the number done, and the total (0 if unknown)."""
_MAX_CHOICES = 500
"""The largest number of random choices in one draw. With more choices, the outcomes are too many to list."""
_MIN_LISTED = 1000
"""The number of listed outcomes after which the total number of outcomes is first estimated."""
_ESTIMATE_MARGIN = 10
"""Listing stops if the estimated number of outcomes exceeds the limit by this factor. The estimate is only rough."""


@dataclass(frozen=True)
class WeightedDocuments:
    """Documents and their probabilities (`weights`). `exact`: whether `documents` has all documents of the task."""

    documents: Sequence[Document[str]]
    weights: np.ndarray
    exact: bool


class _TooMany(BaseException):  # not an Exception, because a user's task function may catch every Exception
    """A draw has too many outcomes, or its outcomes cannot be listed."""


class _Outcomes(Stream):
    """A random stream that goes through all possible outcomes of a draw.

    The random choices of a draw form a path in a tree. `advance` moves to the next path. `folded`: interchangeable
    names. Outcomes that differ only in the choice of these names are listed once.
    """

    def __init__(self, folded: frozenset[str]) -> None:
        self._folded = folded
        self._path: list[tuple[int, int]] = []  # per choice, a pair (outcome, number of outcomes)
        self._at = 0

    def word(self) -> int:
        raise _TooMany

    def below(self, n: int) -> int:
        if n < 1 or self._at == _MAX_CHOICES:  # n < 1 is a mistake in the task, which sampling reports
            raise _TooMany
        if self._at == len(self._path):
            self._path.append((0, n))
        self._at += 1
        return self._path[self._at - 1][0]

    def sample_names(self, names: Sequence[T], k: int) -> list[T]:
        """Return the first k names if all are interchangeable. If not, each outcome has another choice of names."""
        alike = self._folded and self._folded.issuperset(names)  # without `folded`, `names` may have unhashable items
        return list(names[:k]) if alike else super().sample_names(names, k)

    @property
    def probability(self) -> float:
        return 1 / math.prod(n for _, n in self._path)

    def advance(self) -> bool:
        """Move to the next outcome. Return False if there is no next outcome."""
        self._at = 0
        while self._path and self._path[-1][0] == self._path[-1][1] - 1:
            self._path.pop()
        if self._path:
            outcome, n = self._path[-1]
            self._path[-1] = (outcome + 1, n)
        return bool(self._path)


def all_cases(
    task: Task, format: Format, names: Collection[str], most: int, report: ReportProgress
) -> WeightedDocuments | None:
    """Return all documents that the task can draw, or None if a draw has more than `most` outcomes.

    `names`: symbols to treat as interchangeable, if the task also declares them interchangeable. Problems that differ
    only in the choice of such symbols count as one problem.
    """
    if task.count("train") is not None:
        return None
    found: dict[Symbols, float] = {}
    order = tuple(name for name in task.interchangeable() if name in names)
    folded = frozenset(order)
    try:
        for question, probability in _outcomes(task, folded, most, report):
            question = _renamed(question, folded, order)
            found[question] = found.get(question, 0.0) + probability
    except _TooMany:
        return None
    return WeightedDocuments(
        [format.write(task, question) for question in found], np.array(list(found.values())), exact=True
    )


def sampled_cases(task: Task, format: Format, n: int, seed: int, report: ReportProgress) -> WeightedDocuments:
    """Return the documents of at most n training questions. For a data file, return every document of the file once."""
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
    return WeightedDocuments(documents, np.full(len(documents), 1 / len(documents)), exact=False)


def _outcomes(task: Task, folded: frozenset[str], most: int, report: ReportProgress) -> Iterator[tuple[Symbols, float]]:
    """Yield (question, probability) for each outcome. Raises _TooMany if more than `most` outcomes are expected."""
    stream, number, covered = _Outcomes(folded), 0, 0.0
    going = True
    while going:
        if number == most or (number >= _MIN_LISTED and number > _ESTIMATE_MARGIN * most * covered):
            raise _TooMany
        number += 1
        question = task.question(stream, task.size_distribution().draw(stream))
        covered += stream.probability
        yield question, stream.probability
        report("outcomes", number, 0)
        going = stream.advance()


def _renamed(text: Symbols, names: frozenset[str], order: Symbols) -> Symbols:
    """Rename the names in a text: the first name in the text becomes the first name in `order`, and so on."""
    if not names:
        return text
    met = dict.fromkeys(symbol for symbol in text if symbol in names)
    new = dict(zip(met, order, strict=False))
    return tuple(new.get(symbol, symbol) for symbol in text)


def refuse_few(cases: WeightedDocuments, least: int) -> None:
    """Raise ScratchpadError if a sample is too small for a test against chance."""
    if not cases.exact and len(cases.documents) < least:
        raise ScratchpadError(
            f"{len(cases.documents)} documents are too few: a test against chance needs at least {least} documents. "
            "Take more samples, or use a longer data file."
        )
