"""The attention rule: which tokens of a row a token sees, and which positions the tokens have.

Training, generation and evaluation share the rule. A row has the tokens that one forward pass reads: a prompt, then
blocks. A block has a copy of the previous state (the context), then a state. The block of the first state has no
context. Each token's *segment* is PROMPT or the number of its block. The rule has two parts:

- A token sees the prompt up to itself, and its own block up to itself.
- A prompt of t tokens has the positions 0 to t - 1. In every block the positions start at t.

So the model writes a state from the question and the previous state. The context does not see earlier states (Abbe et
al. 2024, section 4.2 and appendix B).

A model can also limit how far back a token sees (its span). Distances are differences of positions.
"""

from __future__ import annotations

from typing import TypeVar

PROMPT = 0
"""The segment of prompt tokens. The segments of blocks are 1, 2, 3 ..."""
PADDING = -1
"""The segment of padding. Only padding sees padding."""

Grid = TypeVar("Grid")


def sees(query_segment: Grid, key_segment: Grid, query_place: Grid, key_place: Grid) -> Grid:
    """Return whether a query token sees a key token. A place is a token's index in its row; arguments broadcast."""
    return ((key_segment == PROMPT) | (key_segment == query_segment)) & (key_place <= query_place)  # type: ignore[operator]


def reaches(distance: Grid, span: int | None) -> Grid | bool:
    """Return whether a token may see another token at this distance (the difference of the two positions).

    span: the number of positions that a token sees, including its own. None means no limit.
    """
    return span is None or distance < span  # type: ignore[operator]


def block_positions(prompt_length: int, block_length: int) -> range:
    """Return the positions of a block's tokens, which follow the positions of the prompt in every block."""
    return range(prompt_length, prompt_length + block_length)
