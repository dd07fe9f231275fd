"""Addition of two numbers whose digits are at random places of the question (Abbe et al. 2024, figure 5).

    174+_940_=$qtamn<start>[02]4[07]0c0r4$qtam<sep>[01]7[06]4c1r14$qta<sep>[00]1[05]9c1r114$qt<sep>[-1]_[03]_c0r1114$q<end>

With `window` N, a question has three parts: 2N + 1 slots that contain `a+b`, then `=`, then a buffer (`$` and N + 1
random symbols). A state holds the two digits to add, each after its slot number, then `c` and the carry, then `r`. The
result so far and the rest of the buffer follow. If the last carry is 1, one more state (slot `[-1]`) adds this carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.addition import DIGITS, FILLING, Addition, draw_filling
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.slots import slot_mark, slot_width
from scratchpad.tasks.state_labels import StateLabels

_OVERFLOW = ("[", "-", "1", "]", "_")


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        slot, carry = "".join(state[1 : state.index("]")]), state[state.index("c") + 1]
        return {"slot": slot, "kind": "overflow" if slot == "-1" else "carry" if carry == "1" else "no carry"}

    def parts(self, state: Symbols) -> Symbols:
        found = [i for i, symbol in enumerate(state) if symbol == "]"]
        if len(found) < 2:
            return super().parts(state)
        first, second = found[0] + 1, found[1] + 1
        head = (*("slot of a",) * first, "digit of a", *("slot of b",) * (second - first - 1), "digit of b")
        tail = ("mark c", "carry", "mark r", "new digit", *("buffer",) * len(state))
        return (*head, *tail)[: len(state)]


@dataclass(frozen=True)
class AdditionRandomSpace(Addition):
    """`digits`: the number of digits k (default: 1 to window / 3, with a probability proportional to k).
    `window`: the largest number of digits.
    `equal`: whether both numbers are equally long. If false, one number may be shorter and gets leading zeros.
    """

    name: ClassVar[str] = "addition-random-space"
    small: ClassVar[str] = (
        "digits=2-4:size window=8 model=small train.steps=8000 train.batch=16 train.learning_rate=4e-3 train.clip=0.1 "
        "train.average=0.999 train.evaluate_every=1000 evaluate.sizes=2,4,5,6"
    )
    summary: ClassVar[str] = "the sum of two numbers with their digits at random slots of a window"
    default_share: ClassVar[tuple[int, int]] = (1, 3)
    labels: ClassVar[StateLabels] = _Labels()
    examples = (("174+_940_=$qtamn", {"window": 4}), ("95+07=$k4z", {"window": 2}))

    def symbols(self) -> Symbols:
        return (*FILLING, "_", "+", "=", "[", "]", "-")

    def numbers(self, question: Symbols) -> tuple[str, str]:
        a, b = "".join(question[: question.index("=")]).replace("_", "").split("+")
        return a, b

    def window_of(self, question: Symbols) -> int:
        return question.index("=") // 2

    def laid_out(self, rng: Stream, a: Symbols, b: Symbols) -> Symbols:
        slots = ["_"] * (2 * self.window + 1)
        text = (*a, "+", *b)
        for slot, symbol in zip(sorted(rng.sample(len(slots), len(text))), text, strict=True):
            slots[slot] = symbol
        return (*slots, "=", "$", *draw_filling(rng, self.window + 1))

    def first(self, question: Symbols) -> Symbols:
        slots = _slots(question)
        return _added(question, slots, len(slots[0]) - 1, 0, question[question.index("=") + 1 :])

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        slots = _slots(question)
        place, carry, buffer = _read(question, slots, state)
        if place > 0:
            return _added(question, slots, place - 1, carry, buffer)
        if place == 0 and carry:
            return (*_head(question, slots, -1, 0), "1", *buffer[:-1])
        return None

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        result = state[state.index("r") + 1 :]  # after the first `r`, because the buffer may contain `r` too
        return result[: result.index("$")]

    def check(self, question: Symbols) -> None:
        end = question.index("=") if "=" in question else -1
        slots, buffer = question[: max(end, 0)], question[end + 1 :]
        window = len(slots) // 2
        if end < 3 or len(slots) % 2 == 0 or slots.count("+") != 1 or not {*slots}.issubset((*DIGITS, "+", "_")):
            raise ScratchpadError(
                "addition-random-space: with window=N, a question is 2 N + 1 slots that contain a+b, then '=', then "
                f"'$', then N + 1 symbols. Given: {''.join(question)}"
            )
        if buffer[:1] != ("$",) or len(buffer) != window + 2 or not {*buffer}.issubset(FILLING):
            raise ScratchpadError(
                f"addition-random-space: the question has {len(slots)} slots, so '$' and {window + 1} symbols (a-z, "
                f"0-9 or $) must follow '='. Given: {''.join(buffer)}"
            )
        self.check_numbers(question)


Slots = tuple[list[int], list[int]]
"""Two lists: the slots of the first number's digits, and the slots of the second number's digits."""


def _slots(question: Symbols) -> Slots:
    plus, end = question.index("+"), question.index("=")
    before = [slot for slot in range(plus) if question[slot] != "_"]
    return before, [slot for slot in range(plus + 1, end) if question[slot] != "_"]


def _added(question: Symbols, slots: Slots, place: int, carry: int, buffer: Symbols) -> Symbols:
    """Return the state that adds the carry and both numbers' digits at `place`. Place 0 is the first digit."""
    a, b = slots
    carry, digit = divmod(int(question[a[place]]) + int(question[b[place]]) + carry, 10)
    return (*_head(question, slots, place, carry), str(digit), *buffer[:-1])


def _head(question: Symbols, slots: Slots, place: int, carry: int) -> Symbols:
    """Return the beginning of a state, up to the mark `r`. Place -1 means the state that adds the last carry."""
    if place == -1:
        return (*_OVERFLOW, *slot_mark(question, question.index("+")), "_", "c", "0", "r")
    a, b = slots[0][place], slots[1][place]
    marked = (*slot_mark(question, a), question[a], *slot_mark(question, b), question[b])
    return (*marked, "c", str(carry), "r")


def _read(question: Symbols, slots: Slots, state: Symbols) -> tuple[int, int, Symbols]:
    """Return the place of a state, the state's carry, and all symbols after the mark `r`.

    Place -1 means the state that adds the last carry. Raises ValueError if `state` is not a state of this question.
    """
    cut = state.index("r") + 1 if "r" in state else 0
    head, buffer = state[:cut], state[cut:]
    number = "".join(head[1 : slot_width(question) + 1])
    place = slots[0].index(int(number)) if number.isdecimal() and int(number) in slots[0] else -1
    carry = int(head[-2:-1] == ("1",))
    result = buffer[: len(slots[0]) - place]
    shaped = len(buffer) == len(question) - question.index("=") - 1 and buffer[len(result) :][:1] == ("$",)
    if head != _head(question, slots, place, carry) or not shaped or not {*result}.issubset(DIGITS):
        raise ValueError(f"not a state of this addition: {''.join(state)}")
    return place, carry, buffer
