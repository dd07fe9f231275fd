"""Diagnoses as the page shows them: tables by length, a plot by place in the chain, groups of first wrong states."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from scratchpad.evaluation.intervals import Share
from scratchpad.number_format import NOTHING, percent
from scratchpad.reporting.charts import Curve, Series, accuracy_plot, save_png
from scratchpad.reporting.diagnosis import Diagnosis
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text

PLACES_CAPTION = "Single transitions right over their place in the chain. Bands: 95 % Wilson intervals."
_MOST_CURVES = 4
_MOST_GROUPS = 10
_MOST_VALUES = 40
_MOST_LETTERS = 120
Measured = Callable[[object], str]


@dataclass(frozen=True)
class Picture:
    """A plot as an <svg> element, with the text below it."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Listed:
    """A plain table. code: its cells are text of chains."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: bool = False


@dataclass(frozen=True)
class OfWay:
    """What was found with one way of judging."""

    title: str
    chains: Listed
    picture: Picture
    traits: list[Listed]
    wrong: Listed


@dataclass(frozen=True)
class Attended:
    """A picture of attention: a PNG in base 64."""

    data: str
    caption: str


@dataclass(frozen=True)
class Findings:
    """What was found of one run."""

    name: str
    ways: list[OfWay]
    attention: tuple[Attended, ...]


def findings_of(title: str, found: Sequence[Diagnosis], measured: Measured, picture: Picture) -> OfWay:
    """The diagnoses of one run and way, by length."""
    return OfWay(
        title[:1].upper() + title[1:], _chains(found, measured), picture, _traits(found, measured), _wrong(found)
    )


def places_figure(found: Sequence[Diagnosis], measured: Measured) -> Figure:
    """Accuracy over place, of up to four lengths, the longest and some between."""
    step = max(1, -(-len(found) // _MOST_CURVES))
    shown = list(found)[::-1][::step][::-1]
    series = [Series(measured(one.size), (_curve(one),)) for one in shown]
    return accuracy_plot(series, "number of the transition", "single transitions right (%)")


def attended(figure: Figure, question: Symbols, state: int) -> Attended:
    """A figure of attention, for the page."""
    file = io.BytesIO()
    save_png(figure, file)
    caption = (
        f"Where state {state} of {_cut(as_text(question))} attends: down, its tokens as they are written; across, the "
        "prompt, the state before and the state itself, parted by lines. Dark: much weight."
    )
    return Attended(base64.b64encode(file.getvalue()).decode(), caption)


def _curve(one: Diagnosis) -> Curve:
    places = sorted(one.by_place)
    shares = [one.by_place[place] for place in places]
    bounds = [share.interval for share in shares]
    y = tuple(share.accuracy for share in shares)
    return Curve(tuple(places), y, tuple(low for low, _ in bounds), tuple(high for _, high in bounds))


def _chains(found: Sequence[Diagnosis], measured: Measured) -> Listed:
    rows = [
        (
            measured(one.size), f"{one.measured.n:,}", percent(one.measured.accuracy), percent(one.predicted),
            percent(one.transitions.accuracy, 2),
        )
        for one in found
    ]  # fmt: skip
    return Listed(("length", "chains", "right", "predicted", "single transitions"), tuple(rows))


def _traits(found: Sequence[Diagnosis], measured: Measured) -> list[Listed]:
    """For each trait that the task names a table: its values by length."""
    tables = []
    for trait in dict.fromkeys(trait for one in found for trait in one.by_trait):
        values = sorted({value for one in found for value in one.by_trait.get(trait, {})})[:_MOST_VALUES]
        rows = [(value, *(_share(one.by_trait.get(trait, {}).get(value)) for one in found)) for value in values]
        tables.append(Listed((f"by {trait}", *(measured(one.size) for one in found)), tuple(rows)))
    return tables


def _share(share: Share | None) -> str:
    return f"{percent(share.accuracy)} of {share.n:,}" if share else NOTHING


def _wrong(found: Sequence[Diagnosis]) -> Listed:
    """The largest groups over all lengths, each with its first example."""
    counts: dict[str, int] = {}
    first = {}
    for one in found:
        for what, group in one.first_wrong.items():
            counts[what] = counts.get(what, 0) + group.count
            first.setdefault(what, group)
    ordered = sorted(counts, key=lambda what: -counts[what])[:_MOST_GROUPS]
    rows = [
        (
            what, f"{counts[what]:,}", str(first[what].state), _cut(first[what].written) or "(nothing)",
            _cut(first[what].due) or "(nothing)", _cut(first[what].question),
        )
        for what in ordered
    ]  # fmt: skip
    return Listed(("what is wrong", "chains", "such a state", "written", "due", "question"), tuple(rows), code=True)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} ..."
