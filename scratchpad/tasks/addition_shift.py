"""Addition of two numbers that rotate by one digit per state (Abbe et al. 2024, figure 5).

    g$174+v$940=$5cvj|0<sep>4g$17+0v$94=4$5cv|0<sep>74g$1+40v$9=14$5c|1<sep>174g$+940v$=114$5|1<sep>1114$5<end>

With `window` N, each number takes N + 1 symbols: random symbols, then `$`, then the digits. The result starts as `$`
and N random symbols. Each step moves the last digit of each number to the front of that number, and puts the digit of
the sum in front of the result. A state ends with the carry. After a state in which both numbers end with `$`, the last
state follows: the carry and the result. The question is the first state, so the prompt is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.addition import DIGITS, FILLING, Addition, draw_filling
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.state_labels import StateLabels


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        last = len(state) == len(question) // 3
        return {"kind": "last" if last else "carry" if state[-1] == "1" else "no carry"}

    def parts(self, state: Symbols) -> Symbols:
        if "|" not in state:
            return ("carry", *("result",) * (len(state) - 1))
        plus, equals = state.index("+"), state.index("=")
        a, b = ("a",) * plus, ("b",) * (equals - plus - 1)
        result = ("new digit", *("result",) * (len(state) - equals - 4))
        return (*a, "plus", *b, "equals", *result, "bar", "carry")[: len(state)]


@dataclass(frozen=True)
class AdditionShift(Addition):
    """`digits`: the number of digits k (default: 1 to 4 if window is 30, with a probability proportional to k).
    `window`: the largest number of digits.
    `equal`: whether both numbers are equally long. If false, one number may be shorter and gets leading zeros.
    """

    name: ClassVar[str] = "addition-shift"
    small: ClassVar[str] = "digits=1-3 window=6 train.steps=3000 train.evaluate_every=500 evaluate.sizes=1,3,6"
    summary: ClassVar[str] = "the sum of two numbers that are shifted digit by digit"
    default_share: ClassVar[tuple[int, int]] = (4, 30)
    labels: ClassVar[StateLabels] = _Labels()
    has_start_mark = False
    first_given = True
    examples = (("g$174+v$940=$5cvj|0", {"window": 4}), ("$95+$07=$k4|0", {"window": 2}))

    def symbols(self) -> Symbols:
        return (*FILLING, "+", "=", "|")

    def numbers(self, question: Symbols) -> tuple[str, str]:
        a, b = "".join(question[: question.index("=")]).split("+")
        return a.rpartition("$")[2], b.rpartition("$")[2]

    def window_of(self, question: Symbols) -> int:
        return len(question) // 3 - 2

    def laid_out(self, rng: Stream, a: Symbols, b: Symbols) -> Symbols:
        first, second = ((*draw_filling(rng, self.window - len(number)), "$", *number) for number in (a, b))
        return _joined(first, second, ("$", *draw_filling(rng, self.window)), 0)

    def first(self, question: Symbols) -> Symbols:
        return question

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        window = self.window_of(question)
        if len(state) == window + 2:
            self.answer(question, state)
            return None
        a, b, result, carry = _read(state, window)
        if a[-1] == b[-1] == "$":
            return (str(carry), *result)
        if not {a[-1], b[-1]}.issubset(DIGITS):
            raise ValueError(f"{a[-1]} and {b[-1]} are not two digits: {''.join(state)}")
        carry, digit = divmod(int(a[-1]) + int(b[-1]) + carry, 10)
        return _joined((a[-1], *a[:-1]), (b[-1], *b[:-1]), (str(digit), *result[:-1]), carry)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        result = state[: state.index("$")]
        if len(result) < 2 or result[0] not in ("0", "1") or not {*result}.issubset(DIGITS):
            raise ValueError(f"not a carry and a sum: {''.join(state)}")
        return result if result[0] == "1" else result[1:]

    def check(self, question: Symbols) -> None:
        try:
            a, b, result, carry = _read(question, self.window_of(question))
        except ValueError:
            result, carry, a, b = (), 1, (), ()
        if result[:1] != ("$",) or carry or "$" not in a or "$" not in b:
            raise ScratchpadError(
                "addition-shift: a question is the whole first state x+y=z|0. With "
                "window=N, x and y have N + 1 symbols each: any symbols, '$', then digits. z is '$' and N symbols. "
                f"Given: {''.join(question)}"
            )
        self.check_numbers(question)
        if not {*"".join(self.numbers(question))}.issubset(DIGITS):
            raise ScratchpadError(
                f"addition-shift: in x+y=z|0, only digits may follow the last $ of x and y. Given: {''.join(question)}"
            )


def _joined(a: Symbols, b: Symbols, result: Symbols, carry: int) -> Symbols:
    return (*a, "+", *b, "=", *result, "|", str(carry))


def _read(state: Symbols, window: int) -> tuple[Symbols, Symbols, Symbols, int]:
    """Split a state into both numbers, the result and the carry. Raises ValueError if a part is missing."""
    a, b, result = (state[start : start + window + 1] for start in range(0, 3 * window + 6, window + 2))
    carry = int(state[-1:] == ("1",))
    if state != _joined(a, b, result, carry) or not {*a, *b, *result}.issubset(FILLING) or window < 1:
        raise ValueError(f"not a state of addition in a window of {window} digits: {''.join(state)}")
    return a, b, result, carry
