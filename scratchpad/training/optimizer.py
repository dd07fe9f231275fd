"""The AdamW optimizer, the schedule of the learning rate, and the moving average of the weights."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from scratchpad.config.schema import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW for the trained parameters. Weight decay applies to matrices, but not to biases and norms."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.betas[0], config.betas[1]), fused=True)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step (counted from 0): a linear warm-up, then a cosine down to the final rate."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    decay = max(1, (config.decay_steps or config.steps) - config.warmup_steps)
    done = min(1.0, (step - config.warmup_steps) / decay)
    low, high = config.final_learning_rate, config.learning_rate
    return low + (high - low) * (1 + math.cos(math.pi * done)) / 2


def update_average(average: nn.Module, model: nn.Module, kept: float, step: int) -> None:
    """Update the moving average of the weights in place. `step` is counted from 1.

    kept: the factor of the old average. Early steps use a smaller factor, so that the initial weights fade quickly.
    """
    move = get_ema_multi_avg_fn(min(kept, (1 + step) / (10 + step)))
    pairs = zip(average.parameters(), model.parameters(), strict=True)
    trained = [(averaged, parameter) for averaged, parameter in pairs if parameter.requires_grad]
    move([averaged for averaged, _ in trained], [parameter for _, parameter in trained], step)
