"""Plots that compare many runs: bars of accuracy, and the number of steps to learn a task by a setting's value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scratchpad.reporting.charts import (
    INCHES,
    Handles,
    Series,
    legend,
    logarithmic,
    mark_chance,
    titled_figure,
)
from scratchpad.reporting.styles import INK, RC, format_colour, line_styles

_ROW_INCHES = 0.36
_BARS_HEIGHT = 0.8
"""The total height of all bars in a row."""


_TINTS = (1.0, 0.3)
"""The share of colour, beside white, in the bars of the first and of the last case."""


@dataclass(frozen=True)
class Bar:
    """A share of correct answers with its interval, the share of each seed, and the name of the format."""

    share: float
    low: float
    high: float
    seeds: tuple[float, ...]
    format: str = ""


@mpl.rc_context(RC)
def bars_plot(
    rows: Sequence[tuple[str, Sequence[Bar | None]]], cases: Sequence[str], accuracy: str, chance: float = 0,
    title: str = "",
) -> Figure:  # fmt: skip
    """Plot rows of bars. `rows`: pairs (label, bars), with one bar per case; None leaves out a bar.

    A bar has the colour of its format. Bars of later cases are paler. Whiskers show intervals. If a bar has several
    seeds, dots show the seeds. `chance`: the accuracy of a model that always gives the most common answer, or 0.
    """
    figure = titled_figure((INCHES[0], 1.2 + len(rows) * max(_ROW_INCHES, 0.15 * len(cases))), title)
    axes = figure.add_subplot()
    thick = _BARS_HEIGHT / len(cases)
    step = (_TINTS[1] - _TINTS[0]) / max(len(cases) - 1, 1)
    tints = [_TINTS[0] + step * case for case in range(len(cases))]
    for number, (_, bars) in enumerate(rows):
        for case, bar in enumerate(bars):
            if bar is not None:
                _bar(axes, number - _BARS_HEIGHT / 2 + (case + 0.5) * thick, thick, bar, tints[case])
    axes.set_xlim(-1, 103)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(accuracy)
    formats = {format_colour(bar.format): bar.format for _, bars in rows[::-1] for bar in bars[::-1] if bar}
    named = set(formats.values()) <= {label for label, _ in rows} or len(formats) == 1
    handles: Handles = [(Patch(color=colour), name) for colour, name in [*formats.items()][::-1] if not named]
    handles += [(Patch(color=_tinted(INK, tint)), case) for tint, case in zip(tints, cases, strict=True) if case]
    handles += mark_chance(axes.axvline, chance)
    if handles:
        legend(figure, handles)
    return figure


def _tinted(colour: str, tint: float) -> tuple[float, float, float]:
    red, green, blue = (1 - tint * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _bar(axes: Axes, place: float, thick: float, bar: Bar, tint: float) -> None:
    colour = format_colour(bar.format)
    axes.barh(place, 100 * bar.share, height=0.9 * thick, color=_tinted(colour, tint))
    axes.vlines(0, place - 0.45 * thick, place + 0.45 * thick, color=colour, linewidth=3)  # makes a bar of 0 visible
    axes.hlines(place, 100 * bar.low, 100 * bar.high, color=INK, linewidth=1.2)
    if len(bar.seeds) > 1:
        axes.plot([100 * share for share in bar.seeds], [place] * len(bar.seeds), "o", color=INK, markersize=3)


@dataclass(frozen=True)
class Learned:
    """The number of training steps until a task is learned, at one value (`at`) of a setting.

    `steps`: the median over seeds. `low`, `high`: the interval of the median. `seeds`: the number of steps for each
    seed, or infinity if the run never learned the task. `given_up`: the last step of training.
    """

    at: float
    steps: float
    low: float
    high: float
    seeds: tuple[float, ...]
    given_up: float


@mpl.rc_context(RC)
def steps_plot(series: Sequence[tuple[Series, Sequence[Learned]]], varied: str, title: str = "") -> Figure:
    """Plot the number of steps to learn by the value of the setting `varied`, on a logarithmic scale.

    `series`: pairs (series, one `Learned` per value). Dots are seeds, lines join medians, and bars are intervals. A
    cross is at the last step of a run that never learned the task.
    """
    figure = titled_figure(INCHES, title)
    axes = figure.add_subplot()
    styles = line_styles([one.format for one, _ in series])
    for style, (_, places) in zip(styles, series, strict=True):
        _steps(axes, style, places)
    logarithmic(axes)
    axes.set_xlabel(varied)
    axes.set_ylabel("steps to learn (log scale)")
    axes.set_xticks(sorted({place.at for _, places in series for place in places}))
    handles: Handles = [(Line2D([], [], **style), one.label) for style, (one, _) in zip(styles, series, strict=True)]
    if any(not math.isfinite(steps) for _, places in series for place in places for steps in place.seeds):
        handles.append((Line2D([], [], color=INK, **_NEVER), "not learned until this step"))
    legend(figure, handles)
    return figure


_NEVER: dict[str, Any] = {"marker": "x", "linestyle": "", "markersize": 8, "markeredgewidth": 1.8}


def _steps(axes: Axes, style: Mapping[str, Any], places: Sequence[Learned]) -> None:
    learned, colour = [place for place in places if math.isfinite(place.steps)], style["color"]
    axes.plot([place.at for place in learned], [place.steps for place in learned], **style)
    for place in places:
        high = place.high if math.isfinite(place.high) else place.given_up
        if math.isfinite(place.low) and place.low < high:
            axes.vlines(place.at, place.low, high, color=colour, alpha=0.5, linewidth=2)
        never = [place.given_up for steps in place.seeds if not math.isfinite(steps)]
        axes.plot([place.at] * len(never), never, color=colour, **_NEVER)
        done = [steps for steps in place.seeds if math.isfinite(steps) and len(place.seeds) > 1]
        axes.plot([place.at] * len(done), done, ".", color=colour, markersize=4)
