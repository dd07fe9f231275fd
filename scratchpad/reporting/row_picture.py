"""A picture of training rows: which tokens each token sees, the positions, and the scored tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import IO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scratchpad.errors import ScratchpadError
from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row
from scratchpad.reporting.token_segments import (
    CONTEXT,
    KIND_COLOURS,
    QUESTION,
    STATE,
    Segment,
    context_name,
    name_segments,
    token_text,
)

MOST_TOKENS = 1000
MOST_ROWS = 4

_SCORED = "#aa3344"
_KINDS = ("not seen", "sees the prompt", "sees the previous state, as context", "sees its own state")
_CELL_INCHES, _MIN_CELL_INCHES = 0.17, 0.04
_COMFORTABLE_TOKENS = 80
_LABEL_INCHES = 0.125
_TOP_INCHES, _SIDE_INCHES, _LEFT_INCHES, _BOTTOM_INCHES = 1.25, 1.2, 1.0, 0.35
_MIN_WIDTH_INCHES = 7.0
_NAMES_INCHES = 0.62  # height of the names of segments above the cells
_DOTS_PER_INCH = 130


def draw_rows(rows: Sequence[Row[str]], file: IO[bytes]) -> None:
    """Write a PNG picture of the first MOST_ROWS rows. Raises ScratchpadError if a row exceeds MOST_TOKENS tokens."""
    shown = rows[:MOST_ROWS]
    longest = max(map(len, shown))
    if longest > MOST_TOKENS:
        raise ScratchpadError(
            f"a picture of a row of {longest} tokens is not readable. At most {MOST_TOKENS} tokens are allowed. "
            "Use the layout `split`, or the layout `mixed` with a smaller budget."
        )
    cell = max(_CELL_INCHES * min(1.0, _COMFORTABLE_TOKENS / longest), _MIN_CELL_INCHES)
    heights = [_TOP_INCHES + cell * len(row) + _BOTTOM_INCHES for row in shown]
    width = _LEFT_INCHES + cell * longest + _SIDE_INCHES
    wide, high = max(width, _MIN_WIDTH_INCHES), sum(heights) + 2 * _BOTTOM_INCHES
    figure = Figure(figsize=(wide, high), dpi=_DOTS_PER_INCH)
    top = high - _BOTTOM_INCHES
    for number, (row, segments) in enumerate(zip(shown, _segments(shown), strict=True), 1):
        side = cell * len(row)
        top -= _TOP_INCHES + side
        axes = figure.add_axes((_LEFT_INCHES / wide, top / high, side / wide, side / high))
        _draw_row(axes, row, segments, cell)
        number_text = f"row {number} of {len(rows)}: " if len(rows) > 1 else ""
        axes.set_ylabel(f"{number_text}token that sees", labelpad=72 * _LEFT_INCHES * 0.7, fontsize=8)
        axes.set_xlabel("token that is seen", fontsize=8)
        top -= _BOTTOM_INCHES
    text = "Which tokens each token sees: coloured cells in the line of a token are the tokens that it sees."
    figure.text(0.01, 1 - 0.1 / figure.get_figheight(), text, va="top", fontsize=9)
    kinds = zip(KIND_COLOURS, _KINDS, strict=True)
    patches = [Patch(facecolor=colour, label=kind, edgecolor="#999999") for colour, kind in kinds]
    figure.legend(handles=patches, loc="lower left", ncols=4, frameon=False, fontsize=8)
    figure.savefig(file, format="png")


def _segments(rows: Sequence[Row[str]]) -> Iterator[list[Segment]]:
    """Yield the segments of each row. The numbers of states continue from row to row."""
    written = 0
    for row in rows:
        parts = [
            (QUESTION if segment == PROMPT else STATE if row.scored[i] else CONTEXT, segment)
            for i, segment in enumerate(row.segments)
        ]
        edges = [i for i in range(1, len(row)) if parts[i] != parts[i - 1]]
        found = []
        for low, high in pairwise([0, *edges, len(row)]):
            kind, _ = parts[low]
            name = "prompt"
            if kind == STATE:
                written += 1
                name = f"s[{written}]"
            elif kind == CONTEXT:  # without a prompt, the question is the first state
                name = context_name(written or 1, given=not written)
                written = max(written, 1)
            found.append(Segment(low, high, kind, name))
        yield found


def _draw_row(axes: Axes, row: Row[str], segments: Sequence[Segment], cell: float) -> None:
    axes.imshow(_kinds_seen(row, segments), cmap=ListedColormap(KIND_COLOURS), vmin=0, vmax=3, interpolation="nearest")
    _grid(axes, segments, len(row), cell)
    _token_labels(axes, row, cell)
    name_segments(axes, segments, _NAMES_INCHES, cell)
    axes.set_xlim(-0.5, len(row) - 0.5)
    axes.set_ylim(len(row) - 0.5, -0.5)
    _side_columns(axes, row, cell)


def _kinds_seen(row: Row[str], segments: Sequence[Segment]) -> np.ndarray:
    """Return a (T, T) array. Entry [q, k] is the kind of token k, or UNSEEN if token q does not see token k."""
    kinds = np.zeros(len(row), np.int8)
    for segment in segments:
        kinds[segment.low : segment.high] = segment.kind
    seen = np.zeros((len(row), len(row)), np.int8)
    for query, ranges in enumerate(row.visible()):
        for low, high in ranges:
            seen[query, low:high] = kinds[low:high]
    return seen


def _grid(axes: Axes, segments: Sequence[Segment], length: int, cell: float) -> None:
    if cell > _MIN_CELL_INCHES * 2:
        between = np.arange(1, length) - 0.5
        axes.vlines(between, -0.5, length - 0.5, color="white", linewidth=0.6)
        axes.hlines(between, -0.5, length - 0.5, color="white", linewidth=0.6)
    for segment in segments[1:]:
        weight = 0.6 if segment.kind == STATE else 1.1
        axes.axvline(segment.low - 0.5, color="#333333", linewidth=weight)
        axes.axhline(segment.low - 0.5, color="#333333", linewidth=weight)


def _token_labels(axes: Axes, row: Row[str], cell: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    gap = -0.5 - 0.05 / cell
    for i in _labelled(len(row), cell):
        name = token_text(row.tokens[i])
        style = {"fontsize": _font_size(cell), "family": "monospace", "parse_math": False}
        axes.text(i, gap, name, rotation=90, ha="center", va="bottom", **style)
        axes.text(gap, i, name, ha="right", va="center", **style)


def _side_columns(axes: Axes, row: Row[str], cell: float) -> None:
    """On the right, write the position of each token, and draw a bar beside each scored token."""
    right, size = len(row) - 0.5, _font_size(cell)
    position, scored = right + 0.3 / cell, right + 0.75 / cell
    for x, title in ((position, "position"), (scored, "scored")):
        axes.text(x, -0.5 - 0.1 / cell, title, rotation=90, ha="center", va="bottom", fontsize=8)
    for i in _labelled(len(row), cell):
        axes.text(x=position, y=i, s=str(row.positions[i]), ha="center", va="center", fontsize=size)
    places = np.flatnonzero(row.scored)
    axes.vlines(
        [scored] * len(places), places - 0.5, places + 0.5, color=_SCORED, linewidth=6, clip_on=False, antialiased=False
    )


def _labelled(length: int, cell: float) -> range:
    """Return the indices of the tokens that get a label. The labels of these tokens do not overlap."""
    return range(0, length, int(np.ceil(_LABEL_INCHES / cell)))


def _font_size(cell: float) -> float:
    return min(8.0, 72 * max(cell, _LABEL_INCHES) * 0.7)
