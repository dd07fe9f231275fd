"""Plots that compare many runs: bars of accuracy, and the number of steps to learn by the value of a setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchpad.reporting.charts import INCHES, INK, STYLE, Series, legend, line_style, logarithmic

_ROW_INCHES = 0.36
_BARS_HEIGHT = 0.8
"""The total height of all bars in a row."""


@dataclass(frozen=True)
class Bar:
    """A share of correct answers with its interval, and the share of each seed."""

    share: float
    low: float
    high: float
    seeds: tuple[float, ...]


@mpl.rc_context(STYLE)
def bars_plot(rows: Sequence[tuple[str, Sequence[Bar | None]]], cases: Sequence[str], accuracy: str) -> Figure:
    """Plot rows of bars. `rows`: pairs (label, bars), with one bar per case; None leaves out a bar.

    Whiskers show intervals. If a bar has several seeds, dots show the seeds.
    """
    figure = Figure(figsize=(INCHES[0], 1.2 + len(rows) * max(_ROW_INCHES, 0.2 * len(cases))))
    axes = figure.add_subplot()
    thick = _BARS_HEIGHT / len(cases)
    for number, (_, bars) in enumerate(rows):
        for case, bar in enumerate(bars):
            if bar is not None:
                _bar(axes, number - _BARS_HEIGHT / 2 + (case + 0.5) * thick, thick, bar, str(line_style(case)["color"]))
    axes.set_xlim(-1, 103)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(accuracy)
    if any(cases):
        legend(figure, [Series(case, ()) for case in cases], markers=False)
    return figure


def _bar(axes: Axes, place: float, thick: float, bar: Bar, colour: str) -> None:
    axes.barh(place, 100 * bar.share, height=0.9 * thick, color=colour, alpha=0.75)
    axes.vlines(0, place - 0.45 * thick, place + 0.45 * thick, color=colour, linewidth=3)  # makes a bar of 0 visible
    axes.hlines(place, 100 * bar.low, 100 * bar.high, color=INK, linewidth=1.2)
    if len(bar.seeds) > 1:
        axes.plot([100 * share for share in bar.seeds], [place] * len(bar.seeds), "o", color=INK, markersize=3)


@dataclass(frozen=True)
class Learned:
    """The number of training steps until a task is learned, at one value (`at`) of a setting.

    `steps`: the median over seeds. `low`, `high`: the interval of the median. `seeds`: the number for each seed, which
    is infinite if the seed never learned the task. `given_up`: the last step of training.
    """

    at: float
    steps: float
    low: float
    high: float
    seeds: tuple[float, ...]
    given_up: float


@mpl.rc_context(STYLE)
def steps_plot(series: Sequence[tuple[str, Sequence[Learned]]], varied: str) -> Figure:
    """Plot the number of steps to learn by the value of the setting `varied`, on a logarithmic scale.

    Dots are seeds, lines join medians, bars are intervals, and open triangles mark runs that never learned the task.
    """
    figure = Figure(figsize=INCHES)
    axes = figure.add_subplot()
    for number, (_, places) in enumerate(series):
        _steps(axes, number, places)
    axes.margins(y=0.12)
    logarithmic(axes)
    axes.set_xlabel(varied)
    axes.set_ylabel("steps to learn (open triangle: not learned)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    legend(figure, [Series(label, ()) for label, _ in series])
    return figure


def _steps(axes: Axes, number: int, places: Sequence[Learned]) -> None:
    look = line_style(number)
    learned = [place for place in places if math.isfinite(place.steps)]
    axes.plot([place.at for place in learned], [place.steps for place in learned], **look)
    for place in places:
        high = place.high if math.isfinite(place.high) else place.given_up
        if math.isfinite(place.low) and place.low < high:
            axes.vlines(place.at, place.low, high, color=look["color"], alpha=0.5, linewidth=2)
        never = [place.given_up for steps in place.seeds if not math.isfinite(steps)]
        axes.plot([place.at] * len(never), never, "^", color=look["color"], markerfacecolor="none", markersize=9)
        done = [steps for steps in place.seeds if math.isfinite(steps) and len(place.seeds) > 1]
        axes.plot([place.at] * len(done), done, ".", color=look["color"], markersize=4)
