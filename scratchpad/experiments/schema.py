"""Reading an experiment's file: every entry as the type that its dataclass says, every mistake told with its place."""

from __future__ import annotations

import reprlib
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from scratchpad.config.parse import split_assignments
from scratchpad.errors import ScratchpadError, unknown_name

D = TypeVar("D")


class Settings(dict[str, str]):
    """Settings by their names. In a file they are one text, as for `--set`: `"n=2 train.steps=500"`."""


_KINDS: dict[Any, str] = {
    str: "a text",
    float: "a number",
    Settings: 'settings in one text, "task.format=direct train.steps=500"',
    tuple[str, ...]: 'a list of curves, ["inductive"]',
    Mapping[str, str]: 'a table, label = "text"',
    Mapping[str, Settings]: 'a table, label = "settings"',
}


def read_table(kind: type[D], value: Any, file: str, entry: str = "", **more: Any) -> D:
    """A dataclass of the table that stands in a file under `entry`, with `more` that does not stand there.

    ScratchpadError for entries that are unknown, missing or of another type.
    """
    hints, place = get_type_hints(kind), f"{file}, [{entry}]" if entry else file
    known = [one for one in fields(kind) if one.name not in more]  # type: ignore[arg-type]
    names = [one.name for one in known]
    if not isinstance(value, dict):
        raise ScratchpadError(f"{file}: {entry} is a table of entries ({', '.join(names)}), not {reprlib.repr(value)}")
    for name in value:
        if name not in names:
            raise unknown_name(f"entry of {place}", name, names)
    needed = [one.name for one in known if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in value]:
        raise ScratchpadError(f"{place}: entries missing: {', '.join(missing)}")
    inside = f"{entry}." if entry else ""
    return kind(**more, **{name: _entry(one, hints[name], file, inside + name) for name, one in value.items()})


def _entry(value: Any, kind: Any, file: str, entry: str) -> Any:
    """The value of an entry as a type."""
    if get_origin(kind) is Mapping and isinstance(value, dict):
        return {label: _entry(one, get_args(kind)[1], file, f"{entry}.{label}") for label, one in value.items()}
    if get_origin(kind) is tuple and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if kind is Settings and isinstance(value, str):
        return _settings(value, f"{file}: {entry}")
    if (kind is str and isinstance(value, str)) or (kind is float and type(value) in (int, float)):
        return value
    raise ScratchpadError(f"{file}: {entry} is {_KINDS[kind]}, not {reprlib.repr(value)}")


def _settings(text: str, place: str) -> Settings:
    try:
        words = shlex.split(text)
    except ValueError as error:  # a quote that is left open
        raise ScratchpadError(f"{place}: {error} in {reprlib.repr(text)}") from None
    return Settings(split_assignments(words, f"{place}:"))


@contextmanager
def error_prefix(place: str) -> Iterator[None]:
    """Put in front of a ScratchpadError what it is about."""
    try:
        yield
    except ScratchpadError as error:
        raise ScratchpadError(f"{place}: {error}") from None
