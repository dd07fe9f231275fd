"""The labels that pictures of rows share: the tokens, and coloured bars with the names of the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

UNSEEN, QUESTION, CONTEXT, STATE = range(4)
KIND_COLOURS = ("#f4f4f2", "#4477aa", "#ee9944", "#44aa77")
_MAX_CHARACTERS = 9  # in the label of a token
_NAME_INCHES, _SHORT_NAME_INCHES = 0.7, 0.2  # a wider bar has the whole name, or its first word


@dataclass(frozen=True)
class Segment:
    """The tokens `low` .. `high` - 1 of a row: the prompt, a copy of the previous state, or a state."""

    low: int
    high: int
    kind: int
    name: str


def context_name(state: int, given: bool) -> str:
    """Return the name of a state as context. `given`: whether the state is part of the input."""
    return f"s[{state}] given" if given else f"s[{state}] again"


def token_text(token: str) -> str:
    """Return a token as a label. An invisible token becomes a Python literal, and a long token is cut."""
    name = token if token.isprintable() else repr(token)
    return name if len(name) <= _MAX_CHARACTERS else name[: _MAX_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def name_segments(axes: Axes, segments: Sequence[Segment], above_inches: float, cell_inches: float) -> None:
    """Draw a bar in each segment's colour at some height above the axes, and write the segment's name above the bar."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    top = blended_transform_factory(axes.transData, axes.transAxes)
    bar, text = (top + ScaledTranslation(0, above_inches + up, figure.dpi_scale_trans) for up in (0, 0.06))
    for segment in segments:
        axes.plot(
            [segment.low - 0.3, segment.high - 0.7], [1, 1], color=KIND_COLOURS[segment.kind], linewidth=4,
            transform=bar, clip_on=False, solid_capstyle="butt", scalex=False, scaley=False,
        )  # fmt: skip
        wide = (segment.high - segment.low) * cell_inches
        if wide > _SHORT_NAME_INCHES:
            name = segment.name if wide > _NAME_INCHES else segment.name.split()[0]
            middle = (segment.low + segment.high - 1) / 2
            axes.text(middle, 1, name, transform=text, ha="center", va="bottom", fontsize=8, clip_on=False)
