"""Distributions of lengths, as users write them: `5`, `1-30`, `1-30:size`, `2:3,5:1`."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, ClassVar, Self

from scratchpad.config.parse import TextSetting
from scratchpad.errors import ScratchpadError

if TYPE_CHECKING:
    from scratchpad.random_stream import Stream

_MAX_WEIGHTED = 100_000  # the largest length of a distribution with weights: it stores one weight per length


@dataclass(frozen=True)
class Lengths(TextSetting):
    """A distribution over the lengths low..high: uniform, or with one integer weight per length.

    Its text is `5` (always 5), `1-30` (uniform), `1-30:size` (probability proportional to the length), `2:3,5:1` (2 is
    three times as likely as 5) or `1-9:10,10-99:1` (each of 1 to 9 is ten times as likely as each of 10 to 99).
    """

    minimum: ClassVar[int] = 1
    low: int
    high: int
    weights: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a distribution from its text, or a number. Raises ScratchpadError if `text` is neither."""
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
        lengths, colon, weighting = text.partition(":")
        if colon and weighting != "size":
            return cls._read_weighted(text)
        first, last = cls._read_range(lengths, text)
        return cls(first, last, tuple(range(first, last + 1)) if colon and first < last else ())

    @classmethod
    def _read_weighted(cls, text: str) -> Self:
        weights: dict[int, int] = {}
        for part in text.split(","):
            lengths, weight = part.split(":")
            first, last = cls._read_range(lengths, text)
            if int(weight) < 1 or weights.keys() & range(first, last + 1):
                raise ScratchpadError(
                    f"{cls.__name__.lower()} {text!r}: each length may be given once, with a weight of at least 1"
                )
            weights |= dict.fromkeys(range(first, last + 1), int(weight))
        low, high = min(weights), max(weights)
        return cls(low, high, tuple(weights.get(length, 0) for length in range(low, high + 1)) if low < high else ())

    @classmethod
    def _read_range(cls, lengths: str, text: str) -> tuple[int, int]:
        """Return both ends of the range `lengths` (`1-30` or `5`), a part of the distribution `text`."""
        low, dash, high = lengths.partition("-")
        first, last = int(low), int(high) if dash else int(low)
        if not cls.minimum <= first <= last or (":" in text and last > _MAX_WEIGHTED):
            limit = f" and end at {_MAX_WEIGHTED:,} or less" if ":" in text else ""
            raise ScratchpadError(
                f"{cls.__name__.lower()} {text!r}: a range must start at {cls.minimum} or more{limit}, and its start "
                "must not exceed its end"
            )
        return first, last

    def draw(self, rng: Stream) -> int:
        if not self.weights:
            return rng.between(self.low, self.high)
        return self.low + bisect(list(accumulate(self.weights)), rng.below(sum(self.weights)))

    def contains(self, length: int) -> bool:
        """Return whether the distribution can draw this length."""
        return self.low <= length <= self.high and (not self.weights or self.weights[length - self.low] > 0)

    def to_json(self) -> int | str:
        """Return the number of a single length, otherwise the text of the distribution."""
        if self.low == self.high:
            return self.low
        if not self.weights:
            return f"{self.low}-{self.high}"
        if self.weights == tuple(range(self.low, self.high + 1)):
            return f"{self.low}-{self.high}:size"
        parts, first = [], self.low
        for weight, group in groupby(self.weights):  # neighbours of equal weight become one range
            last = first + len(list(group)) - 1
            if weight:
                parts.append(f"{first}-{last}:{weight}" if last > first else f"{first}:{weight}")
            first = last + 1
        return ",".join(parts)


class Numbers(Lengths):
    """A distribution of numbers from 0 on. Its text has the form of `Lengths`: `5` or `0-9`."""

    minimum = 0
