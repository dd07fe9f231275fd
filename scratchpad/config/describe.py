"""Descriptions of settings, from the dataclasses that hold the settings and from the docstrings of these classes.

A docstring describes settings as "`name`: the meaning." or "`name`, `other`: the meaning.", at the start of a paragraph
or after another sentence. A description ends where the next description begins, or at the end of the paragraph.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchpad.config.parse import TextSetting, to_json
from scratchpad.config.schema import RunConfig
from scratchpad.models.config import PRESETS
from scratchpad.tasks import BUILT_IN
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_names

_NAMES = re.compile(r"(?:^|(?<=\.) )((?:`\w+`, )*`\w+`): ")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_LISTS = {int: "whole numbers, such as 4,8", float: "numbers, such as 0.9,0.99", str: "texts, such as a; b"}


@dataclass(frozen=True)
class Setting:
    """A setting of a run or task. `default`, `values`: the default and the allowed values in the form for `--set`."""

    name: str
    default: str
    values: str
    meaning: str


def run_settings() -> list[Setting]:
    """Return the settings of every run, without the settings of the task."""
    found: list[Setting] = []
    for part in dataclasses.fields(RunConfig):
        config = getattr(RunConfig(), part.name)
        if part.name == "model":
            found.append(_preset())
        choices = {"name": tuple(BUILT_IN), "format": format_names()} if part.name == "task" else {}
        found += _settings(type(config), to_json(config), f"{part.name}.", choices)
    return found


def task_settings(task: Task) -> list[Setting]:
    """Return the settings of a task. The task's own values are the default values."""
    return _settings(type(task), task.settings(everything=True))


def as_written(value: Any) -> str:
    """Return the JSON value of a setting in the form that `--set` accepts."""
    if isinstance(value, list):
        return (";" if isinstance(next(iter(value), ""), str) else ",").join(map(str, value))
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def meanings_in(docstring: str) -> dict[str, str]:
    """Return the descriptions of settings in a docstring, by the names of the settings."""
    found: dict[str, str] = {}
    for paragraph in docstring.split("\n\n"):
        _, *parts = _NAMES.split(" ".join(paragraph.split()))
        for names, meaning in zip(parts[::2], parts[1::2], strict=True):
            found |= dict.fromkeys(re.findall(r"\w+", names), meaning[:1].upper() + meaning[1:])
    return found


def _settings(
    kind: type, defaults: Mapping[str, Any], prefix: str = "", choices: Mapping[str, Sequence[str]] | None = None
) -> list[Setting]:
    """Return the settings in `defaults`. `kind`: the dataclass of the settings. `prefix`: the start of each name."""
    hints, meanings = typing.get_type_hints(kind), meanings_in(inspect.getdoc(kind) or "")
    choices = {**getattr(kind, "choices", {}), **(choices or {})}
    least: Mapping[str, float] = getattr(kind, "least", {})
    found: list[Setting] = []
    for name, default in defaults.items():
        values = ", ".join(choices[name]) if name in choices else _values(hints.get(name, type(default)))
        if name in least:
            values = values.replace("number", f"number from {least[name]} on", 1)
        if not isinstance(default, Mapping):
            found.append(Setting(prefix + name, as_written(default), values, meanings.get(name, "")))
    return found


def _values(hint: Any) -> str:
    """Return a text that describes the allowed values of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return f"{_values(next(one for one in arguments if one is not type(None)))}, or none"
    if origin is tuple:
        return _LISTS[arguments[0]]
    return hint.examples if isinstance(hint, type) and issubclass(hint, TextSetting) else _KINDS.get(hint, "")


def _preset() -> Setting:
    sizes = "; ".join(
        f"{name}: {one.layers} layers, {one.heads} heads, width {one.width}" for name, one in PRESETS.items()
    )
    default = next(name for name, one in PRESETS.items() if one == RunConfig().model)
    return Setting("model", default, ", ".join(PRESETS), f"A preset, which gives all settings of the model ({sizes}).")
