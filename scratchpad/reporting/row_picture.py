"""A picture of training rows: which tokens each token sees, the positions, and the scored tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

MOST_TOKENS = 1000
MOST_ROWS = 4

_UNSEEN, _QUESTION, _CONTEXT, _STATE = range(4)
_COLOURS = ("#f4f4f2", "#4477aa", "#ee9944", "#44aa77")
_SCORED = "#aa3344"
_KINDS = ("not seen", "sees the prompt", "sees the previous state, as context", "sees its own state")
_CELL_INCHES, _MIN_CELL_INCHES = 0.17, 0.04
_COMFORTABLE_TOKENS = 80
_LABEL_INCHES = 0.125
_TOP_INCHES, _SIDE_INCHES, _LEFT_INCHES, _BOTTOM_INCHES = 1.25, 1.2, 1.0, 0.35
_MIN_WIDTH_INCHES = 7.0
_MAX_CHARACTERS = 9  # of the label of a token
_DOTS_PER_INCH = 130


@dataclass(frozen=True)
class _Segment:
    """The tokens `low` .. `high` - 1 of a row: the prompt, a copy of the previous state, or a state."""

    low: int
    high: int
    kind: int
    name: str


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
        if len(rows) > 1:
            axes.set_ylabel(f"row {number} of {len(rows)}", labelpad=72 * _LEFT_INCHES * 0.7)
        top -= _BOTTOM_INCHES
    text = "Each line belongs to one token. Coloured cells are the tokens that this token sees."
    figure.text(0.01, 1 - 0.1 / figure.get_figheight(), text, va="top", fontsize=9)
    patches = [Patch(facecolor=c, label=kind, edgecolor="#999999") for c, kind in zip(_COLOURS, _KINDS, strict=True)]
    figure.legend(handles=patches, loc="lower left", ncols=4, frameon=False, fontsize=8)
    figure.savefig(file, format="png")


def _segments(rows: Sequence[Row[str]]) -> Iterator[list[_Segment]]:
    """Yield the segments of each row. The numbers of states continue from row to row."""
    written = 0
    for row in rows:
        parts = [
            (_QUESTION if segment == PROMPT else _STATE if row.scored[i] else _CONTEXT, segment)
            for i, segment in enumerate(row.segments)
        ]
        edges = [i for i in range(1, len(row)) if parts[i] != parts[i - 1]]
        found = []
        for low, high in pairwise([0, *edges, len(row)]):
            kind, _ = parts[low]
            name = "prompt"
            if kind == _STATE:
                written += 1
                name = f"s[{written}]"
            elif kind == _CONTEXT:  # without a prompt, the question is the first state
                name = f"s[{written}] again" if written else "s[1] given"
                written = max(written, 1)
            found.append(_Segment(low, high, kind, name))
        yield found


def _draw_row(axes: Axes, row: Row[str], segments: Sequence[_Segment], cell: float) -> None:
    axes.imshow(_kinds_seen(row, segments), cmap=ListedColormap(_COLOURS), vmin=0, vmax=3, interpolation="nearest")
    _grid(axes, segments, len(row), cell)
    _token_labels(axes, row, cell)
    _name_segments(axes, segments, cell)
    _side_columns(axes, row, cell)


def _kinds_seen(row: Row[str], segments: Sequence[_Segment]) -> np.ndarray:
    """Return a (T, T) array. Entry [q, k] is the kind of token k, or _UNSEEN if token q does not see token k."""
    kinds = np.zeros(len(row), np.int8)
    for segment in segments:
        kinds[segment.low : segment.high] = segment.kind
    seen = np.zeros((len(row), len(row)), np.int8)
    for query, ranges in enumerate(row.visible()):
        for low, high in ranges:
            seen[query, low:high] = kinds[low:high]
    return seen


def _grid(axes: Axes, segments: Sequence[_Segment], length: int, cell: float) -> None:
    if cell > _MIN_CELL_INCHES * 2:
        between = np.arange(1, length) - 0.5
        axes.vlines(between, -0.5, length - 0.5, color="white", linewidth=0.6)
        axes.hlines(between, -0.5, length - 0.5, color="white", linewidth=0.6)
    for segment in segments[1:]:
        weight = 0.6 if segment.kind == _STATE else 1.1
        axes.axvline(segment.low - 0.5, color="#333333", linewidth=weight)
        axes.axhline(segment.low - 0.5, color="#333333", linewidth=weight)


def _token_labels(axes: Axes, row: Row[str], cell: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    gap = -0.5 - 0.05 / cell
    for i in _labelled(len(row), cell):
        name = _shown(row.tokens[i])
        style = {"fontsize": _font_size(cell), "family": "monospace", "parse_math": False}
        axes.text(i, gap, name, rotation=90, ha="center", va="bottom", **style)
        axes.text(gap, i, name, ha="right", va="center", **style)


def _shown(token: str) -> str:
    name = token if token.isprintable() else repr(token)
    return name if len(name) <= _MAX_CHARACTERS else name[: _MAX_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _name_segments(axes: Axes, segments: Sequence[_Segment], cell: float) -> None:
    """Draw a bar in each segment's colour above the token labels, and write the segment's name above the bar."""
    above = -0.5 - 0.62 / cell
    for segment in segments:
        middle = (segment.low + segment.high - 1) / 2
        axes.plot(
            [segment.low - 0.3, segment.high - 0.7], [above, above], color=_COLOURS[segment.kind], linewidth=4,
            clip_on=False, solid_capstyle="butt",
        )  # fmt: skip
        wide = (segment.high - segment.low) * cell
        name = segment.name if wide > 0.7 else segment.name.split()[0]
        if wide > 0.2:
            axes.text(middle, above - 0.08 / cell, name, ha="center", va="bottom", fontsize=8, clip_on=False)
    axes.set_xlim(-0.5, segments[-1].high - 0.5)
    axes.set_ylim(segments[-1].high - 0.5, -0.5)


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
