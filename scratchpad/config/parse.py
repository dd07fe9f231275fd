"""Read settings from the command line (`name=value`), from JSON and from TOML.

`read_value` converts one value to the type of its field. `with_settings` changes some fields of a dataclass (command
line, JSON). `read_table` makes a dataclass from a TOML table. Error messages give the full path, such as `train.steps`.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

from scratchpad.errors import ScratchpadError, error_prefix, unknown_name

D = TypeVar("D")
_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


class TextSetting(ABC):
    """A setting that users write as a text. A subclass defines the form of the text."""

    examples: ClassVar[str] = ""
    """Examples of the text, for lists of settings."""

    @classmethod
    @abstractmethod
    def parse(cls, text: Any) -> Self:
        """Read the text of a setting. Raises ScratchpadError if `text` is not valid."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return the text of the setting, or another JSON value that `parse` reads."""


class WithPresets(ABC):
    """A dataclass of settings with named presets. Each preset gives values for all fields."""

    @classmethod
    @abstractmethod
    def preset(cls, name: str) -> Self:
        """Return the preset `name`. Raises ScratchpadError, with the known names, if no such preset exists."""


class Checked:
    """A dataclass of settings with the allowed values in class variables. `scratchpad settings` shows these values."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {}
    """The allowed values of a setting that takes one of a few names."""
    least: ClassVar[Mapping[str, float]] = {}
    """The smallest allowed value of a number."""

    def check_values(self, place: str) -> None:
        """Raise ScratchpadError if a value is not in `choices` or below `least`. `place`: a prefix of setting names."""
        for name, allowed in self.choices.items():
            if getattr(self, name) not in allowed:
                raise unknown_name(place + name, getattr(self, name), allowed)
        for name, least in self.least.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ScratchpadError(f"{place}{name}={value}: the value must be at least {least}")


def split_assignments(pairs: Iterable[str], what: str = "--set") -> dict[str, str]:
    """Turn `["a=1", "b=2"]` into a mapping. Raises ScratchpadError if a pair has no `=` or if a name occurs twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ScratchpadError(f"{what} takes name=value, not {pair!r}")
        if name in found:
            raise ScratchpadError(f"{what} {name} is given twice: {found[name]!r} and {value!r}")
        found[name] = value
    return found


def with_settings(instance: D, values: Mapping[str, Any], what: str, inside: str = "") -> D:
    """Return a copy of the dataclass `instance` with new values, each converted to the type of its field.

    `values`: the new values by name. `{"train.steps": 5}` and `{"train": {"steps": 5}}` set a field of a nested
    dataclass. One call may replace a nested dataclass and also change its fields.
    `what`: the owner of the settings, for error messages. `inside`: a prefix for the names in error messages.
    Raises ScratchpadError for unknown names and invalid values.
    """
    here: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    hints = typing.get_type_hints(type(instance))
    names = [field.name for field in dataclasses.fields(instance)]  # type: ignore[arg-type]
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if head not in names:
            raise unknown_name(f"setting of {what}", inside + head, [inside + each for each in names])
        if dot:
            nested.setdefault(head, {})[rest] = value
        elif _has_fields(hints[head]) and isinstance(value, Mapping):
            nested[head] = {**value, **nested.get(head, {})}
        else:
            here[head] = read_value(value, hints[head], inside + head)
    for head, inner in nested.items():
        child: Any = here.get(head, getattr(instance, head))
        if isinstance(child, Mapping):
            here[head] = {**child, **inner}
        elif _has_fields(hints[head]):
            here[head] = with_settings(child, inner, what, f"{inside}{head}.")
        else:
            raise ScratchpadError(f"{inside}{head} of {what} is a single setting: write {inside}{head}=...")
    return dataclasses.replace(instance, **here)  # type: ignore[type-var]


def read_table(kind: type[D], table: Any, entry: str = "", **given: Any) -> D:
    """Make a dataclass of type `kind` from a TOML table and from the fields `given`.

    `entry`: the name of the table in the file (empty: the table is the whole file).
    Raises ScratchpadError for unknown or missing entries and for values of a wrong type, such as "5" for a number.
    """
    hints, inside = typing.get_type_hints(kind), f"{entry}." if entry else ""
    fields = [field for field in dataclasses.fields(kind) if field.name not in given]  # type: ignore[arg-type]
    names = [field.name for field in fields]
    if not isinstance(table, Mapping):
        raise ScratchpadError(f"{entry} takes a table of entries ({', '.join(names)}), not {reprlib.repr(table)}")
    for name in table:
        if name not in names:
            raise unknown_name("entry", inside + name, [inside + each for each in names])
    required = (f for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
    if missing := [field.name for field in required if field.name not in table]:
        raise ScratchpadError(f"{f'{entry}: ' if entry else ''}entries missing: {', '.join(missing)}")
    values = {name: read_value(value, hints[name], inside + name, typed=True) for name, value in table.items()}
    return kind(**given, **values)


def read_value(value: Any, kind: Any, name: str, typed: bool = False) -> Any:
    """Convert a text, a JSON value or a TOML value to the type `kind`. Unknown types leave `value` unchanged.

    `typed`: whether `value` already has its final type. If so, a text is not read as a number or a list.
    Raises ScratchpadError, with the setting's name `name`, if the value is not valid.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value in (None, "none") and type(None) in arguments:
            return None
        return read_value(value, next(a for a in arguments if a is not type(None)), name, typed)
    if origin is tuple:
        return _read_tuple(value, arguments[0], name, typed)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            if typed:
                raise ScratchpadError(f'{name} takes a table such as {{label = "text"}}, not {reprlib.repr(value)}')
            raise ScratchpadError(f"{name}={value}: {name} has several settings: set one of them with {name}.NAME=...")
        return {label: read_value(item, arguments[1], f"{name}.{label}", typed) for label, item in value.items()}
    if _has_fields(kind):
        return _read_whole(value, kind, name)
    if isinstance(kind, type) and issubclass(kind, TextSetting):
        with error_prefix(name if typed else f"{name}={value}"):
            return kind.parse(value)
    if kind not in _KINDS:
        return value
    try:
        return _read_scalar(value, kind, typed)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise ScratchpadError(f"{name} takes {_KINDS[kind]}, not {value!r}") from None


def to_json(value: Any) -> Any:
    """Convert settings to JSON values: a dataclass to an object, a tuple to a list, a TextSetting to its text."""
    if isinstance(value, TextSetting):
        return value.to_json()
    if _has_fields(type(value)):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def flat_settings(value: Mapping[str, Any], inside: str = "") -> dict[str, Any]:
    """Return nested JSON objects as one mapping: `{"train": {"steps": 5}}` becomes `{"train.steps": 5}`."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        flat |= flat_settings(item, f"{inside}{name}.") if isinstance(item, Mapping) else {inside + name: item}
    return flat


def _has_fields(kind: Any) -> bool:
    """Return whether `kind` is a dataclass whose fields are settings."""
    return dataclasses.is_dataclass(kind) and not issubclass(kind, TextSetting)  # type: ignore[arg-type]


def _read_tuple(value: Any, kind: Any, name: str, typed: bool) -> tuple[Any, ...]:
    """Return a tuple from a list, a single item or a string. A string has `,` between numbers or `;` between texts."""
    if typed and not isinstance(value, list):
        raise ScratchpadError(f"{name} takes a list in which each item is {_KINDS[kind]}, not {reprlib.repr(value)}")
    if isinstance(value, str):
        value = [item.strip() for item in value.split(";" if kind is str else ",")] if value else []
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(read_value(item, kind, name, typed) for item in items)


def _read_whole(value: Any, kind: Any, name: str) -> Any:
    """Return `value` if it is already a dataclass of settings. Otherwise return the preset named `value`."""
    if isinstance(value, kind):
        return value
    if not (isinstance(value, str) and issubclass(kind, WithPresets)):
        known = ", ".join(field.name for field in dataclasses.fields(kind))
        how = f"set one of them with {name}.NAME=..., where NAME is one of {known}"
        raise ScratchpadError(f"{name}={value}: {name} has several settings: {how}")
    with error_prefix(f"{name}={value}"):
        return kind.preset(value)


def _read_scalar(value: Any, kind: type, typed: bool) -> Any:
    """Convert a value to `kind`. Raises KeyError, ValueError, TypeError or OverflowError for an invalid value."""
    if kind is bool:
        return value if isinstance(value, bool) else _BOOLS[str(value).lower()]
    is_text = isinstance(value, str)
    if isinstance(value, bool) or (kind is str and not is_text) or (typed and kind is not str and is_text):
        raise TypeError
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    read = kind(value)
    if isinstance(read, float) and not math.isfinite(read):
        raise ValueError  # no setting may be infinite or NaN
    return read
