"""A plot of the attention weights of one state: one row of maps per layer, one map per head."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.attention_weights import AttentionMap
from scratchpad.reporting.charts import INK, STYLE
from scratchpad.tasks.document import MARKS, PAPER_MARKS

_MAX_TOKENS = 400
_CELL_INCHES, _MIN_WIDTH_INCHES, _MAX_WIDTH_INCHES = 0.1, 1.6, 7.0
_LABELLED = 90
"""Rows of up to this many tokens have a label for every token."""


@mpl.rc_context(STYLE)
def attention_figure(found: AttentionMap) -> Figure:
    """Plot the weights: rows are the predicted tokens of the state, columns are the tokens of the row.

    The darkest cells have weight 1. Raises ScratchpadError if the row has too many tokens.
    """
    layers, heads, own, length = found.weights.shape
    if length > _MAX_TOKENS:
        raise ScratchpadError(
            f"a plot of attention over {length} tokens is not readable: shorten the question (at most {_MAX_TOKENS})"
        )
    width = min(_MAX_WIDTH_INCHES, max(_MIN_WIDTH_INCHES, _CELL_INCHES * length))
    height = max(0.9, 0.13 * own)
    figure = Figure(figsize=(1 + width * heads, 1 + (height + 0.25) * layers))
    every = figure.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
    for (layer, head), axes in np.ndenumerate(every):
        axes.imshow(
            found.weights[layer, head].numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        axes.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=8, loc="left", color=INK)
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=1, labelsize=6.5)
        for place in {found.prompt, len(found.tokens) - own} - {0}:  # where the prompt ends and the state begins
            axes.axvline(place - 0.5, color=INK, linewidth=0.8)
    _label(every, found)
    return figure


def _label(every: np.ndarray, found: AttentionMap) -> None:
    own = [_short(token) for token, scored in zip(found.tokens, found.scored, strict=True) if scored]
    step = -(-len(found.tokens) // _LABELLED)
    places = range(0, len(found.tokens), step)
    across = [_short(found.tokens[i]) for i in places]
    for axes in every[-1]:
        axes.set_xticks(places, across, rotation=90 if max(map(len, across)) > 1 else 0)
    for axes in every[:, 0]:
        axes.set_yticks(range(len(own)), own)


def _short(token: str) -> str:
    """Return the token; a mark is returned as the short symbol that the papers print."""
    return PAPER_MARKS.get(token, token) if token in MARKS else token
