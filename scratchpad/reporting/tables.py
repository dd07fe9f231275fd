"""The tables of a report: accuracy by group and length, transitions, and the cost of an answer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scratchpad.evaluation.metrics import Score
from scratchpad.number_format import NOTHING, duration, memory, percent, percent_range
from scratchpad.reporting.run_groups import Group
from scratchpad.reporting.run_records import RunRecord
from scratchpad.tasks.formats import format_named

_Show = Callable[[Sequence[Score]], str]
"""A function from the scores of all seeds to the text of a cell."""


@dataclass(frozen=True)
class Cell:
    """A cell: a value (`text`) and its interval (`small`). `best`: whether the value is the highest in its column."""

    text: str = NOTHING
    small: str = ""
    best: bool = False
    trained: bool = False


@dataclass(frozen=True)
class ReportRow:
    """A row of a table. `note`: a remark below the label."""

    label: str
    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ReportTable:
    """A table. `sizes`: each column's question length. `trained`: whether all runs were trained on each length."""

    sizes: tuple[int, ...]
    trained: tuple[bool, ...]
    rows: tuple[ReportRow, ...]


def sizes_of(groups: Sequence[Group], protocol: str) -> tuple[int, ...]:
    """Return the evaluated lengths of all runs under one protocol, in ascending order."""
    return tuple(sorted({score.size for group in groups for run in group.runs for score in run.scores_under(protocol)}))


def accuracy_table(groups: Sequence[Group], protocol: str) -> ReportTable:
    """Return one row per group: the accuracy and 95 % interval of one run, or the median and range of several runs."""
    sizes = sizes_of(groups, protocol)
    best = [_best(groups, protocol, size) for size in sizes]
    rows = []
    for group in groups:
        cells = tuple(_group_cell(group, protocol, size, high) for size, high in zip(sizes, best, strict=True))
        evaluated = sum(bool(run.scores_under(protocol)) for run in group.runs)
        note = f"median of {evaluated} runs" if evaluated > 1 else _note(group.runs[0], protocol)
        rows.append(ReportRow(group.label, note if evaluated else "not evaluated this way", cells))
    return ReportTable(sizes, _trained_by_all(groups, sizes), tuple(rows))


def seeds_table(groups: Sequence[Group], protocol: str) -> ReportTable | None:
    """Return one row per run, with 95 % intervals. Return None if no group has several runs."""
    if all(len(group.runs) == 1 for group in groups):
        return None
    sizes = sizes_of(groups, protocol)
    rows = []
    for group in groups:
        for run in group.runs:
            cells = tuple(_cell(run.scores.get((protocol, size)), run.was_trained(size)) for size in sizes)
            rows.append(ReportRow(group.name_of(run), _note(run, protocol), cells))
    return ReportTable(sizes, _trained_by_all(groups, sizes), tuple(rows))


def transition_tables(groups: Sequence[Group], protocol: str) -> list[tuple[str, ReportTable]]:
    """Return a pair (label, table) per group with an inductive format: its transitions, as medians over seeds."""
    inductive = [group for group in groups if format_named(group.format).inductive]
    single, first = (lambda share: percent(share, 2)), (lambda index: f"{index + 1:g}")
    rows: dict[str, _Show] = {
        "correct single transitions": lambda scores: _median([s.transition_accuracy for s in scores], single),
        "first wrong state": lambda scores: _median([s.first_wrong for s in scores], first),
    }
    return _tables(inductive, protocol, rows)


def cost_tables(groups: Sequence[Group], protocol: str) -> list[tuple[str, ReportTable]]:
    """Return a pair (label, table) per group: the costs of an answer, as medians over seeds.

    With teacher forcing, the costs are of the forward pass over the whole document, not of generation.
    """
    unit, of = ("per question", " of the forward pass") if protocol == "forced" else ("per answer", " of generation")
    rows: dict[str, _Show] = {
        f"tokens {unit}": lambda scores: _median([s.tokens for s in scores], "{:,.1f}".format),
        f"time{of} {unit}": lambda scores: _median([s.seconds for s in scores], duration),
        f"memory{of} {unit}": lambda scores: _median([s.memory_bytes for s in scores], memory),
        "questions seen in training": _seen,
    }
    return _tables(groups, protocol, rows)


def _tables(groups: Sequence[Group], protocol: str, shown: Mapping[str, _Show]) -> list[tuple[str, ReportTable]]:
    sizes = sizes_of(groups, protocol)
    tables = []
    for group in groups:
        rows = []
        for name, show in shown.items():
            texts = [show(_scores(group, protocol, size)) for size in sizes]
            if any(text != NOTHING for text in texts):
                rows.append(ReportRow(name, "", tuple(map(Cell, texts))))
        tables.append((group.label, ReportTable(sizes, (), tuple(rows))))
    return [(label, table) for label, table in tables if table.rows]


def question_counts(groups: Sequence[Group], protocol: str) -> str:
    """Return the number of questions per length as a text: `200`, or `64 to 200`."""
    found = sorted({score.n for group in groups for run in group.runs for score in run.scores_under(protocol)})
    if not found:
        return "0"
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def _scores(group: Group, protocol: str, size: int) -> list[Score]:
    return [run.scores[protocol, size] for run in group.runs if (protocol, size) in run.scores]


def _trained_by_all(groups: Sequence[Group], sizes: Sequence[int]) -> tuple[bool, ...]:
    return tuple(all(run.was_trained(size) for group in groups for run in group.runs) for size in sizes)


def _note(run: RunRecord, protocol: str) -> str:
    if not run.scores_under(protocol):
        return "not evaluated this way"
    return f"evaluated in training, step {run.evaluated_steps[-1]:,}" if run.from_training else ""


def _best(groups: Sequence[Group], protocol: str, size: int) -> float | None:
    """Return the highest median of the groups, or None if all medians are equal."""
    found = [_scores(group, protocol, size) for group in groups]
    medians = [statistics.median(score.accuracy for score in scores) for scores in found if scores]
    return max(medians) if medians and max(medians) > min(medians) else None


def _group_cell(group: Group, protocol: str, size: int, best: float | None) -> Cell:
    scores, trained = _scores(group, protocol, size), all(run.was_trained(size) for run in group.runs)
    if len(group.runs) == 1:
        return _cell(scores[0] if scores else None, trained, best)
    if not scores:
        return Cell(trained=trained)
    found = [score.accuracy for score in scores]
    median = statistics.median(found)
    return Cell(percent(median), percent_range(min(found), max(found)), median == best, trained)


def _cell(score: Score | None, trained: bool, best: float | None = None) -> Cell:
    if score is None:
        return Cell(trained=trained)
    return Cell(percent(score.accuracy), percent_range(score.low, score.high), score.accuracy == best, trained)


def _median(values: Sequence[float | None], show: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return show(statistics.median(known)) if known else NOTHING


def _seen(scores: Sequence[Score]) -> str:
    known = [score for score in scores if score.seen_in_training is not None]
    if not known:
        return NOTHING
    median = statistics.median_low([score.seen_in_training or 0 for score in known])
    return f"{median:,} of {known[0].n:,}"
