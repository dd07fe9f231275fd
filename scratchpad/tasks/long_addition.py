"""Long addition, digit by digit from the right (Nye et al. 2021, section 3).

    2 9 + 5 7<scratch>
    2 9 + 5 7 ,  C: 0
    2 + 5 , 6 C: 1
    , 8 6 C: 0
    0 8 6
    </scratch>
    8 6

The formats `direct` and `scratchpad` use this text from the paper. The inductive text has two registers, like a
serial adder. At each step all digits move right by one place, each register loses its last digit, and the sum of the
lost digits enters on the left.

    =7=$29+45$57,0<start>6=7=$2+_45$5,1<sep>86=7=$+__45$,0<end>

The first register, before `+`, holds the result so far (up to `=`) and the remaining digits of the first operand (after
the last `$`). The second register, after `+`, holds the remaining digits of the second operand. The carry comes
last. The two digits to add are at the same places in every state. A register has room for `window` digits (here 4).
Random symbols fill the free places, so that even short operands show the model every symbol at every place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.document import letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.state_labels import StateLabels
from scratchpad.tasks.text_task import TextTask

_FILLING = "0123456789$=_"
_NUMBER = r"(?:0|[1-9](?: [0-9])*)"
_QUESTION = re.compile(rf"{_NUMBER} \+ {_NUMBER}")
_OPENS, _CLOSES = "<scratch>\n", "\n</scratch>\n"


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        return {"digit": str(state.index("=")), "kind": "carry" if state[-1] == "1" else "no carry"}

    def parts(self, state: Symbols) -> Symbols:
        equals, plus = state.index("="), state.index("+")
        left = ("new digit", *("result",) * (equals - 1), "equals", *("first register",) * (plus - equals - 1), "plus")
        return (*left, *("second register",) * (len(state) - plus - 3), "comma", "carry")


@dataclass(frozen=True)
class LongAddition(TextTask):
    """`digits`: the number of digits of an operand.
    `law`: how operands are drawn: uniform (independent lengths), same (equal lengths) or numbers (all numbers with an
    allowed length are equally likely, so most operands are long).
    `window`: the largest number of digits of an operand in the inductive text.
    """

    name: ClassVar[str] = "long-addition"
    summary: ClassVar[str] = "the sum of two numbers, digit by digit with a carry"
    source: ClassVar[str] = "Nye et al. 2021, section 3"
    size_setting: ClassVar[str] = "digits"
    small: ClassVar[str] = "digits=1-3 window=5 model=small model.positions=rotary evaluate.sizes=2,3,4,5"
    labels: ClassVar[StateLabels] = _Labels()
    characters: ClassVar[str] = "0123456789 +,:C\n=$_"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"law": ("uniform", "same", "numbers")}
    examples = (("2 9 + 5 7", {"window": 4}), ("9 8 7 + 2 5", {"window": 4}), ("8 + 7", {"window": 2}))

    digits: Lengths = field(default=Lengths(1, 8))
    law: str = "uniform"
    window: int = field(default=12, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if self.law not in self.choices["law"]:
            raise unknown_name("law of long-addition", self.law, self.choices["law"])
        if self.window < 1:
            raise ScratchpadError(f"long-addition: window={self.window} must be at least 1")

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        """Return question number `index`. The question does not depend on `window`."""
        rng = Stream(stream_name(self.name, self.digits.to_json(), self.law, seed, split), index)
        return self.question(rng, self.digits.draw(rng))

    def question(self, rng: Stream, size: int) -> Symbols:
        if self.law == "numbers":
            return _question(_any_number(rng, self.digits), _any_number(rng, self.digits))
        first = _number(rng, size)
        return _question(first, _number(rng, size if self.law == "same" else self.digits.draw(rng)))

    def first(self, question: Symbols) -> Symbols:
        return _moved(*_registers(question, self.window), results="", carry=0)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        left, right = _registers(question, self.window)
        results, _, rest = "".join(state[:-1]).partition("=")
        done = len(results)
        left, right = left[: len(left) - done], "_" * done + right[: len(right) - done]
        known = results.isdecimal() and rest == f"{left[1:]}+{right},"
        if not known or done > _columns(question) or state[-1] not in ("0", "1"):
            raise ValueError(f"not a state of long addition: {''.join(state)}")
        return None if done == _columns(question) else _moved(left, right, results, int(state[-1]))

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        results = "".join(state).partition("=")[0]
        return tuple(" ".join((state[-1] + results).lstrip("0") or "0"))

    def truth(self, question: Symbols) -> Symbols:
        return tuple(" ".join(str(sum(map(int, _operands(question))))))

    def inductive_question(self, question: Symbols) -> Symbols:
        if _columns(question) > self.window:
            raise ScratchpadError(
                f"long-addition: an operand of {''.join(question)!r} has {_columns(question)} digits, more than "
                f"window={self.window}. Use fewer digits, or set window={_columns(question)}."
            )
        left, right = _registers(question, self.window)
        return (*left, "+", *right, ",", "0")

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        one, other = (number.zfill(_columns(question)) for number in _operands(question))
        lines, results, carry = [_line(one, other, "", 0)], "", 0
        while one:
            carry, digit = divmod(int(one[-1]) + int(other[-1]) + carry, 10)
            one, other, results = one[:-1], other[:-1], f"{digit}{results}"
            lines.append(_line(one, other, results, carry))
        lines.append(" ".join(f"{carry}{results}"))
        return letters(_OPENS + "\n".join(lines) + _CLOSES + " ".join(results if not carry else f"{carry}{results}"))

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        return tuple("".join(text).split(_CLOSES)[1]) or None

    def check(self, question: Symbols) -> None:
        if not _QUESTION.fullmatch("".join(question)):
            raise ScratchpadError(
                "long-addition: a question is two numbers without leading zeros, and a plus sign between them. Put one "
                f"space between neighbouring symbols. Given: {''.join(question)!r}"
            )

    def fitted_to(self, question: Symbols) -> Self:
        low, high = sorted(map(len, _operands(question)))
        return replace(self, digits=Lengths(low, high))


@lru_cache(maxsize=64)
def _registers(question: Symbols, window: int) -> tuple[str, str]:
    """Return both registers before the first step. Each register holds random symbols, `$` and an operand."""
    columns = _columns(question)
    filling = Stream(stream_name("filling of long-addition", *question))
    left, right = (
        "".join(filling.choice(_FILLING) for _ in range(window - columns)) + "$" + number.zfill(columns)
        for number in _operands(question)
    )
    return "=" + left, right


def _moved(left: str, right: str, results: str, carry: int) -> Symbols:
    """Return the next state: each register loses its last digit, and a digit of the result enters on the left."""
    carry, digit = divmod(int(left[-1]) + int(right[-1]) + carry, 10)
    return (str(digit), *results, *left[:-1], "+", "_", *right[:-1], ",", str(carry))


def _operands(question: Symbols) -> tuple[str, str]:
    one, _, other = "".join(question).replace(" ", "").partition("+")
    return one, other


def _columns(question: Symbols) -> int:
    return max(map(len, _operands(question)))


def _question(one: str, other: str) -> Symbols:
    return tuple(f"{' '.join(one)} + {' '.join(other)}")


def _number(rng: Stream, digits: int) -> str:
    """Draw a number with `digits` digits. All such numbers are equally likely."""
    least = 0 if digits == 1 else 1
    return str(rng.between(least, 9)) + "".join(str(rng.below(10)) for _ in range(digits - 1))


def _any_number(rng: Stream, digits: Lengths) -> str:
    """Draw a number with an allowed length. All such numbers are equally likely."""
    while True:
        number = "".join(str(rng.below(10)) for _ in range(digits.high)).lstrip("0") or "0"
        if len(number) >= digits.low:
            return number


def _line(one: str, other: str, results: str, carry: int) -> str:
    columns = f"{' '.join(one)} + {' '.join(other)} , " if one else ", "
    return f"{columns}{' '.join(results)} C: {carry}"
