"""Recipes: named run configs that are known to train well."""

from __future__ import annotations

import dataclasses

from scratchpad.config.schema import EvaluateConfig, RunConfig, TaskConfig, TrainConfig
from scratchpad.errors import unknown_name
from scratchpad.models.config import PRESETS

_SMALL = RunConfig(
    task=TaskConfig("parity", "inductive", {"bits": "1-8", "window": 24}),
    model=PRESETS["small"],
    train=TrainConfig(
        steps=1500, batch=64, learning_rate=3e-3, final_learning_rate=1e-5, warmup_steps=50, weight_decay=0.1,
        micro_tokens=2048, evaluate_every=250, checkpoint_every=250,
    ),
    evaluate=EvaluateConfig(sizes=(4, 8, 12, 16), n=256),
)  # fmt: skip

_PAPER_PARITY = RunConfig(
    task=TaskConfig("parity", "inductive", {"bits": "1-30", "window": 60}),
    model=PRESETS["10m"],
    train=TrainConfig(
        steps=3000, batch=512, samples=1_536_000, learning_rate=3e-4, final_learning_rate=3e-5, weight_decay=1e-3,
        precision="bf16", question_loss=True, evaluate_every=500,
    ),
    evaluate=EvaluateConfig(sizes=(31, 35, 40, 45, 50, 55, 60), n=1024),
)  # fmt: skip

DEMO = RunConfig(
    task=TaskConfig("parity", "inductive", {"bits": "4-5", "window": 20}),
    model=dataclasses.replace(PRESETS["small"], dropout=0.05),
    train=TrainConfig(
        steps=1600, batch=64, learning_rate=3e-3, final_learning_rate=1e-5, warmup_steps=50, weight_decay=0.1,
        micro_tokens=2048, threads=1, checkpoint_every=200,
    ),
    evaluate=EvaluateConfig(sizes=(4, 5, 8, 10, 15), n=1000),
)  # fmt: skip
"""The settings of the run that `scratchpad demo` trains in three formats."""

RECIPES: dict[str, tuple[str, RunConfig]] = {
    "demo": ("the inductive model of `scratchpad demo`", DEMO),
    "parity-small": ("parity of 1-8 bits in a window of 24, with a small model; takes minutes on a CPU", _SMALL),
    "parity-paper": ("parity of 1-30 bits in a window of 60, with the paper's settings; needs a GPU", _PAPER_PARITY),
}


def recipe(name: str) -> RunConfig:
    """Return the settings of a recipe."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name][1]


def with_format(config: RunConfig, name: str) -> RunConfig:
    """Return a copy of the config with another format."""
    return dataclasses.replace(config, task=dataclasses.replace(config.task, format=name))
