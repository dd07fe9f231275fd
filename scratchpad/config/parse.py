"""The reader of all settings: from the command line (`name=value`), from JSON and from TOML.

`read_value` reads one value as the type of its field, `with_settings` changes some fields of a dataclass (command line,
JSON), `read_table` makes a dataclass from a whole table (TOML). Errors call a setting by its full path.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

from scratchpad.errors import ScratchpadError, error_prefix, unknown_name

D = TypeVar("D")
_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


class TextSetting(ABC):
    """A setting that is read from a text."""

    @classmethod
    @abstractmethod
    def parse(cls, text: Any) -> Self:
        """Read the text of a setting. Raises ScratchpadError if `text` is not valid."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return the text of the setting, or another JSON value that `parse` reads."""


class WithPresets(ABC):
    """A dataclass of settings that has presets: a preset's name sets all fields."""

    @classmethod
    @abstractmethod
    def preset(cls, name: str) -> Self:
        """Return the preset `name`. Raises ScratchpadError, with the known names, if no such preset exists."""


def split_assignments(pairs: Iterable[str], what: str = "--set") -> dict[str, str]:
    """Return `["a=1", "b=2"]` as a mapping. Raises ScratchpadError if a pair has no `=` or if a name occurs twice."""
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
    """Return a copy of the dataclass `instance` with new values of the named fields, read as each field's type.

    Names with dots, and mappings, set fields of nested dataclasses: `{"train.steps": 5}`, `{"train": {"steps": 5}}`.
    One call may set a nested dataclass and change its fields. Raises ScratchpadError for unknown names and invalid
    values; messages name the owner of the settings (`what`) and write `inside` before each name.
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
            raise ScratchpadError(f"{inside}{head} of {what} has no parts: write {inside}{head}=...")
    return dataclasses.replace(instance, **here)  # type: ignore[type-var]


def read_table(kind: type[D], table: Any, entry: str = "", **given: Any) -> D:
    """Return a dataclass with the entries of a TOML table and the fields `given`.

    entry: the table's name in the file, empty for the whole file. TOML has types, so a text is never read as a number.
    Raises ScratchpadError for unknown or missing entries and for values of a wrong type.
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
    """Return a text or a JSON or TOML value as `kind`; if `kind` is not a type of settings, return it unchanged.

    typed: do not read a text as a number or a list. Raises ScratchpadError, with `name`, if the value is not valid.
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
                raise ScratchpadError(f'{name} takes a table, label = "text", not {reprlib.repr(value)}')
            raise ScratchpadError(f"{name}={value}: {name} holds several settings: write {name}.NAME=...")
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
    """Return settings as JSON values: dataclasses as objects, tuples as lists, a TextSetting as its text."""
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
    """Read a list, a text such as `6,18` (`n=2; n=3` for texts), or a single value (a list with one item)."""
    if typed and not isinstance(value, list):
        raise ScratchpadError(f"{name} takes a list, each item {_KINDS[kind]}, not {reprlib.repr(value)}")
    if isinstance(value, str):
        value = [item.strip() for item in value.split(";" if kind is str else ",")] if value else []
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(read_value(item, kind, name, typed) for item in items)


def _read_whole(value: Any, kind: Any, name: str) -> Any:
    """Return a dataclass of settings, given as an instance or by the name of a preset."""
    if isinstance(value, kind):
        return value
    if not (isinstance(value, str) and issubclass(kind, WithPresets)):
        known = ", ".join(field.name for field in dataclasses.fields(kind))
        how = f"write {name}.NAME=... with one of {known}"
        raise ScratchpadError(f"{name}={value}: {name} holds several settings: {how}")
    with error_prefix(f"{name}={value}"):
        return kind.preset(value)


def _read_scalar(value: Any, kind: type, typed: bool) -> Any:
    """Return the value as `kind`. Raises KeyError, ValueError, TypeError or OverflowError if it is not valid."""
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
