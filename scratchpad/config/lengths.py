"""Distributions of lengths, which users write as `5`, `1-30`, `1-30:size` or `2:3,5:1`."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, ClassVar, Self

from scratchpad.config.parse import TextSetting
from scratchpad.errors import ScratchpadError

if TYPE_CHECKING:
    from scratchpad.random_stream import Stream

_MAX_WEIGHTED = 100_000  # the largest length in a distribution with weights, because each length needs a stored weight


@dataclass(frozen=True)
class Lengths(TextSetting):
    """A distribution over the lengths low..high: uniform, or with one integer weight per length.

    Users write `5` (always 5), `1-30` (uniform), `1-30:size` (probability proportional to the length), `2:3,5:1` (2 is
    three times as likely as 5) or `1-9:10,10-99:1` (each of 1 to 9 is ten times as likely as each of 10 to 99).
    """

    minimum: ClassVar[int] = 1
    examples: ClassVar[str] = "lengths, such as 5, 1-30, 1-30:size or 2:3,5:1"
    low: int
    high: int
    weights: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a distribution from a text or a number. Raises ScratchpadError if `text` is not valid."""
        if isinstance(text, cls):
            return text
        try:
            return cls._read(str(text))
        except ScratchpadError:
            raise
        except ValueError:
            raise ScratchpadError(
                f"a length must be a number such as 5 or a range such as 1-30, not {text!r}; with weights, write "
                "LENGTHS:WEIGHT, such as 2:3,4-9:1, or 1-30:size to weight by length"
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
                    f"{cls.__name__.lower()} {text!r}: a length may occur only once, and a weight must be at least 1"
                )
            weights |= dict.fromkeys(range(first, last + 1), int(weight))
        low, high = min(weights), max(weights)
        return cls(low, high, tuple(weights.get(length, 0) for length in range(low, high + 1)) if low < high else ())

    @classmethod
    def _read_range(cls, lengths: str, text: str) -> tuple[int, int]:
        """Return the smallest and the largest length of the range `lengths`, such as `1-30` or `5`."""
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
        """Return a number if only one length is possible. Otherwise return the text of the distribution."""
        if self.low == self.high:
            return self.low
        if not self.weights:
            return f"{self.low}-{self.high}"
        if self.weights == tuple(range(self.low, self.high + 1)):
            return f"{self.low}-{self.high}:size"
        parts, first = [], self.low
        for weight, group in groupby(self.weights):  # neighbouring lengths of equal weight become one range
            last = first + len(list(group)) - 1
            if weight:
                parts.append(f"{first}-{last}:{weight}" if last > first else f"{first}:{weight}")
            first = last + 1
        return ",".join(parts)


class Numbers(Lengths):
    """A distribution of numbers that may include 0. Users write the same texts as for `Lengths`, such as `0-9`."""

    minimum = 0
    examples = "numbers, such as 5 or 0-9"
