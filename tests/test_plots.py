"""The plots: they show the given data, texts do not overlap, and colours contrast with the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from run_folders import losses, parity, score, write_run

import scratchpad.reporting
from scratchpad.config.lengths import Lengths
from scratchpad.reporting.chart_data import accuracy_series, evaluation_panels, loss_series
from scratchpad.reporting.charts import (
    CHANCE_LABEL,
    RunCurve,
    Series,
    accuracy_plot,
    evaluation_plot,
    loss_plot,
    median_curve,
    save,
    svg,
)
from scratchpad.reporting.comparison_charts import Bar, bars_plot
from scratchpad.reporting.run_groups import group_by_task
from scratchpad.reporting.run_records import read_run
from scratchpad.reporting.styles import INK, PALETTE, format_colour, line_styles

SIZES = (5, 7, 11, 13)
SEEDS = tuple(RunCurve(SIZES, y, y, y) for y in ((1.0, 0.9, 0.3, 0.1), (1.0, 0.7, 0.5, 0.0), (0.8, 0.6, 0.7, 0.2)))
LONE = RunCurve(SIZES, (1.0, 0.5, 0.5, 0.4), (0.9, 0.4, 0.4, 0.3), (1.0, 0.6, 0.6, 0.5))
BOTH = (
    Series("inductive", SEEDS, "inductive", Lengths(1, 7)),
    Series("_direct $x$", (LONE,), "direct", Lengths(1, 7)),
)


def lines(axes: Axes, format_name: str) -> list[tuple[list[float], str]]:
    """Return the y values and the marker of the lines and dots in the colour of a format."""
    found = [line for line in axes.get_lines() if line.get_color() == format_colour(format_name)]
    return [([float(y) for y in np.asarray(line.get_ydata())], str(line.get_marker())) for line in found]


def visible_texts(axes: Axes) -> Iterator[Text]:
    """Return titles, labels, notes, and the labels of visible ticks."""
    yield from (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts)  # type: ignore[attr-defined]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        yield from (tick.label1 for tick in ticks if tick.label1.get_visible())


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of visible texts whose boxes overlap, and texts that leave the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [text for axes in figure.axes for text in visible_texts(axes)] + figure.legends[0].get_texts()
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts if text.get_text()]
    whole = figure.bbox.padded(1)
    outside = [(name, "outside") for name, box in boxes if not whole.contains(box.x0, box.y0)]
    outside += [(name, "outside") for name, box in boxes if not whole.contains(box.x1, box.y1)]
    return outside + [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def test_every_run_has_dots_and_the_median_is_a_line() -> None:
    [axes] = accuracy_plot(BOTH).axes
    drawn = lines(axes, "inductive")
    assert [y for y, marker in drawn if marker == "."] == [[100 * y for y in curve.y] for curve in SEEDS]
    assert [y for y, marker in drawn if marker != "."] == [[100, 70, 50, 10]]
    assert [y for y, _ in lines(axes, "direct")] == [[100, 50, 50, 40]]


def test_a_format_has_one_colour_and_one_marker_wherever_it_stands() -> None:
    names = ("inductive", "scratchpad", "direct", "causal", "changes", "filler")
    alone = [line_styles([name])[0] for name in names]
    assert len({style["color"] for style in alone}) == len({style["marker"] for style in alone}) == len(names)
    backwards = line_styles(names[::-1])[::-1]
    assert [(one["color"], one["marker"]) for one in backwards] == [(one["color"], one["marker"]) for one in alone]
    assert [style["color"] for style in alone] == [format_colour(name) for name in names]
    assert format_colour("filler-64") == format_colour("filler")


def test_lines_of_a_format_differ_in_dashes_and_filling_but_not_in_thickness() -> None:
    styles = line_styles(["causal"] * 8)
    assert len({(style["linestyle"], style["markerfacecolor"]) for style in styles}) == 8
    assert {(style["color"], style["marker"]) for style in styles} == {(format_colour("causal"), "D")}
    assert len({style["linewidth"] for style in [*styles, *line_styles(["direct", "inductive"])]}) == 1


def test_the_line_of_chance_is_drawn_where_it_is_known() -> None:
    figure = accuracy_plot(BOTH, chance=0.25, title="A title of more than one line of text " * 3)
    [axes] = figure.axes
    assert [float(np.asarray(line.get_ydata())[0]) for line in axes.get_lines() if line.get_color() == INK] == [25]
    assert figure.legends[0].get_texts()[-1].get_text() == CHANCE_LABEL
    assert not overlapping(figure)
    assert CHANCE_LABEL not in [text.get_text() for text in accuracy_plot(BOTH).legends[0].get_texts()]


def test_bands_span_the_runs_or_the_interval() -> None:
    middle = median_curve(SEEDS)
    assert (middle.low, middle.high) == ((0.8, 0.6, 0.3, 0.0), (1.0, 0.9, 0.7, 0.2))
    assert median_curve((LONE,)) is LONE
    [axes] = accuracy_plot(BOTH).axes
    bands = [band.get_paths()[0].vertices for band in axes.collections]
    spans = [{float(y) for x, y in np.asarray(band) if x == 11} for band in bands]
    assert spans == [{30.0, 70.0}, {40.0, 60.0}]


def test_medians_are_of_the_runs_that_have_the_point() -> None:
    middle = median_curve((RunCurve((1, 2), (0.5, 0.25)), RunCurve((2, 3), (0.75, 0.9))))
    assert middle == RunCurve((1, 2, 3), (0.5, 0.5, 0.9), (0.5, 0.25, 0.9), (0.5, 0.75, 0.9))


def test_the_trained_lengths_are_shaded_and_named() -> None:
    [axes] = accuracy_plot(BOTH).axes
    assert [text.get_text() for text in axes.texts] == ["trained on 1-7"]
    [shade] = axes.patches
    edges = shade.get_extents().transformed(axes.transData.inverted()).intervalx
    assert list(edges) == pytest.approx([0.75, 7.25])


def test_trained_lengths_that_differ_are_dotted_lines() -> None:
    both = (BOTH[0], Series("other", (LONE,), trained=Lengths(1, 11)))
    [axes] = accuracy_plot(both).axes
    assert not axes.patches
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert [float(np.asarray(line.get_xdata())[0]) for line in dotted] == [7, 11]
    assert [text.get_text() for text in axes.texts] == ["dotted: longest length trained on"]
    [axes] = accuracy_plot((Series("weighted", (LONE,), trained=Lengths.parse("2-4:size")),)).axes
    assert [text.get_text() for text in axes.texts] == ["trained on 2-4"]


def test_a_bar_of_zero_shows_its_format() -> None:
    """A mark at 0 has the colour of its format and the height of its bar. The bar of the second case is paler."""
    pair = [Bar(0, 0, 0.1, (0,), "direct"), Bar(0.5, 0.4, 0.6, (0.5,), "causal")]
    figure = bars_plot([("a", pair)], ["x", "y"], "accuracy", chance=0.5)
    [axes] = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["direct", "causal", "x", "y", CHANCE_LABEL]
    assert not overlapping(figure)
    lines = [line for line in axes.collections if isinstance(line, LineCollection)]
    marks = [line for line in lines if np.ptp(np.asarray(line.get_segments()[0])[:, 0]) == 0]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    colours = [to_rgb(format_colour(bar.format)) for bar in pair]
    assert [to_rgb(tuple(np.asarray(mark.get_colors())[0])) for mark in marks] == colours
    assert to_rgb(bars[0].get_facecolor()) == pytest.approx(colours[0])
    assert to_rgb(bars[1].get_facecolor()) == pytest.approx([0.7 + 0.3 * part for part in colours[1]])
    for mark, bar in zip(marks, bars, strict=True):
        assert list(np.asarray(mark.get_segments()[0])[:, 1]) == pytest.approx(
            [bar.get_y(), bar.get_y() + bar.get_height()]
        )


def test_a_single_length_is_drawn_as_bars() -> None:
    curves = tuple(RunCurve((8,), (y,), (y - 0.1,), (y + 0.1,)) for y in (0.5, 0.2, 0.4))
    figure = accuracy_plot((Series("three", curves), Series("one", curves[:1]), Series("none", ())), "bits")
    [axes] = figure.axes
    assert [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)] == [40, 50]
    assert axes.get_xlabel() == "bits: 8"
    assert not overlapping(figure)


def test_losses_are_logarithmic_with_plain_numbers() -> None:
    curve = RunCurve(tuple(range(10, 60, 10)), (3.0, 0.0, 0.5, 0.02, 0.004))
    figure = loss_plot([Series("inductive", (curve,), "inductive")])
    [axes] = figure.axes
    assert axes.get_yscale() == "log"
    assert lines(axes, "inductive")[0][0] == [3.0, 0.5, 0.02, 0.004]  # nothing at 0
    assert axes.get_ylabel().endswith("log scale)")
    assert not overlapping(figure)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert {"1", "0.1", "0.01"} <= set(labels)


def test_many_points_are_thinned_to_medians() -> None:
    y = tuple(1.0 + (step % 3) for step in range(3000))
    [axes] = loss_plot([Series("long", (RunCurve(tuple(range(3000)), y),), "direct")]).axes
    [(drawn, _)] = lines(axes, "direct")
    assert len(drawn) == 300
    assert set(drawn) == {2.0}


def test_each_evaluation_has_a_panel() -> None:
    panels = [("lengths trained on", BOTH), ("lengths not trained on", BOTH)]
    figure = evaluation_plot(panels, "right (%)")
    assert [axes.get_title("left") for axes in figure.axes] == [title for title, _ in panels]
    assert not overlapping(figure)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_texts_do_not_overlap(count: int) -> None:
    series = [Series(f"_a rather long name of a run {i}", (LONE,), "causal", Lengths(1, 7)) for i in range(count)]
    figure = accuracy_plot(series, "length (bits)", "correct scratchpads (%)")
    assert not overlapping(figure)
    assert [text.get_text() for text in figure.legends[0].texts] == [one.label for one in series]
    assert figure.axes[0].get_position().height * figure.get_figheight() > 2  # inches


def test_svg_and_png() -> None:
    figure, file = accuracy_plot(BOTH), io.BytesIO()
    text = svg(figure)
    assert text.startswith("<svg viewBox=")
    assert ">_direct $x$</text>" in text
    assert "metadata" not in text
    assert '<g id="' not in text
    assert svg(accuracy_plot(BOTH)) == text
    save(figure, file)
    file.seek(0)
    assert imread(file).shape[:2] == (740, 1120)


def test_labels_are_escaped() -> None:
    assert "<b>" not in svg(accuracy_plot([Series("<b>", (LONE,))], "<b>", "<b>"))


def test_matplotlibs_global_state_is_unchanged() -> None:
    before = dict(mpl.rcParams)
    svg(accuracy_plot(BOTH))
    assert dict(mpl.rcParams) == before


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_contrast_with_the_page(mode: str) -> None:
    """WCAG requires a contrast of at least 3 for lines and 4.5 for text."""
    folder = Path(scratchpad.reporting.__file__).parent
    light, _, dark = (
        (folder / "templates" / "style.css.jinja").read_text().partition("@media (prefers-color-scheme: dark)")
    )
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light if mode == "light" else dark))
    named = {f"series-{i}": 3.0 for i in range(len(PALETTE))} | dict.fromkeys(("ink", "soft", "good", "bad"), 4.5)
    for name, least in named.items():
        for ground in ("page", "card"):
            bright, dim = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= least, (name, ground)


def test_series_are_made_from_runs(tmp_path: Path) -> None:
    """Means over the trained lengths (1 to 3 bits) and over the others; labels name trained lengths that differ."""
    early = [score(size, right) for size, right in ((2, 10), (3, 30), (5, 4), (7, 0))]
    late = [score(size, right) for size, right in ((2, 90), (3, 70), (5, 40), (7, 20))]
    metrics = [*losses(2.0, 1.0), {"step": 10, "evaluation": early}, {"step": 20, "evaluation": late}]
    config = parity().with_settings({"bits": "1-2"})
    runs = [
        read_run(write_run(tmp_path / "a", parity(), metrics=metrics, scores=[score(5, 40), score(3, 70)])),
        read_run(write_run(tmp_path / "b", config)),
    ]
    [groups] = group_by_task(runs)
    inside, outside = evaluation_panels(groups, "free")
    assert evaluation_panels(groups, "forced") == []  # none of these evaluations is by that method
    assert (inside[0], outside[0]) == ("lengths trained on", "lengths not trained on")
    assert [one.curves[0].x for _, [one, _] in (inside, outside)] == [(10, 20), (10, 20)]
    assert inside[1][0].curves[0].y == pytest.approx((0.2, 0.8))
    assert outside[1][0].curves[0].y == pytest.approx((0.02, 0.3))
    assert loss_series(groups)[0].curves == (RunCurve((10, 20), (2.0, 1.0)),)
    first, second = accuracy_series(groups, "free")
    assert (first.label, second.label) == (
        "inductive, bits=1-3 (trained on 1-3)",
        "inductive, bits=1-2 (trained on 1-2)",
    )
    assert (first.curves[0].x, first.curves[0].y, second.curves) == ((3, 5), (0.7, 0.4), ())
    assert accuracy_series(groups[:1], "free")[0].label == "inductive, bits=1-3"
