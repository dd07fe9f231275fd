"""The tables of a report: accuracy by format and length, and beside it what an answer costs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from scratchpad.evaluation.metrics import Score
from scratchpad.number_format import NOTHING, duration, memory, percent, percent_range
from scratchpad.reporting.run_groups import Group
from scratchpad.reporting.run_records import RunRecord
from scratchpad.tasks.formats import format_named


@dataclass(frozen=True)
class Cell:
    """text: the value; small: its interval; best: the highest of its column; trained: a length trained on."""

    text: str = NOTHING
    small: str = ""
    best: bool = False
    trained: bool = False


@dataclass(frozen=True)
class Row:
    """A line of a table; note: a remark below its label."""

    label: str
    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """sizes: the lengths of the columns. trained: for each column whether every row was trained on it."""

    sizes: tuple[int, ...]
    trained: tuple[bool, ...]
    rows: tuple[Row, ...]


def sizes_of(groups: Sequence[Group], way: str) -> tuple[int, ...]:
    """The lengths that any run was judged at in this way, ascending."""
    found = {size for group in groups for run in group.runs for by, size in run.scores if by == way}
    return tuple(sorted(found))


def accuracy_table(groups: Sequence[Group], way: str) -> Table:
    """A row a group: its accuracy with a 95 % interval, or the median of its runs with the lowest and highest."""
    sizes = sizes_of(groups, way)
    best = [_best(groups, way, size) for size in sizes]
    rows = []
    for group in groups:
        cells = tuple(_group_cell(group, way, size, high) for size, high in zip(sizes, best, strict=True))
        judged = sum(bool(_by(run, way)) for run in group.runs)
        note = f"median of {judged} runs" if judged > 1 else _note(group.runs[0], way)
        rows.append(Row(group.label, note if judged else "not judged this way", cells))
    return Table(sizes, _trained_by_all(groups, sizes), tuple(rows))


def seeds_table(groups: Sequence[Group], way: str) -> Table | None:
    """A row a run, with 95 % intervals; None where no group has several."""
    if all(len(group.runs) == 1 for group in groups):
        return None
    sizes = sizes_of(groups, way)
    rows = []
    for group in groups:
        for run in group.runs:
            cells = tuple(_cell(run.scores.get((way, size)), run.was_trained(size)) for size in sizes)
            rows.append(Row(group.name_of(run), _note(run, way), cells))
    return Table(sizes, _trained_by_all(groups, sizes), tuple(rows))


def cost_table(groups: Sequence[Group], way: str) -> list[tuple[str, Table]]:
    """For each group, by length: single steps, tokens, time, memory, questions seen in training; medians over seeds."""
    sizes = sizes_of(groups, way)
    tables = []
    for group in groups:
        inductive = format_named(group.runs[0].config.task.format).inductive
        rows = []
        for name, show in _measures(way, inductive).items():
            texts = [show(_scores(group, way, size)) for size in sizes]
            if any(text != NOTHING for text in texts):
                rows.append(Row(name, "", tuple(map(Cell, texts))))
        tables.append((group.label, Table(sizes, (), tuple(rows))))
    return [(label, table) for label, table in tables if table.rows]


def question_counts(groups: Sequence[Group], way: str) -> str:
    """How many questions of a length were judged: 200, or 64 to 200."""
    found = sorted({score.n for group in groups for run in group.runs for score in _by(run, way)})
    if not found:
        return "0"
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def _by(run: RunRecord, way: str) -> list[Score]:
    return [score for (by, _), score in run.scores.items() if by == way]


def _scores(group: Group, way: str, size: int) -> list[Score]:
    return [run.scores[way, size] for run in group.runs if (way, size) in run.scores]


def _trained_by_all(groups: Sequence[Group], sizes: Sequence[int]) -> tuple[bool, ...]:
    return tuple(all(run.was_trained(size) for group in groups for run in group.runs) for size in sizes)


def _note(run: RunRecord, way: str) -> str:
    if not _by(run, way):
        return "not judged this way"
    return f"judged in training, step {run.judged_at[-1]:,}" if run.from_training else ""


def _best(groups: Sequence[Group], way: str, size: int) -> float | None:
    """The highest median, None where the groups do not differ."""
    found = [_scores(group, way, size) for group in groups]
    medians = [statistics.median(score.accuracy for score in scores) for scores in found if scores]
    return max(medians) if medians and max(medians) > min(medians) else None


def _group_cell(group: Group, way: str, size: int, best: float | None) -> Cell:
    scores, trained = _scores(group, way, size), all(run.was_trained(size) for run in group.runs)
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


def _measures(way: str, inductive: bool) -> dict[str, Callable[[Sequence[Score]], str]]:
    """The rows of a cost table: what each is called, and its text for the scores of all seeds."""
    work = "an answer" if way != "forced" else "a question judged"
    steps: dict[str, Callable[[Sequence[Score]], str]] = {
        "single transitions right": lambda scores: _median(
            [s.transition_accuracy for s in scores], partial(percent, digits=2)
        ),
        "first wrong state": lambda scores: _median([s.first_wrong for s in scores], _place),
    }
    exact: dict[str, Callable[[Sequence[Score]], str]] = {
        "whole scratchpads right": lambda scores: _median([s.exact_accuracy for s in scores], percent)
    }
    return {
        **(steps if inductive else {}),
        **(exact if way != "forced" else {}),
        f"tokens {work}": lambda scores: _median([s.tokens for s in scores], "{:,.1f}".format),
        f"time {work}": lambda scores: _median([s.seconds for s in scores], duration),
        f"memory {work}": lambda scores: _median([s.memory_bytes for s in scores], memory),
        "questions seen in training": _seen,
    }


def _median(values: Sequence[float | None], show: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return show(statistics.median(known)) if known else NOTHING


def _seen(scores: Sequence[Score]) -> str:
    known = [score for score in scores if score.seen_in_training is not None]
    if not known:
        return NOTHING
    middle = statistics.median_low([score.seen_in_training or 0 for score in known])
    return f"{middle:,} of {known[0].n:,}"


def _place(index: float) -> str:
    return f"{index + 1:g}"
