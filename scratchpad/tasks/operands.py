"""What both forms of addition share: the numbers that are added, and the random symbols around them."""

from __future__ import annotations

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import Symbols

DIGITS = tuple("0123456789")
FILLING = (*"abcdefghijklmnopqrstuvwxyz", *DIGITS, "$")
"""What buffers and free places are filled with."""


def check_digits(name: str, digits: Lengths | None, window: int) -> None:
    """ScratchpadError where a window is none, or smaller than its numbers."""
    if window < 1:
        raise ScratchpadError(f"{name}: window={window}: numbers of at least 1 digit are added")
    if digits and digits.high > window:
        raise ScratchpadError(
            f"{name}: digits={digits.to_json()} do not fit window={window}: "
            f"at most {window} digits, or a window of at least {digits.high}"
        )


def check_window(name: str, needed: int, window: int) -> None:
    """ScratchpadError where a question is made for a larger window than the task's."""
    if needed > window:
        raise ScratchpadError(
            f"{name}: the question is made for {needed} digits, the window holds {window}: set window={needed}"
        )


def check_lengths(name: str, a: int, b: int) -> None:
    """ScratchpadError where two numbers are not written with as many digits, at least one."""
    if a != b or a < 1:
        raise ScratchpadError(
            f"{name}: the numbers have {a} and {b} digits: at least 1, and zeros in front of the shorter one"
        )


def growing(most: int) -> Lengths:
    """1 to `most` digits, each number of them as likely as it is large."""
    return Lengths.parse(f"1-{max(1, most)}:size")


def draw_numbers(rng: Stream, digits: int, equal: bool) -> tuple[Symbols, Symbols]:
    """Two numbers of that many digits; or only one of them, and the other of at most as many, with zeros in front."""
    long = _number(rng, digits)
    if equal:
        return long, _number(rng, digits)
    short = _number(rng, rng.between(1, digits))
    short = (*("0",) * (digits - len(short)), *short)
    return (long, short) if rng.below(2) else (short, long)


def draw_filling(rng: Stream, count: int) -> Symbols:
    return tuple(rng.choice(FILLING) for _ in range(count))


def total(a: str, b: str) -> Symbols:
    """The sum by Python's integers, with at least as many digits as the numbers."""
    return tuple(str(int(a) + int(b)).zfill(len(a)))


def plain_numbers(question: Symbols) -> tuple[Symbols, Symbols] | None:
    """The numbers of a bare `174+94` or `174+94=`, the shorter with zeros in front; None where it is no such thing."""
    text = question[:-1] if question[-1:] == ("=",) else question
    if text.count("+") != 1:
        return None
    a, b = text[: text.index("+")], text[text.index("+") + 1 :]
    if not a or not b or not {*a, *b}.issubset(DIGITS):
        return None
    length = max(len(a), len(b))
    return (*("0",) * (length - len(a)), *a), (*("0",) * (length - len(b)), *b)


def _number(rng: Stream, digits: int) -> Symbols:
    return (rng.choice(DIGITS[1:]), *(rng.choice(DIGITS) for _ in range(digits - 1)))
