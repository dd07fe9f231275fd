"""The style of all figures. Each format has one colour and one marker, in every figure and on every page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from scratchpad.tasks.formats import format_named

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#7f7f7f", "#56b4e9")
"""The colours of Okabe and Ito, which colour-blind readers can distinguish. Yellow is darker, and black is left out."""
INK, GRID, SHADE, PAPER = "#222222", "#dcdcdc", "#eeeeec", "#ffffff"
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9.5, "text.color": INK, "text.parse_math": False, "axes.labelcolor": INK,
    "axes.edgecolor": INK, "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.7, "xtick.color": INK,
    "ytick.color": INK, "legend.frameon": False, "figure.constrained_layout.use": True,
    "svg.fonttype": "none", "svg.hashsalt": "scratchpad",
}  # fmt: skip
"""The settings of matplotlib for all figures."""

_FORMATS = ("inductive", "scratchpad", "direct", "causal", "changes", "filler")
_MARKERS = ("o", "s", "^", "D", "v", "X", "P")
_DASHES = ("-", "--", ":", "-.")


def format_colour(format_name: str) -> str:
    """Return the colour of a format. All formats that the package does not know share the last colour."""
    return PALETTE[_place(format_name)]


def line_styles(formats: Sequence[str], markers: bool = True) -> list[dict[str, Any]]:
    """Return the style of each line, from the names of the formats. All lines are equally thick.

    Lines of the same format differ in dashes, and in whether the marker is filled. Later lines are drawn on top and
    have smaller markers, so that earlier lines stay visible.
    """
    earlier: Counter[int] = Counter()
    styles: list[dict[str, Any]] = []
    for number, name in enumerate(formats):
        place, again = _place(name), earlier[_place(name)]
        earlier[place] += 1
        style: dict[str, Any] = {"color": PALETTE[place], "linestyle": _DASHES[again % len(_DASHES)], "linewidth": 1.8}
        if markers:
            filled = (again + again // len(_DASHES)) % 2 == 0
            style |= {
                "marker": _MARKERS[place], "markersize": max(4.0, 8.0 - 0.8 * number), "markeredgewidth": 1.3,
                "markerfacecolor": PALETTE[place] if filled else PAPER,
            }  # fmt: skip
        styles.append(style)
    return styles


def _place(format_name: str) -> int:
    family = format_named(format_name).family if format_name else ""
    return _FORMATS.index(family) if family in _FORMATS else len(_FORMATS)
