"""The globality degree of a task in a format: of every scored token, and of the whole (Abbe et al. 2024, section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.globality.cases import Cases, Report, all_cases, refuse_few, sampled_cases
from scratchpad.globality.search import Effort, Found, search
from scratchpad.globality.table import Place, Table, tables
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import Format

LEAST_SAMPLES = 50


@dataclass(frozen=True)
class Degree:
    """The degree of one scored token. state, place: which token, from 0 on. tokens: the best set, by place.

    share: of all documents those that have this token. documents: how many of them were looked at.
    """

    state: int
    place: int
    example: str
    share: float
    documents: int
    visible: int
    tokens: tuple[Place, ...]
    found: Found

    def to_json(self) -> dict[str, Any]:
        found = self.found
        return {
            "state": self.state, "place": self.place, "example": self.example, "share": self.share,
            "documents": self.documents, "visible": self.visible, "degree": found.degree, "at_least": found.at_least,
            "why": found.why, "tokens": [list(token) for token in self.tokens], "told": found.told,
            "threshold": found.threshold, "bits": found.entropy, "histogram": found.histogram,
            "by_histogram": found.by_histogram, "p": found.p,
        }  # fmt: skip


def documents_of(
    task: Task, format: Format, names: Sequence[str], samples: int, most_outcomes: int, seed: int, report: Report
) -> Cases:
    """All problems that a task draws where they are few (`most_outcomes` outcomes of its draws), else a sample.

    names: those that `degrees` is given.
    """
    task.check_format(format)
    cases = all_cases(task, format, frozenset(names), most_outcomes, report) if most_outcomes else None
    cases = cases or sampled_cases(task, format, samples, seed, report)
    refuse_few(cases, LEAST_SAMPLES)
    return cases


def degrees(cases: Cases, names: Sequence[str], effort: Effort, report: Report) -> Iterator[Degree]:
    """The degree of each scored token, state by state. names: symbols that could be exchanged for one another."""
    for table in tables(cases, names):
        if cases.exact or len(table.odds) >= LEAST_SAMPLES:
            yield _degree(cases, table, search(table, cases.exact, effort, report))


def overall(found: Sequence[Degree]) -> tuple[int, bool]:
    """The largest degree, and whether it may be larger still. ScratchpadError where there is none."""
    if not found:
        raise ScratchpadError(f"no token stands in {LEAST_SAMPLES} documents or more: take more documents")
    return max(one.found.degree for one in found), any(one.found.at_least for one in found)


def _degree(cases: Cases, table: Table, found: Found) -> Degree:
    tokens = tuple(table.places[place] for place in found.places)
    count = len(table.odds)
    return Degree(table.state, table.place, table.example, table.share, count, table.visible, tokens, found)
