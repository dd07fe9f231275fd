"""The tables, plots and pictures that show diagnoses on the HTML page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from scratchpad.number_format import NOTHING, percent
from scratchpad.reporting.charts import RunCurve, Series, accuracy_plot, save
from scratchpad.reporting.diagnosis import Diagnosis
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text

_MAX_CURVES = 4
_MAX_ERRORS = 10
_MAX_VALUES = 40
_MAX_CHARACTERS = 120
LengthLabel = Callable[[object], str]


@dataclass(frozen=True)
class PlainTable:
    """A table of texts. `code`: whether the cells contain states, which need a monospaced font."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    code: bool = False


@dataclass(frozen=True)
class DiagnosisTables:
    """The tables for one evaluation protocol: chain accuracy by length, one table per trait, and the kinds of error."""

    title: str
    chains: PlainTable
    traits: list[PlainTable]
    errors: PlainTable


@dataclass(frozen=True)
class AttentionImage:
    """A picture of attention weights. `data`: the PNG file in base 64."""

    data: str
    caption: str


def diagnosis_tables(title: str, found: Sequence[Diagnosis], length_label: LengthLabel) -> DiagnosisTables:
    """Return the tables for one run and protocol. `found`: one diagnosis per length."""
    return DiagnosisTables(title, _chains(found, length_label), _traits(found, length_label), _errors(found))


def transition_figure(found: Sequence[Diagnosis], length_label: LengthLabel, format_name: str) -> Figure:
    """Plot transition accuracy by number of the transition, for the longest length and up to three other lengths."""
    step = max(1, -(-len(found) // _MAX_CURVES))
    shown = found[::-1][::step][::-1]
    series = [Series(length_label(one.size), (_curve(one),), format_name) for one in shown]
    return accuracy_plot(series, "number of the transition", "correct transitions (%)")


def attention_image(figure: Figure, question: Symbols, state: int) -> AttentionImage:
    """Return a figure of attention weights as an image for the page."""
    file = io.BytesIO()
    save(figure, file)
    caption = (
        f"Attention weights of state {state} for the question {_cut(as_text(question))}. Rows are the predicted tokens "
        "of the state. Columns are the tokens of the prompt, the previous state and the state, separated by lines. "
        "Dark cells have large weights."
    )
    return AttentionImage(base64.b64encode(file.getvalue()).decode(), caption)


def _curve(one: Diagnosis) -> RunCurve:
    places = sorted(one.by_place)
    shares = [one.by_place[place] for place in places]
    low, high = zip(*(share.interval for share in shares), strict=True)
    return RunCurve(tuple(places), tuple(share.accuracy for share in shares), low, high)


def _chains(found: Sequence[Diagnosis], length_label: LengthLabel) -> PlainTable:
    rows = [
        (
            length_label(one.size), f"{one.chains.n:,}", percent(one.chains.accuracy), percent(one.predicted),
            percent(one.transitions.accuracy, 2),
        )
        for one in found
    ]  # fmt: skip
    return PlainTable(("length", "chains", "correct", "predicted", "single transitions"), tuple(rows))


def _traits(found: Sequence[Diagnosis], length_label: LengthLabel) -> list[PlainTable]:
    tables = []
    for trait in dict.fromkeys(trait for one in found for trait in one.by_trait):
        by_length = [one.by_trait.get(trait, {}) for one in found]
        rows = []
        for value in sorted({value for shares in by_length for value in shares})[:_MAX_VALUES]:
            shares = [shares.get(value) for shares in by_length]
            rows.append((value, *(f"{percent(one.accuracy)} of {one.n:,}" if one else NOTHING for one in shares)))
        tables.append(PlainTable((f"by {trait}", *(length_label(one.size) for one in found)), tuple(rows)))
    return tables


def _errors(found: Sequence[Diagnosis]) -> PlainTable:
    counts: Counter[str] = Counter()
    first = {}
    for one in found:
        for what, wrong in one.first_wrong.items():
            counts[what] += wrong.count
            first.setdefault(what, wrong)
    rows = []
    for what, count in counts.most_common(_MAX_ERRORS):
        wrong = first[what]
        texts = (_cut(text) or "(nothing)" for text in (wrong.written, wrong.due))
        rows.append((what, f"{count:,}", str(wrong.state), *texts, _cut(wrong.question)))
    columns = ("error", "chains", "example: state", "written", "correct", "question")
    return PlainTable(columns, tuple(rows), code=True)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]} ..."
