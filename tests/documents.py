"""Documents of random symbols in many shapes for tests of the layout, and the loss of a batch."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.layout.batch import NO_TARGET, Batch, collate
from scratchpad.layout.rows import Budget, rows
from scratchpad.models.config import ModelConfig
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document

SYMBOLS = 23
LONGEST = 211  # positions of a model that takes all of these documents


def document(rng: random.Random, prompt: int, states: Sequence[int], preamble: int = 0) -> Document[int]:
    """Return a document of random symbols with a prompt and states of these lengths."""

    def text(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(SYMBOLS) for _ in range(length))

    return Document(text(prompt), tuple(map(text, states)), preamble)


def shapes() -> dict[str, list[Document[int]]]:
    """Return batches by name, in shapes that have broken layouts and attention elsewhere."""
    rng = random.Random(0)
    long_chain = [rng.choice((1, 2, 3, 5, 7)) for _ in range(200)]
    return {
        "one state": [document(rng, 7, [5])],
        "one token each": [document(rng, 1, [1]), document(rng, 1, [1, 1])],
        "ragged": [document(rng, 5, [3, 2, 7]), document(rng, 13, [11, 1, 1, 5, 3]), document(rng, 2, [17, 19])],
        "mixed formats": [  # inductive, direct, classic
            document(rng, 11, [3, 5, 2, 7]),
            document(rng, 17, [2]),
            document(rng, 3, [53]),
        ],
        "a preamble": [document(rng, 19, [3, 5, 2], preamble=7), document(rng, 5, [3, 2], preamble=1)],
        "all prompts empty": [document(rng, 0, [5, 3, 2, 7]), document(rng, 0, [11, 13])],
        "some prompts empty": [document(rng, 0, [7, 5, 3]), document(rng, 13, [2, 3, 5]), document(rng, 0, [1, 1])],
        "200 states": [document(rng, 13, long_chain), document(rng, 3, [5, 7]), document(rng, 0, long_chain[:67])],
    }


def small_model(
    positions: str = "learned",
    dropout: float = 0.0,
    bias: bool = True,
    gelu: str = "exact",
    span: int | None = None,
) -> Transformer:
    """Return a float64 model whose weights are large enough that attention is far from uniform."""
    config = ModelConfig(layers=2, heads=3, width=30, positions=positions, context=LONGEST, dropout=dropout, bias=bias)
    model = Transformer(dataclasses.replace(config, gelu=gelu, span=span), SYMBOLS).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model


def batch_of(documents: Sequence[Document[int]], budget: Budget = "packed", question_loss: bool = False) -> Batch:
    """Return all rows of all documents in one batch."""
    return collate([row for each in documents for row in rows(each, budget, question_loss)])


def summed_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the loss summed over all targets, from the logits (N, V) of the batch's tokens without padding."""
    targets = batch.targets[batch.real()]
    return F.cross_entropy(logits, targets, reduction="sum", ignore_index=NO_TARGET)


def gradients(model: Transformer, loss: Tensor) -> dict[str, Tensor]:
    """Return the gradient of every parameter."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def furthest(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Return the largest distance between two sets of gradients, relative to the norm of the expected one."""
    assert found.keys() == expected.keys()
    return max(float((found[name] - value).norm() / value.norm()) for name, value in expected.items())
