"""Plots for reports: accuracy over length, and loss and accuracy over training steps.

Dots show runs, and lines show medians of runs. No function needs a display or changes global state.
"""

from __future__ import annotations

import dataclasses
import io
import re
import statistics
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from scratchpad.config.lengths import Lengths
from scratchpad.reporting.styles import INK, RC, SHADE, format_colour, line_styles

INCHES = (5.6, 3.7)
_DOTS_PER_INCH = 200
_LEGEND_LINE_INCHES = 0.2
_LEGEND_CHARACTERS = 60  # characters in one line of the legend
_TITLE_CHARACTERS = 76  # characters in one line of the title
_MAX_POINTS = 300


CHANCE_LABEL = "always the most common answer"
Handles = list[tuple[Artist, str]]
"""The entries of a legend: pairs (artist, label)."""


@dataclass(frozen=True)
class RunCurve:
    """The values of one run: y at each x, with ascending x. `low`, `high`: the interval of each y, or empty tuples."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Series:
    """Runs that differ only in their seed, drawn in the colour of their format.

    `format`: the name of the format, or empty. `trained`: the lengths of the training questions. `marks`: the steps at
    which a stage of a curriculum was passed.
    """

    label: str
    curves: tuple[RunCurve, ...] = ()
    format: str = ""
    trained: Lengths | None = None
    marks: tuple[float, ...] = ()


@mpl.rc_context(RC)
def accuracy_plot(
    series: Sequence[Series], length: str = "length", accuracy: str = "accuracy (%)", chance: float = 0, title: str = ""
) -> Figure:  # fmt: skip
    """Plot accuracy (0 to 1) over length, and shade the trained lengths. If there is only one length, plot bars.

    A band shows the interval of a single run, or the range of several runs. `length`, `accuracy`: the axis labels.
    `chance`: the accuracy of a model that always gives the most common answer, drawn as a line; 0 draws no line.
    """
    sizes = sorted({x for one in series for curve in one.curves for x in curve.x})
    figure = titled_figure(INCHES, title)
    axes = figure.add_subplot()
    percent_axis(axes, accuracy)
    if len(sizes) == 1:
        axes.set_xlabel(f"{length}: {sizes[0]:g}")
        handles = _bars(axes, series)
    else:
        axes.set_xlabel(length)
        _mark_trained(axes, series)
        handles = _draw_all(axes, series, scale=100)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    legend(figure, [*handles, *mark_chance(axes.axhline, chance)])
    return figure


@mpl.rc_context(RC)
def loss_plot(series: Sequence[Series]) -> Figure:
    """Plot training loss over steps, on a logarithmic scale. Long curves show medians of neighbouring points."""
    figure = titled_figure(INCHES)
    axes = figure.add_subplot()
    thinned = [dataclasses.replace(one, curves=tuple(map(_thinned, one.curves))) for one in series]
    handles = _draw_all(axes, thinned, markers=False)
    for one in series:
        for step in one.marks:
            axes.axvline(step, color=format_colour(one.format), linestyle=":", linewidth=1)
    logarithmic(axes)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss per scored token (nats, log scale)")
    legend(figure, handles)
    return figure


@mpl.rc_context(RC)
def evaluation_plot(
    panels: Sequence[tuple[str, Sequence[Series]]], accuracy: str = "accuracy (%)", chance: float = 0, title: str = ""
) -> Figure:  # fmt: skip
    """Plot accuracy (0 to 1) over training steps. `panels`: pairs (title, series). All panels have the same labels."""
    figure = titled_figure((INCHES[0], 1.1 + 2.3 * len(panels)), title)
    every = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    handles: Handles = []
    for axes, (panel, series) in zip(every, panels, strict=True):
        percent_axis(axes, accuracy)
        axes.set_title(panel, fontsize=9.5, loc="left", color=INK)
        handles = [*_draw_all(axes, series, scale=100), *mark_chance(axes.axhline, chance)]
    every[-1].set_xlabel("training step")
    legend(figure, handles)
    return figure


def svg(figure: Figure) -> str:
    """Return a figure as an <svg> element without group ids, so that one page can hold several figures."""
    file = io.BytesIO()
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # browsers can draw these glyphs
        figure.savefig(file, format="svg", transparent=True)
    text = file.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", text, count=1, flags=re.DOTALL)
    return re.sub(r'<g id="[^"]*"', "<g", text)


def save(figure: Figure, file: str | Path | IO[bytes], kind: str = "png") -> None:
    """Save a figure with a white background. `kind`: png, svg or pdf."""
    with mpl.rc_context(RC):
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


def titled_figure(inches: tuple[float, float], title: str = "") -> Figure:
    """Return an empty figure, with the title at the top left in one or more lines."""
    figure = Figure(figsize=inches)
    if title:
        lines = textwrap.wrap(title, _TITLE_CHARACTERS)
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5, color=INK)
        figure.set_figheight(inches[1] + _LEGEND_LINE_INCHES * len(lines))
    return figure


def _draw_all(axes: Axes, series: Sequence[Series], scale: float = 1, markers: bool = True) -> Handles:
    """Draw all series, and return the entries of the legend."""
    styles = line_styles([one.format for one in series], markers)
    for style, one in zip(styles, series, strict=True):
        if one.curves:
            _draw(axes, style, one.curves, scale)
    return [(Line2D([], [], **style), one.label) for style, one in zip(styles, series, strict=True)]


def _draw(axes: Axes, style: Mapping[str, Any], curves: Sequence[RunCurve], scale: float) -> None:
    """Draw the runs' median as a line and its interval as a band. If the line has markers, draw each run as dots."""
    middle, colour = median_curve(curves), style["color"]
    if middle.low:
        low, high = ([scale * y for y in edge] for edge in (middle.low, middle.high))
        axes.fill_between(middle.x, low, high, color=colour, alpha=0.15, linewidth=0)
        if len(middle.x) == 1:
            axes.vlines(middle.x[0], low[0], high[0], color=colour, alpha=0.5)
    if len(curves) > 1 and "marker" in style:
        for curve in curves:
            axes.plot(curve.x, [scale * y for y in curve.y], ".", color=colour, markersize=4)
    axes.plot(middle.x, [scale * y for y in middle.y], **style)


def _bars(axes: Axes, series: Sequence[Series]) -> Handles:
    """Plot one bar per series, with a whisker for its interval. If a series has several runs, add one dot per run."""
    axes.grid(visible=False, axis="x")
    for number, one in enumerate(series):
        if not one.curves:
            continue
        middle = median_curve(one.curves)
        axes.bar(number, 100 * middle.y[0], width=0.6, color=format_colour(one.format))
        if middle.low:
            axes.vlines(number, 100 * middle.low[0], 100 * middle.high[0], color=INK, linewidth=1.4)
        if len(one.curves) > 1:
            every = [100 * curve.y[0] for curve in one.curves]
            axes.plot([number] * len(every), every, "o", color=INK, markersize=4)
    axes.set_xticks([])
    axes.set_xlim(-0.6, max(3, len(series)) - 0.4)
    return [(Patch(color=format_colour(one.format)), one.label) for one in series]


def mark_chance(draw: Callable[..., Line2D], chance: float) -> Handles:
    """Draw a line at the accuracy `chance`. Return the legend entry. draw: `axes.axhline` or `axes.axvline`."""
    return [(draw(100 * chance, color=INK, linewidth=1, linestyle=(0, (4, 3))), CHANCE_LABEL)] if chance else []


def percent_axis(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(-3, 103)
    axes.set_yticks(range(0, 101, 20))


def logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic. Labels are at 1, 10, 100 and so on; a short axis also has 2, 5, 20, 50 and so on.

    A short axis begins and ends at a label, so that it has at least two labels.
    """
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    places = (1, 2, 5) if high < 1000 * low else (1,)
    if len(places) > 1:
        labels = [place * 10.0**power for power in range(-9, 10) for place in places]
        axes.set_ylim(max(one for one in labels if one <= low), min(one for one in labels if one >= high))
    axes.yaxis.set_major_locator(LogLocator(subs=places, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _mark_trained(axes: Axes, series: Sequence[Series]) -> None:
    """Shade the trained lengths if all series share them. If not, draw dotted lines at the longest trained lengths."""
    lengths = {one.trained for one in series}
    shared = lengths.pop() if len(lengths) == 1 else None
    above: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "va": "bottom", "fontsize": 8.5}
    if shared:
        axes.axvspan(shared.low - 0.25, shared.high + 0.25, color=SHADE, linewidth=0, zorder=0)
        text = Lengths(shared.low, shared.high).to_json()  # without the weights of the distribution
        axes.text((shared.low + shared.high) / 2, 1.02, f"trained on {text}", ha="center", **above)
    elif longest := [one.trained.high for one in series if one.trained]:
        axes.text(max(longest), 1.02, "dotted: longest length trained on", ha="right", **above)
    for one in series:
        if not shared and one.trained:
            axes.axvline(one.trained.high, color=format_colour(one.format), linestyle=":", linewidth=1.4)


def legend(figure: Figure, handles: Handles) -> None:
    """Add a legend below the axes."""
    columns = max(1, min(_LEGEND_CHARACTERS // (8 + max(len(label) for _, label in handles)), len(handles)))
    numbers = [str(number) for number in range(len(handles))]
    artists = [handle for handle, _ in handles]
    legend = figure.legend(artists, numbers, loc="outside lower center", ncols=columns, handlelength=3.2)
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE_INCHES * (-(-len(handles) // columns) - 1))
    for text, (_, label) in zip(legend.texts, handles, strict=True):
        text.set_text(label)  # set late, because matplotlib drops labels that begin with `_`


def _thinned(curve: RunCurve) -> RunCurve:
    """Return at most _MAX_POINTS medians of neighbouring points with y > 0, which a logarithmic scale can show."""
    points = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if y > 0]
    width = -(-len(points) // _MAX_POINTS) or 1
    medians = [map(statistics.median, zip(*points[i : i + width], strict=True)) for i in range(0, len(points), width)]
    x, y = zip(*medians, strict=True) if medians else ((), ())
    return RunCurve(x, y)
