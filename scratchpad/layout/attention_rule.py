"""The rule: who sees whom, and at which position. Training, generation and evaluation all take it from here.

Every token of a row carries a *segment*: PROMPT, or the number of the block it belongs to. A block is a state with the
state before it as context (the first state has none). Then two sentences say everything:

- a token sees the prompt before it and its own block up to itself;
- the prompt has positions 0 .. t-1, and every block counts on from t.

So a state is written from the question and the state before it, and a state's text as context, which starts its block,
is never coloured by what came earlier (Abbe et al. 2024, section 4.2 and appendix B).

A model may look back over a limited span of that; how far a token is from another is told by these positions.
"""

from __future__ import annotations

from typing import TypeVar

PROMPT = 0
"""The segment of prompt tokens; blocks are numbered from 1."""
PADDING = -1
"""The segment of padding: no other token ever sees it."""

Grid = TypeVar("Grid")


def sees(query_segment: Grid, key_segment: Grid, query_place: Grid, key_place: Grid) -> Grid:
    """Whether a query token sees a key token; plain numbers, or arrays and tensors that broadcast.

    A place is the token's index in its row. Padding at the end of a row sees the prompt and padding, and is unseen.
    """
    return ((key_segment == PROMPT) | (key_segment == query_segment)) & (key_place <= query_place)  # type: ignore[operator]


def reaches(distance: Grid, span: int | None) -> Grid | bool:
    """Whether a token sees another one so many positions before it when it sees the last `span` alone, itself included.

    By positions, not places: so the text of a state sees the same, however the document is cut into rows.
    """
    return span is None or distance < span  # type: ignore[operator]


def block_positions(prompt_length: int, block_length: int) -> range:
    """Positions of a block's tokens: they follow the prompt, whichever block it is."""
    return range(prompt_length, prompt_length + block_length)
