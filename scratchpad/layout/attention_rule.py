"""The attention rule: which tokens a token sees, and its position. Training, generation and evaluation share it.

Every token of a row has a *segment*: PROMPT, or the number of its block. A block is a state after a copy of the state
before it, its context (the first state has none). The rule is two sentences:

- a token sees the prompt up to itself, and its own block up to itself;
- the prompt has positions 0 .. t-1, and every block continues from t.

So the model writes a state from the question and the state before it. The context is encoded without what came before
it (Abbe et al. 2024, section 4.2 and appendix B).

A model may look back over a limited span of what the rule shows. Distances are differences of these positions.
"""

from __future__ import annotations

from typing import TypeVar

PROMPT = 0
"""The segment of prompt tokens; blocks are numbered from 1."""
PADDING = -1
"""The segment of padding, which no other token sees."""

Grid = TypeVar("Grid")


def sees(query_segment: Grid, key_segment: Grid, query_place: Grid, key_place: Grid) -> Grid:
    """Whether a query token sees a key token; plain numbers, or arrays and tensors that broadcast.

    A place is the token's index in its row. Padding at the end of a row sees the prompt and padding.
    """
    return ((key_segment == PROMPT) | (key_segment == query_segment)) & (key_place <= query_place)  # type: ignore[operator]


def reaches(distance: Grid, span: int | None) -> Grid | bool:
    """Whether a token that sees only the last `span` positions, its own included, sees another one at this distance.

    Distances are in positions, not in places of the row: a state sees the same however its document is cut into rows.
    """
    return span is None or distance < span  # type: ignore[operator]


def block_positions(prompt_length: int, block_length: int) -> range:
    """The positions of a block's tokens: they continue the prompt's, whichever block it is."""
    return range(prompt_length, prompt_length + block_length)
