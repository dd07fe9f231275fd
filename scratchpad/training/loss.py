"""The loss of a step: the summed loss of all scored tokens, divided by the number of scored tokens in the step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from scratchpad.layout.batch import NO_TARGET, Batch
from scratchpad.models.protocol import LanguageModel


def summed_loss(model: LanguageModel, batch: Batch, backend: str = "blocks") -> Tensor:
    """Return a batch's summed cross-entropy, in float32 or wider. Only tokens with a target get logits."""
    scored = batch.targets != NO_TARGET
    logits = model(batch, backend, scored)
    return F.cross_entropy(
        logits.to(torch.promote_types(logits.dtype, torch.float32)), batch.targets[scored], reduction="sum"
    )


def count_targets(batches: Sequence[Batch]) -> int:
    """Return the number of scored tokens in all batches together."""
    return sum(int((batch.targets != NO_TARGET).sum()) for batch in batches)
