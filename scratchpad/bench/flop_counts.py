"""The floating-point operations that a row of tokens requires, from which the benchmarks derive their ceilings.

Only matrix products count. The product of an (m, k) and a (k, n) matrix takes 2 m k n operations. A model of width C
with V symbols requires:

- 24 C^2 for each token in each layer (6 for queries, keys and values, 2 for the attention output, 16 for the MLP);
- in the last layer, only 4 C^2 (keys and values) for a token that does not predict a scored token;
- 4 C in each layer for each pair (token, token that it sees), for the scores and weighted values of all heads; in the
  last layer, only if the first token predicts a scored token;
- 2 C V for the logits of each token that predicts a scored token.

A training step takes three times as much, because the backward pass has two products for each product of the forward
pass. Cached generation takes as much as one forward pass, because it reads the same tokens.
"""

from __future__ import annotations

from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row
from scratchpad.models.config import ModelConfig

TRAINING = 3
"""The cost of a forward pass with its backward pass, relative to the forward pass."""


def forward_flops(config: ModelConfig, vocabulary_size: int, row: Row[int]) -> float:
    """Return the number of operations in the forward pass of one row."""
    width, predicting = config.width, [*row.scored[1:], False]
    seen = _seen_counts(row)
    everywhere = 24 * width**2 * len(row) + 4 * width * sum(seen)
    needed = [count for count, predicts in zip(seen, predicting, strict=True) if predicts]
    last = 24 * width**2 * len(needed) + 4 * width**2 * (len(row) - len(needed)) + 4 * width * sum(needed)
    return (config.layers - 1) * everywhere + last + 2 * width * vocabulary_size * len(needed)


def _seen_counts(row: Row[int]) -> list[int]:
    """Return for each token the number of tokens that it sees, including itself."""
    prompt = row.segments.count(PROMPT)
    counts, place = [], 0
    for i, segment in enumerate(row.segments):
        place = place + 1 if i and segment == row.segments[i - 1] else 1
        counts.append(place if segment == PROMPT else prompt + place)
    return counts
