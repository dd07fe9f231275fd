"""How many floating-point operations the rule requires: what the ceilings of the benchmarks are computed from.

A product of an (m, k) and a (k, n) matrix counts 2 m k n; nothing but matrix products is counted. For a row laid out by
the rule, with width C and L layers:

- each token, in each layer: 24 C^2 (queries, keys and values 6, the way out of attention 2, the perceptron 16);
- but in the last layer only tokens that predict something need more than their keys and values: 4 C^2 for the others;
- each pair of a token and one that it sees, in each layer: 4 C (a score and a share of the values, over all heads),
  in the last layer again only for tokens that predict;
- each token that predicts: 2 C V for the logits over V symbols.

A step of training takes three times as much: for each product forward there are two backward. Generation with a cache
takes what one forward pass takes: each token of a state is fed as written and as context, the prompt's once.
"""

from __future__ import annotations

from scratchpad.layout.attention_rule import PROMPT
from scratchpad.layout.rows import Row
from scratchpad.models.config import ModelConfig

TRAINING = 3
"""Forward and backward, in forward passes."""


def forward_flops(config: ModelConfig, vocabulary_size: int, row: Row[int]) -> float:
    """Of one row in one forward pass."""
    width, predicting = config.width, [*row.scored[1:], False]
    seen = _seen(row)
    everywhere = 24 * width**2 * len(row) + 4 * width * sum(seen)
    needed = [count for count, predicts in zip(seen, predicting, strict=True) if predicts]
    last = 24 * width**2 * len(needed) + 4 * width**2 * (len(row) - len(needed)) + 4 * width * sum(needed)
    return (config.layers - 1) * everywhere + last + 2 * width * vocabulary_size * len(needed)


def _seen(row: Row[int]) -> list[int]:
    """How many tokens each token sees, itself included."""
    prompt = row.segments.count(PROMPT)
    counts, place = [], 0
    for i, segment in enumerate(row.segments):
        place = place + 1 if i and segment == row.segments[i - 1] else 1
        counts.append(place if segment == PROMPT else prompt + place)
    return counts
