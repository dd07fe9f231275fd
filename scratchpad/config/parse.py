"""Settings as users write them, `name=value`, and the frozen dataclasses that hold them."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, ClassVar, Self, TypeVar

from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.random_stream import Stream

D = TypeVar("D")

_MOST_WEIGHED = 100_000
"""The largest length of a law with weights, which are kept one by one."""


class TextSetting(ABC):
    """A setting that has a written form of its own."""

    @classmethod
    @abstractmethod
    def parse(cls, text: Any) -> Self:
        """Read the written form. ScratchpadError where it is none."""


@dataclass(frozen=True)
class Lengths(TextSetting):
    """A law of lengths low..high: uniform, or with a whole-number weight for each of them.

    Written `5` (always 5), `1-30` (uniform), `1-30:size` (each as likely as it is long), `2:3,5:1` (2 three times as
    often as 5, nothing between) or `1-9:10,10-99:1` (each of 1 to 9 ten times as often as each of the others).
    """

    minimum: ClassVar[int] = 1
    low: int
    high: int
    weights: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a written law or the number 5. ScratchpadError on anything else."""
        if isinstance(text, cls):
            return text
        try:
            return cls._read(str(text))
        except ScratchpadError:
            raise
        except ValueError:
            raise ScratchpadError(
                f"a length is a number like 5 or a range like 1-30, not {text!r} (with weights, a whole number for "
                "each part: 1-30:size or 2:3,4-9:1)"
            ) from None

    @classmethod
    def _read(cls, text: str) -> Self:
        lengths, colon, law = text.partition(":")
        if colon and law != "size":
            return cls._weighed(text)
        first, last = cls._ends(lengths, text)
        return cls(first, last, tuple(range(first, last + 1)) if colon and first < last else ())

    @classmethod
    def _ends(cls, lengths: str, text: str) -> tuple[int, int]:
        """The first and the last of `1-30` or `5`, which stands in the law `text`."""
        low, dash, high = lengths.partition("-")
        first, last = int(low), int(high) if dash else int(low)
        if not cls.minimum <= first <= last or (":" in text and last > _MOST_WEIGHED):
            what = f"{cls.__name__.lower()} {text!r}"
            most = f", {_MOST_WEIGHED:,} the largest" if ":" in text else ""
            raise ScratchpadError(f"{what}: they begin at {cls.minimum}, and the first is at most the last{most}")
        return first, last

    @classmethod
    def _weighed(cls, text: str) -> Self:
        weights: dict[int, int] = {}
        for part in text.split(","):
            lengths, weight = part.split(":")
            first, last = cls._ends(lengths, text)
            if int(weight) < 1 or weights.keys() & range(first, last + 1):
                what = f"{cls.__name__.lower()} {text!r}"
                raise ScratchpadError(f"{what}: each stands once, with a weight of at least 1")
            weights |= dict.fromkeys(range(first, last + 1), int(weight))
        low, high = min(weights), max(weights)
        return cls(low, high, tuple(weights.get(length, 0) for length in range(low, high + 1)) if low < high else ())

    def draw(self, rng: Stream) -> int:
        if not self.weights:
            return rng.between(self.low, self.high)
        return self.low + bisect(list(accumulate(self.weights)), rng.below(sum(self.weights)))

    def contains(self, length: int) -> bool:
        """Whether it is ever drawn."""
        inside = self.low <= length <= self.high
        return inside and (not self.weights or self.weights[length - self.low] > 0)

    def to_json(self) -> int | str:
        """The JSON form: 5 or a written law."""
        if self.low == self.high:
            return self.low
        if self.weights and self.weights != tuple(range(self.low, self.high + 1)):
            return ",".join(f"{part}:{weight}" for part, weight in self._parts() if weight)
        return f"{self.low}-{self.high}{':size' if self.weights else ''}"

    def _parts(self) -> list[tuple[str, int]]:
        """Neighbours of equal weight as ranges, `1-9`, each with the weight."""
        parts, first = [], self.low
        for weight, group in groupby(self.weights):
            last = first + len(list(group)) - 1
            parts.append((f"{first}-{last}" if last > first else str(first), weight))
            first = last + 1
        return parts


class Numbers(Lengths):
    """A law of numbers from 0 on, as `Lengths` is one of lengths: written `5` or `0-9`."""

    minimum = 0


def split_assignments(pairs: Iterable[str], what: str = "--set") -> dict[str, str]:
    """`["a=1", "b=2"]` as a mapping. ScratchpadError (on `what`) where there is no `=` or a name comes twice."""
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
    """A copy of a settings dataclass with named fields replaced; texts are read by the field's type.

    Names with dots reach into nested dataclasses, into the given one where that is given whole as well. Unknown names
    and unreadable values raise ScratchpadError, which says what they are settings of, and their names with `inside` in
    front.
    """
    here: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    hints = typing.get_type_hints(type(instance))
    names = [field.name for field in dataclasses.fields(instance)]  # type: ignore[arg-type]
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if head not in names:
            raise unknown_name(f"setting of {what}", inside + name, [inside + path for path in _paths(instance)])
        if dot:
            inner.setdefault(head, {})[rest] = value
        else:
            here[head] = read_value(value, hints[head], inside + name)
            _check_parts(getattr(instance, head), here[head], inside + name)
    for head, nested in inner.items():
        child: Any = here.get(head, getattr(instance, head))
        if isinstance(child, Mapping):
            here[head] = {**child, **nested}
        elif _has_parts(child):
            here[head] = with_settings(child, nested, what, f"{inside}{head}.")
        else:
            raise ScratchpadError(f"{inside}{head} of {what} has no parts: write {inside}{head}=...")
    return dataclasses.replace(instance, **here)  # type: ignore[type-var]


def _check_parts(before: Any, given: Any, name: str) -> None:
    """ScratchpadError where a value is given for settings that are set one by one."""
    if isinstance(before, Mapping):
        if not isinstance(given, Mapping):
            raise ScratchpadError(f"{name}={given}: {name} has settings of its own: write {name}.NAME=...")
    elif _has_parts(before) and not _has_parts(given):
        names = ", ".join(field.name for field in dataclasses.fields(before))
        raise ScratchpadError(
            f"{name}={given}: {name} has settings of its own: write {name}.NAME=... with one of {names}"
        )


def _has_parts(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, Lengths)


def to_json(value: Any) -> Any:
    """Settings as JSON values: dataclasses to objects, laws to their written form, tuples to lists."""
    if isinstance(value, Lengths):
        return value.to_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def _paths(instance: Any) -> list[str]:
    paths = []
    for field in dataclasses.fields(instance):
        child = getattr(instance, field.name)
        if _has_parts(child):
            paths += [f"{field.name}.{path}" for path in _paths(child)]
        else:
            paths.append(field.name)
    return paths


_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def read_value(value: Any, kind: Any, name: str) -> Any:
    """A written or JSON value as a type: int, float, bool, str, a TextSetting, a tuple of these, or one or None.

    Values of any other type are returned as they are. ScratchpadError calls the setting by `name`.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value in (None, "none") and type(None) in arguments:
            return None
        return read_value(value, next(a for a in arguments if a is not type(None)), name)
    if origin is tuple:
        return tuple(
            read_value(item, arguments[0], name) for item in _items(value, ";" if arguments[0] is str else ",")
        )
    if isinstance(kind, type) and issubclass(kind, TextSetting):
        try:
            return kind.parse(value)
        except ScratchpadError as error:
            raise ScratchpadError(f"{name}={value}: {error}") from None
    if kind not in _KINDS:
        return value
    try:
        return _scalar(value, kind)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise ScratchpadError(f"{name} takes {_KINDS[kind]}, not {value!r}") from None


def _items(value: Any, between: str) -> list[Any]:
    """The items of a list as users write it, `6,18`, or `n=2; n=3` of texts; a single value is a list of one."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(between)] if value else []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _scalar(value: Any, kind: type) -> Any:
    """The value as bool, int, float or str; KeyError, ValueError, TypeError or OverflowError where it is none."""
    if kind is bool:
        return value if isinstance(value, bool) else _BOOLS[str(value).lower()]
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise TypeError
    if kind is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    read = kind(value)
    if isinstance(read, float) and not math.isfinite(read):
        raise ValueError  # no setting has a use for these
    return read
