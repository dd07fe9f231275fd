"""A plot of the attention weights of one state, with one map per layer and head."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.attention_weights import AttentionMap
from scratchpad.reporting.styles import INK, RC
from scratchpad.reporting.token_segments import (
    CONTEXT,
    QUESTION,
    STATE,
    Segment,
    context_name,
    name_segments,
    token_text,
)
from scratchpad.tasks.document import as_text

_MAX_TOKENS = 400
_CELL_INCHES, _MIN_WIDTH_INCHES, _MAX_WIDTH_INCHES = 0.13, 1.6, 7.0
_TOKEN_INCHES = 0.1
"""The least distance between the labels of two tokens. In a narrower map, only some tokens have labels."""
_NAMES_INCHES = 0.05
_COLOURS, _SCALE = "Blues", Normalize(0, 1)
_TITLE_CHARACTERS = 60  # at most, of the prompt in the title


@mpl.rc_context(RC)
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
    figure = Figure(figsize=(2 + width * heads, 1.6 + (height + 0.55) * layers))
    every = figure.subplots(layers, heads, squeeze=False, sharex=True, sharey=True)
    segments = _segments(found)
    for (layer, head), axes in np.ndenumerate(every):
        axes.imshow(
            found.weights[layer, head].numpy(), cmap=_COLOURS, norm=_SCALE, aspect="auto", interpolation="nearest"
        )
        axes.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=8.5, loc="left", color=INK, pad=22)
        axes.grid(visible=False)
        axes.tick_params(length=0, pad=2, labelsize=6.5)
        for segment in segments[1:]:
            axes.axvline(segment.low - 0.5, color=INK, linewidth=0.8)
        name_segments(axes, segments, _NAMES_INCHES, width / length)
    _label(every, found, width / length)
    scale = ScalarMappable(_SCALE, _COLOURS)
    figure.colorbar(scale, ax=every, label="attention weight", shrink=min(1.0, 3 / figure.get_figheight()))
    prompt = as_text(found.tokens[: found.prompt])
    title = (
        f"Attention weights of state {found.state}: how much each predicted token attends to each token that the model "
        f"reads. Prompt: {prompt[:_TITLE_CHARACTERS] or 'none'}{'...' * (len(prompt) > _TITLE_CHARACTERS)}"
    )
    figure.suptitle(textwrap.fill(title, int(11 * figure.get_figwidth())), x=0.01, ha="left", fontsize=10)
    return figure


def _segments(found: AttentionMap) -> list[Segment]:
    """Return the prompt, the previous state as context and the state, without empty segments."""
    first, given = len(found.tokens) - sum(found.scored), not found.prompt and found.state == 2
    segments = (
        Segment(0, found.prompt, QUESTION, "prompt"),
        Segment(found.prompt, first, CONTEXT, context_name(found.state - 1, given)),
        Segment(first, len(found.tokens), STATE, f"s[{found.state}]"),
    )
    return [segment for segment in segments if segment.low < segment.high]


def _label(every: np.ndarray, found: AttentionMap, cell_inches: float) -> None:
    """Label the tokens, and name the axes."""
    own = [token_text(token) for token, scored in zip(found.tokens, found.scored, strict=True) if scored]
    places = range(0, len(found.tokens), int(np.ceil(_TOKEN_INCHES / cell_inches)))
    across = [token_text(found.tokens[i]) for i in places]
    axes: Axes
    for axes in every[-1]:
        axes.set_xticks(places, across, rotation=90, family="monospace")
        axes.set_xlabel("token that the model reads", fontsize=8)
    for axes in every[:, 0]:
        axes.set_yticks(range(len(own)), own, family="monospace")
        axes.set_ylabel("predicted token", fontsize=8)
