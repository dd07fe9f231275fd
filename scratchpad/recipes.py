"""The settings of runs: named recipes, and default settings for a task, a task file or a data file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scratchpad.config.parse import split_assignments
from scratchpad.config.schema import EvaluateConfig, RunConfig, TaskConfig, TrainConfig, read_config
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.models.config import PRESETS
from scratchpad.tasks import BUILT_IN

_SMALL = RunConfig(
    model=dataclasses.replace(PRESETS["small"], dropout=0.05),
    train=TrainConfig(
        steps=1500, batch=64, learning_rate=3e-3, final_learning_rate=1e-5, warmup_steps=50, weight_decay=0.1,
        micro_tokens=2048, evaluate_every=250, checkpoint_every=250,
    ),
    evaluate=EvaluateConfig(n=256),
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
        steps=1200, batch=64, learning_rate=3e-3, final_learning_rate=1e-5, warmup_steps=50, weight_decay=0.1,
        micro_tokens=2048, threads=1, checkpoint_every=200,
    ),
    evaluate=EvaluateConfig(sizes=(4, 5, 8, 10, 15), n=100),
)  # fmt: skip
"""The settings of the run that `scratchpad demo` trains in three formats."""


def _small_settings(task: str) -> RunConfig:
    """Return the small settings of a built-in task."""
    small = BUILT_IN[task].small
    return _SMALL.with_settings({"task.name": task, **split_assignments(small.split(), f"{task}.small")})


RECIPES: dict[str, tuple[str, RunConfig]] = {
    "demo": ("the inductive model of `scratchpad demo`", DEMO),
    "small": ("a small model without a task, for your own task or data", _SMALL),
    "parity-small": (
        "parity of 1-8 bits in a window of 24, with a small model; takes minutes on a CPU",
        _small_settings("parity"),
    ),
    "parity-paper": ("parity of 1-30 bits in a window of 60, with the paper's settings; needs a GPU", _PAPER_PARITY),
}


def recipe(name: str) -> RunConfig:
    """Return the settings of a recipe. Raises ScratchpadError if there is no recipe with this name."""
    if name in RECIPES:
        return RECIPES[name][1]
    if name in BUILT_IN:
        raise ScratchpadError(
            f"unknown recipe {name!r}: {name} is the name of a task. To train on this task, use "
            f"`scratchpad train {name}` without a recipe. Known recipes: {', '.join(RECIPES)}"
        )
    raise unknown_name("recipe", name, RECIPES)


_named = recipe  # another name, because `training_config` has an argument `recipe`


def training_config(
    name: str, recipe: str | None = None, settings: Mapping[str, object] = MappingProxyType({})
) -> RunConfig:
    """Return the settings of the run to train.

    name: a built-in task, a Python file that defines a task, a data file (MY_DATA.jsonl), a recipe with a task, or a
    configuration file (CONFIG.json). recipe: the recipe for the settings of the model, training and evaluation; the
    task then has its default settings. Without a recipe, a built-in task has its small settings, and a task file or
    data file has the settings of the recipe `small`. settings: the changes to the settings, which are not applied here.

    Raises ScratchpadError if `name` or `recipe` is unknown, if both have a task, if `name` is a task or a file and
    `settings` name another task, or if CONFIG.json has a task from a Python file and `settings` do not name the file. A
    configuration file never chooses the code that is executed.
    """
    has_task = name.endswith(".json") or name in RECIPES
    other = next((key for key in ("task.name", "task.data", "task.file") if key in settings), None)
    if other and not has_task:
        raise ScratchpadError(f"{name} and {other}={settings[other]} both name what to train: give only one of the two")
    built_in = name in BUILT_IN
    if built_in and recipe is None:
        return _small_settings(name)
    if built_in or name.endswith((".py", ".jsonl")):
        kind = "name" if built_in else "file" if name.endswith(".py") else "data"
        return _named(recipe or "small").with_settings({f"task.{kind}": name})
    config = _config_with_task(name)
    if recipe is not None:
        raise ScratchpadError(
            f"{name} has its own settings, so the recipe {recipe!r} cannot be added. A recipe can be combined only "
            "with the name of a task, with MY_TASK.py or with MY_DATA.jsonl"
        )
    if config.task.file and not settings.get("task.file"):
        raise ScratchpadError(
            f"{name} runs a Python file as its task; confirm the file with the setting task.file=FILE"
        )
    return config


def _config_with_task(name: str) -> RunConfig:
    """Return the settings of a configuration file or of a recipe that has a task."""
    if name.endswith(".json"):
        return read_config(name)
    if name == "small":
        raise ScratchpadError("the recipe 'small' has no task: give a task name, or MY_TASK.py, or MY_DATA.jsonl")
    if name in RECIPES:
        return recipe(name)
    if (Path(name) / "config.json").is_file():
        raise ScratchpadError(f"{name} is a run folder: give {Path(name) / 'config.json'} to train with its settings")
    error = unknown_name("task or recipe", name, [*BUILT_IN, *RECIPES])
    raise ScratchpadError(f"{error}; a file must be MY_TASK.py, MY_DATA.jsonl or CONFIG.json")


def default_run_folder(what: str) -> Path:
    """Return the run folder for `what`, which names what to train; a run's own config.json is trained in its folder."""
    path = Path(what)
    if path.name == "config.json" and (path.parent / "checkpoints").is_dir():
        return path.parent
    return Path("runs") / path.stem


def with_format(config: RunConfig, name: str) -> RunConfig:
    """Return a copy of the config with another format."""
    return dataclasses.replace(config, task=dataclasses.replace(config.task, format=name))
