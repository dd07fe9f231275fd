"""The base class of the tasks addition-random-space and addition-shift (Abbe et al. 2024, figure 5)."""

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
"""The symbols from which the random filling of a question is drawn."""


@dataclass(frozen=True)
class Addition(Task):
    """The sum of two numbers. A question has room for numbers of up to `window` digits.

    `digits`: the number of digits k. By default, the probability of k is proportional to k.
    `equal`: whether both numbers are equally long. If false, one number may be shorter and gets leading zeros.
    """

    size_setting: ClassVar[str] = "digits"
    source: ClassVar[str] = "Abbe et al. 2024, figure 5"
    default_share: ClassVar[tuple[int, int]]
    """The default maximum of `digits`, as a fraction (numerator, denominator) of `window`."""

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
        """Return how many digits per number fit into a question of this length."""
        raise NotImplementedError

    def laid_out(self, rng: Stream, a: Symbols, b: Symbols) -> Symbols:
        """Return a question about the sum a + b. Random symbols fill the rest of the question."""
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
        """Raise ScratchpadError if a question is too long for `window`, or if the numbers differ in length."""
        needed, (a, b) = self.window_of(question), map(len, self.numbers(question))
        if needed > self.window:
            raise ScratchpadError(
                f"{self.name}: the question has room for {needed} digits per number, more than window={self.window}. "
                f"Set window={needed}."
            )
        if a != b or a < 1:
            raise ScratchpadError(
                f"{self.name}: the numbers have {a} and {b} digits, but both must have the same number of digits, "
                "at least 1. Put zeros in front of the shorter number."
            )

    def fitted_to(self, question: Symbols) -> Self:
        digits = len(self.numbers(question)[0])
        return replace(self, digits=Lengths(digits, digits), window=self.window_of(question))

    def completed(self, question: Symbols) -> Symbols:
        """Return a full question for a bare sum such as `174+94`. Return any other question unchanged."""
        text = question[:-1] if question[-1:] == ("=",) else question
        a, plus, b = "".join(text).partition("+")
        length = max(len(a), len(b))
        if not plus or not a or not b or not {*a, *b}.issubset(DIGITS) or length > self.window:
            return question
        rng = Stream(stream_name(self.name, "completed", question))
        return self.laid_out(rng, _padded(tuple(a), length), _padded(tuple(b), length))


def draw_filling(rng: Stream, count: int) -> Symbols:
    """Return `count` random symbols that fill the unused places of a question."""
    return tuple(rng.choice(FILLING) for _ in range(count))


def _number(rng: Stream, digits: int) -> Symbols:
    return (rng.choice(DIGITS[1:]), *(rng.choice(DIGITS) for _ in range(digits - 1)))


def _padded(number: Symbols, length: int) -> Symbols:
    return (*("0",) * (length - len(number)), *number)
