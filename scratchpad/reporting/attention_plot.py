"""A plot of the attention weights of one state, with one map per layer and head."""

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
"""If a row has at most this number of tokens, every token has a label."""


@mpl.rc_context(STYLE)
def attention_figure(found: AttentionMap) -> Figure:
    """Plot attention weights. A map has one row per predicted token and one column per token that the model reads.

    The darkest cells have weight 1. Raises ScratchpadError if the model reads more than 400 tokens.
    """
    layers, heads, own, length = found.weights.shape
    if length > _MAX_TOKENS:
        raise ScratchpadError(
            f"a plot over {length} tokens is not readable. Shorten the question to get at most {_MAX_TOKENS} tokens."
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
        for place in {found.prompt, len(found.tokens) - own} - {0}:  # lines after the prompt and before the state
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
    """Return the token. A mark such as <sep> is replaced by the character that the papers print."""
    return PAPER_MARKS.get(token, token) if token in MARKS else token
