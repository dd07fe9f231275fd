"""The attention rule: which tokens a token sees, and its position. Training, generation and evaluation share it.

Every token of a row has a *segment*: PROMPT, or the number of its block. A block is a copy of the previous state (the
context), then a state. The block of the first state has no context. The rule is two sentences:

- a token sees the prompt up to itself, and its own block up to itself;
- the prompt has positions 0 .. t-1, and every block continues from t.

So the model writes a state from the question and the state before it. The context does not see earlier states
(Abbe et al. 2024, section 4.2 and appendix B).

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
    """Return whether a query token sees a key token. Arguments: numbers, or arrays or tensors that broadcast.

    A place is the token's index in its row. Padding at the end of a row sees the prompt and padding.
    """
    return ((key_segment == PROMPT) | (key_segment == query_segment)) & (key_place <= query_place)  # type: ignore[operator]


def reaches(distance: Grid, span: int | None) -> Grid | bool:
    """Return whether a token that sees `span` positions, its own included, can see a token at this distance.

    Distances are in positions, not in places of a row, so cutting a document into rows does not change them.
    """
    return span is None or distance < span  # type: ignore[operator]


def block_positions(prompt_length: int, block_length: int) -> range:
    """Return the positions of a block's tokens. In every block they continue the positions of the prompt."""
    return range(prompt_length, prompt_length + block_length)
