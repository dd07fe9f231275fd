"""The globality degree of each scored token, and of a task in a format (Abbe et al. 2024, section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.globality.cases import ReportProgress, WeightedDocuments, all_cases, refuse_few, sampled_cases
from scratchpad.globality.search import SearchLimits, SearchResult, search
from scratchpad.globality.table import Place, tables
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import Format

LEAST_SAMPLES = 50


@dataclass(frozen=True)
class Degree:
    """The globality degree of one scored token.

    `state`: the number of the state. `place`: the number of the token in the state (both from 0). `example`: the token
    at this place in one document. `share`: the share of documents with a token at this place. `documents`: the number
    of these documents. `visible`: the number of tokens that the token sees. `tokens`: the places in the best set.
    """

    state: int
    place: int
    example: str
    share: float
    documents: int
    visible: int
    tokens: tuple[Place, ...]
    result: SearchResult

    def to_json(self) -> dict[str, Any]:
        found = self.result
        return {
            "state": self.state, "place": self.place, "example": self.example, "share": self.share,
            "documents": self.documents, "visible": self.visible, "degree": found.degree, "at_least": found.at_least,
            "why": found.why, "tokens": [list(token) for token in self.tokens], "told": found.information,
            "threshold": found.threshold, "bits": found.entropy, "histogram": found.histogram,
            "by_histogram": found.by_histogram, "p": found.p,
        }  # fmt: skip


def documents_of(
    task: Task,
    format: Format,
    names: Sequence[str],
    samples: int,
    most_outcomes: int,
    seed: int,
    report: ReportProgress,
) -> WeightedDocuments:
    """Return all documents of a task if a draw has at most `most_outcomes` outcomes, and otherwise a sample.

    `names`: interchangeable symbols. Raises ScratchpadError if the task does not have the format.
    """
    task.check_format(format)
    cases = all_cases(task, format, frozenset(names), most_outcomes, report) if most_outcomes else None
    cases = cases or sampled_cases(task, format, samples, seed, report)
    refuse_few(cases, LEAST_SAMPLES)
    return cases


def degrees(
    cases: WeightedDocuments, names: Sequence[str], limits: SearchLimits, report: ReportProgress
) -> Iterator[Degree]:
    """Yield the globality degree of each scored token, state by state. `names`: interchangeable symbols."""
    for table in tables(cases, names):
        if cases.exact or len(table.weights) >= LEAST_SAMPLES:
            found = search(table, cases.exact, limits, report)
            tokens, count = tuple(table.places[place] for place in found.places), len(table.weights)
            yield Degree(table.state, table.place, table.example, table.share, count, table.visible, tokens, found)


def overall(found: Sequence[Degree]) -> tuple[int, bool]:
    """Return the largest degree, and whether it is only a lower bound. Raises ScratchpadError if `found` is empty."""
    if not found:
        raise ScratchpadError(f"no token occurs in at least {LEAST_SAMPLES} documents. Use more documents.")
    return max(one.result.degree for one in found), any(one.result.at_least for one in found)
