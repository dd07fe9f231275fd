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
    """A value with its own written form."""

    @classmethod
    @abstractmethod
    def parse(cls, text: Any) -> Self:
        """Read the written form. ScratchpadError where `text` is not one."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return the written form, or a JSON value that `parse` reads too."""


class WithPresets(ABC):
    """A dataclass of settings that may also be given whole, by the name of a preset."""

    @classmethod
    @abstractmethod
    def preset(cls, name: str) -> Self:
        """Return the preset of that name. ScratchpadError lists the known ones."""


def split_assignments(pairs: Iterable[str], what: str = "--set") -> dict[str, str]:
    """`["a=1", "b=2"]` as a mapping. ScratchpadError (on `what`) without a `=` or with a name given twice."""
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
    """A copy of the dataclass `instance` with the named fields replaced; the field's type reads texts.

    Names with dots, and mappings, reach into nested dataclasses: `{"train.steps": 5}`, `{"train": {"steps": 5}}`. A
    nested dataclass may be given whole and changed in the same call. ScratchpadError for unknown names and unreadable
    values: the error says `what` they are settings of, and puts `inside` before the names.
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
    """A dataclass from a table of a TOML file, with the fields `given` beside those of the table.

    entry: the table's name in the file, empty for the whole file. TOML has types, so only a text is read as a text.
    ScratchpadError for unknown and missing entries and for values of another type.
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
    """A written, JSON or TOML value as `kind`: bool, int, float, str, a TextSetting, a tuple or mapping of these, or
    one of these or None. Values of any other type are returned unchanged.

    typed: a text is not read as a number, a list or the like. ScratchpadError calls the setting by `name`.
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
    """Settings as JSON values: dataclasses as objects, tuples as lists, a TextSetting in its written form."""
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
    """Nested JSON objects as one mapping, by paths: `{"train": {"steps": 5}}` is `{"train.steps": 5}`."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        flat |= flat_settings(item, f"{inside}{name}.") if isinstance(item, Mapping) else {inside + name: item}
    return flat


def _has_fields(kind: Any) -> bool:
    """Whether `kind` is a dataclass whose fields are themselves settings."""
    return dataclasses.is_dataclass(kind) and not issubclass(kind, TextSetting)  # type: ignore[arg-type]


def _read_tuple(value: Any, kind: Any, name: str, typed: bool) -> tuple[Any, ...]:
    """A list in JSON or TOML; written `6,18`, or `n=2; n=3` for texts; a single value is a list of one."""
    if typed and not isinstance(value, list):
        raise ScratchpadError(f"{name} takes a list, each item {_KINDS[kind]}, not {reprlib.repr(value)}")
    if isinstance(value, str):
        value = [item.strip() for item in value.split(";" if kind is str else ",")] if value else []
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(read_value(item, kind, name, typed) for item in items)


def _read_whole(value: Any, kind: Any, name: str) -> Any:
    """A dataclass of settings as a value: an instance, or the name of a preset."""
    if isinstance(value, kind):
        return value
    if not (isinstance(value, str) and issubclass(kind, WithPresets)):
        known = ", ".join(field.name for field in dataclasses.fields(kind))
        how = f"write {name}.NAME=... with one of {known}"
        raise ScratchpadError(f"{name}={value}: {name} holds several settings: {how}")
    with error_prefix(f"{name}={value}"):
        return kind.preset(value)


def _read_scalar(value: Any, kind: type, typed: bool) -> Any:
    """The value as bool, int, float or str; KeyError, ValueError, TypeError or OverflowError where it is not one."""
    if kind is bool:
        return value if isinstance(value, bool) else _BOOLS[str(value).lower()]
    is_text = isinstance(value, str)
    if isinstance(value, bool) or (kind is str and not is_text) or (typed and kind is not str and is_text):
        raise TypeError
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    read = kind(value)
    if isinstance(read, float) and not math.isfinite(read):
        raise ValueError  # no setting has a use for these
    return read
