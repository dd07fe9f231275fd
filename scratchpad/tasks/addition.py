"""The base of both addition tasks of Abbe et al. 2024 (figure 5): it draws the numbers and the symbols around them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import BEYOND_PAPER, Symbols, Task
from scratchpad.tasks.slots import check_fits

DIGITS = tuple("0123456789")
FILLING = (*"abcdefghijklmnopqrstuvwxyz", *DIGITS, "$")
"""The symbols with which buffers and free places are filled at random."""


@dataclass(frozen=True)
class Addition(Task):
    """The sum of two numbers with the same number of digits, in a window of a fixed size.

    `digits`: the number of digits (default: from 1 on, with probability proportional to the number).
    `window`: the largest number of digits.
    `equal`: whether both numbers have this length; if not, one number may be shorter and gets leading zeros.
    """

    size_setting: ClassVar[str] = "digits"
    source: ClassVar[str] = "Abbe et al. 2024, figure 5"
    default_share: ClassVar[tuple[int, int]]
    """The fraction of the window (numerator, denominator) that is the largest number of digits by default."""

    digits: Lengths | None = None
    window: int = 30
    equal: bool = field(default=True, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ScratchpadError(f"{self.name}: window={self.window} must be at least 1")
        check_fits(self.name, "digits", self.digits, self.window)

    def numbers(self, question: Symbols) -> tuple[str, str]:
        """Return the two numbers of a question as strings of digits."""
        raise NotImplementedError

    def window_of(self, question: Symbols) -> int:
        """Return the number of digits for which a question has room."""
        raise NotImplementedError

    def laid_out(self, rng: Stream, a: Symbols, b: Symbols) -> Symbols:
        """Return a question with these numbers and random symbols around them."""
        raise NotImplementedError

    def size_distribution(self) -> Lengths:
        share, of = self.default_share
        return self.digits or Lengths.parse(f"1-{max(1, share * self.window // of)}:size")

    def question(self, rng: Stream, size: int) -> Symbols:
        long = _number(rng, size)
        if self.equal:
            return self.laid_out(rng, long, _number(rng, size))
        short = _padded(_number(rng, rng.between(1, size)), size)
        return self.laid_out(rng, *((long, short) if rng.below(2) else (short, long)))

    def truth(self, question: Symbols) -> Symbols:
        a, b = self.numbers(question)
        return tuple(str(int(a) + int(b)).zfill(len(a)))

    def check_numbers(self, question: Symbols) -> None:
        """Raise ScratchpadError if a question needs a larger window, or if its numbers differ in length."""
        needed, (a, b) = self.window_of(question), map(len, self.numbers(question))
        if needed > self.window:
            raise ScratchpadError(
                f"{self.name}: the question is made for {needed} digits, but the window holds only {self.window}: "
                f"set window={needed}"
            )
        if a != b or a < 1:
            raise ScratchpadError(
                f"{self.name}: the numbers have {a} and {b} digits, but both must have the same number of digits, "
                "at least 1: put zeros in front of the shorter number"
            )

    def fitted_to(self, question: Symbols) -> Self:
        digits = len(self.numbers(question)[0])
        return replace(self, digits=Lengths(digits, digits), window=self.window_of(question))

    def completed(self, question: Symbols) -> Symbols:
        """Lay out a bare `174+94` or `174+94=`; leave any other question as it is."""
        text = question[:-1] if question[-1:] == ("=",) else question
        a, plus, b = "".join(text).partition("+")
        length = max(len(a), len(b))
        if not plus or not a or not b or not {*a, *b}.issubset(DIGITS) or length > self.window:
            return question
        rng = Stream(stream_name(self.name, "completed", question))
        return self.laid_out(rng, _padded(tuple(a), length), _padded(tuple(b), length))


def draw_filling(rng: Stream, count: int) -> Symbols:
    """Draw `count` random symbols for a buffer or for free places."""
    return tuple(rng.choice(FILLING) for _ in range(count))


def _number(rng: Stream, digits: int) -> Symbols:
    return (rng.choice(DIGITS[1:]), *(rng.choice(DIGITS) for _ in range(digits - 1)))


def _padded(number: Symbols, length: int) -> Symbols:
    return (*("0",) * (length - len(number)), *number)
