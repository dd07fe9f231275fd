"""The floating-point operations that the attention rule requires: the basis of the benchmarks' ceilings.

Only matrix products count: 2 m k n for an (m, k) and a (k, n) matrix. For a row with width C, L layers and V symbols:

- each token in each layer: 24 C^2 (queries, keys and values 6, attention output 2, perceptron 16);
- in the last layer, tokens that predict nothing need only their keys and values: 4 C^2;
- each pair of a token and a token that it sees, in each layer: 4 C (score and weighted value, over all heads), in the
  last layer again only for tokens that predict;
- each token that predicts: 2 C V for its logits.

A training step takes three times as much, since the backward pass has two products for each forward one. Cached
generation takes as much as one forward pass: each token of a state is fed as written and as context, prompts once.
"""

from __future__ import annotations

from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row
from scratchpad.models.config import ModelConfig

TRAINING = 3
"""The cost of a forward and a backward pass, in forward passes."""


def forward_flops(config: ModelConfig, vocabulary_size: int, row: Row[int]) -> float:
    """Return the operations of one row in one forward pass."""
    width, predicting = config.width, [*row.scored[1:], False]
    seen = _seen_counts(row)
    everywhere = 24 * width**2 * len(row) + 4 * width * sum(seen)
    needed = [count for count, predicts in zip(seen, predicting, strict=True) if predicts]
    last = 24 * width**2 * len(needed) + 4 * width**2 * (len(row) - len(needed)) + 4 * width * sum(needed)
    return (config.layers - 1) * everywhere + last + 2 * width * vocabulary_size * len(needed)


def _seen_counts(row: Row[int]) -> list[int]:
    """Return how many tokens each token sees, including itself."""
    prompt = row.segments.count(PROMPT)
    counts, place = [], 0
    for i, segment in enumerate(row.segments):
        place = place + 1 if i and segment == row.segments[i - 1] else 1
        counts.append(place if segment == PROMPT else prompt + place)
    return counts
