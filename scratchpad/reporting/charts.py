"""Plots for reports: accuracy over length, and loss and accuracy over training steps.

Thin lines show runs, and thick lines show medians of runs. No function needs a display or changes global state.
"""

from __future__ import annotations

import io
import re
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from scratchpad.config.lengths import Lengths

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f7f7f")
"""The colours of Okabe and Ito, which colour-blind readers can distinguish. Yellow is darker, and black is left out."""
INK, GRID, SHADE = "#222222", "#dcdcdc", "#eeeeec"

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", ":", "-.")  # if there are more series than colours, colours repeat with other dashes
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "text.color": INK, "text.parse_math": False, "axes.labelcolor": INK,
    "axes.edgecolor": INK, "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.7, "xtick.color": INK,
    "ytick.color": INK, "legend.frameon": False, "figure.constrained_layout.use": True,
    "svg.fonttype": "none", "svg.hashsalt": "scratchpad",
}  # fmt: skip
INCHES = (5.6, 3.7)
_DOTS_PER_INCH = 200
_LEGEND_LINE_INCHES = 0.2
_LEGEND_CHARACTERS = 60  # characters in one line of the legend
_MAX_POINTS = 300


@dataclass(frozen=True)
class RunCurve:
    """The values of one run: y at each x, with ascending x. `low`, `high`: the interval of each y, or both empty."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Series:
    """Runs that differ only in their seed, drawn in one colour.

    `trained`: the lengths of the training questions. `marks`: the steps at which a stage of a curriculum was passed.
    """

    label: str
    curves: tuple[RunCurve, ...]
    trained: Lengths | None = None
    marks: tuple[float, ...] = ()


@mpl.rc_context(STYLE)
def accuracy_plot(series: Sequence[Series], length: str = "length", accuracy: str = "accuracy (%)") -> Figure:
    """Plot accuracy (0 to 1) over length, and shade the trained lengths. If there is only one length, plot bars.

    A band shows the interval of a single run, or the range of several runs. `length`, `accuracy`: the axis labels.
    """
    sizes = sorted({x for one in series for curve in one.curves for x in curve.x})
    if len(sizes) == 1:
        return _bars(series, f"{length}: {sizes[0]:g}", accuracy)
    figure = Figure(figsize=INCHES)
    axes = figure.add_subplot()
    percent_axis(axes, accuracy)
    _mark_trained(axes, series)
    for number, one in enumerate(series):
        _draw(axes, number, one, scale=100)
    axes.set_xlabel(length)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    legend(figure, series)
    return figure


@mpl.rc_context(STYLE)
def loss_plot(series: Sequence[Series]) -> Figure:
    """Plot training loss over steps, on a logarithmic scale. Long curves show medians of neighbouring points."""
    figure = Figure(figsize=INCHES)
    axes = figure.add_subplot()
    for number, one in enumerate(series):
        thinned = Series(one.label, tuple(map(_thinned, one.curves)))
        _draw(axes, number, thinned, markers=False)
        for step in one.marks:
            axes.axvline(step, color=line_style(number)["color"], linestyle=":", linewidth=1)
    logarithmic(axes)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss per scored token (nats)")
    legend(figure, series, markers=False)
    return figure


@mpl.rc_context(STYLE)
def evaluation_plot(panels: Sequence[tuple[str, Sequence[Series]]], accuracy: str = "accuracy (%)") -> Figure:
    """Plot accuracy (0 to 1) over training steps. `panels`: pairs (title, series). All panels have the same labels."""
    figure = Figure(figsize=(INCHES[0], 1.1 + 2.3 * len(panels)))
    every = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (title, series) in zip(every, panels, strict=True):
        percent_axis(axes, accuracy)
        axes.set_title(title, fontsize=9.5, loc="left", color=INK)
        for number, one in enumerate(series):
            _draw(axes, number, one, scale=100)
    every[-1].set_xlabel("training step")
    legend(figure, panels[0][1])
    return figure


def svg(figure: Figure) -> str:
    """Return a figure as an <svg> element without group ids, so that one page can hold several figures."""
    file = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # browsers can draw these glyphs
        figure.savefig(file, format="svg", transparent=True)
    text = file.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", text, count=1, flags=re.DOTALL)
    return re.sub(r'<g id="[^"]*"', "<g", text)


def save(figure: Figure, file: str | Path | IO[bytes], kind: str = "png") -> None:
    """Save a figure with a white background. `kind`: png, svg or pdf."""
    with mpl.rc_context(STYLE):
        figure.savefig(file, format=kind, dpi=_DOTS_PER_INCH)


def median_curve(curves: Sequence[RunCurve]) -> RunCurve:
    """Return the median and range (`low`, `high`) of the curves at each x. Return a single curve unchanged."""
    if len(curves) == 1:
        return curves[0]
    found: dict[float, list[float]] = {}
    for curve in curves:
        for x, y in zip(curve.x, curve.y, strict=True):
            found.setdefault(x, []).append(y)
    xs = sorted(found)
    low, middle, high = (tuple(of(found[x]) for x in xs) for of in (min, statistics.median, max))
    return RunCurve(tuple(xs), middle, low, high)


def _draw(axes: Axes, number: int, series: Series, scale: float = 1, markers: bool = True) -> None:
    if not series.curves:
        return
    look, middle = line_style(number, markers), median_curve(series.curves)
    if middle.low:
        low, high = ([scale * y for y in edge] for edge in (middle.low, middle.high))
        axes.fill_between(middle.x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        if len(middle.x) == 1:
            axes.vlines(middle.x[0], low[0], high[0], color=look["color"], alpha=0.5)
    if len(series.curves) > 1:
        for curve in series.curves:
            axes.plot(curve.x, [scale * y for y in curve.y], color=look["color"], linewidth=0.8, alpha=0.55)
    axes.plot(middle.x, [scale * y for y in middle.y], **look)


def _bars(series: Sequence[Series], length: str, accuracy: str) -> Figure:
    """Plot one bar per series, with a whisker for its interval. If a series has several runs, add one dot per run."""
    figure = Figure(figsize=INCHES)
    axes = figure.add_subplot()
    percent_axis(axes, accuracy)
    axes.grid(visible=False, axis="x")
    for number, one in enumerate(series):
        if not one.curves:
            continue
        middle, colour = median_curve(one.curves), line_style(number)["color"]
        axes.bar(number, 100 * middle.y[0], width=0.6, color=colour, alpha=0.75)
        if middle.low:
            axes.vlines(number, 100 * middle.low[0], 100 * middle.high[0], color=INK, linewidth=1.4)
        if len(one.curves) > 1:
            every = [100 * curve.y[0] for curve in one.curves]
            axes.plot([number] * len(every), every, "o", color=INK, markersize=4)
    axes.set_xticks([])
    axes.set_xlim(-0.6, max(3, len(series)) - 0.4)
    axes.set_xlabel(length)
    legend(figure, series, markers=False)
    return figure


def percent_axis(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(-3, 103)
    axes.set_yticks(range(0, 101, 20))


def logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic. Labels are at 1, 10, 100 and so on; a short axis also has 2, 5, 20, 50 and so on."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _mark_trained(axes: Axes, series: Sequence[Series]) -> None:
    """If all series have equal trained lengths, shade these lengths. Otherwise, draw a dotted line at each maximum."""
    lengths = {one.trained for one in series}
    shared = lengths.pop() if len(lengths) == 1 else None
    above: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "va": "bottom", "fontsize": 8.5}
    if shared:
        axes.axvspan(shared.low - 0.25, shared.high + 0.25, color=SHADE, linewidth=0, zorder=0)
        text = Lengths(shared.low, shared.high).to_json()  # without the weights of the distribution
        axes.text((shared.low + shared.high) / 2, 1.02, f"trained on {text}", ha="center", **above)
    elif longest := [one.trained.high for one in series if one.trained]:
        axes.text(max(longest), 1.02, "dotted: longest length trained on", ha="right", **above)
    for number, one in enumerate(series):
        if not shared and one.trained:
            axes.axvline(one.trained.high, color=line_style(number)["color"], linestyle=":", linewidth=1.4)


def line_style(number: int, markers: bool = True) -> dict[str, Any]:
    """Return the style of series `number`. Later series are drawn on top and have thinner lines."""
    place = number % len(PALETTE)
    dashes = _DASHES[number // len(PALETTE) % len(_DASHES)]
    look = {"color": PALETTE[place], "linestyle": dashes, "linewidth": max(1.6, 2.8 - 0.3 * number)}
    return {**look, "marker": _MARKERS[place], "markersize": max(4.0, 7.5 - 0.7 * number)} if markers else look


def legend(figure: Figure, series: Sequence[Series], markers: bool = True) -> None:
    """Add a legend below the axes."""
    handles = [Line2D([], [], **line_style(number, markers)) for number in range(len(series))]
    columns = max(1, min(_LEGEND_CHARACTERS // (8 + max(len(one.label) for one in series)), len(series)))
    numbers = [str(number) for number in range(len(series))]
    legend = figure.legend(handles, numbers, loc="outside lower center", ncols=columns)
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE_INCHES * (-(-len(series) // columns) - 1))
    for text, one in zip(legend.texts, series, strict=True):
        text.set_text(one.label)  # set late, because matplotlib drops labels that begin with `_`


def _thinned(curve: RunCurve) -> RunCurve:
    """Return at most _MAX_POINTS medians of neighbouring points. A logarithmic scale cannot show points with y <= 0."""
    points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y > 0]
    width = -(-len(points) // _MAX_POINTS) or 1
    medians = [map(statistics.median, zip(*points[i : i + width], strict=True)) for i in range(0, len(points), width)]
    x, y = zip(*medians, strict=True) if medians else ((), ())
    return RunCurve(x, y)
