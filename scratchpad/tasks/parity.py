"""The parity of bits in random slots, with one state per bit (Abbe et al. 2024, section 5.1 and figure 5).

    0_1_101_=<start>[00]0,0<sep>[02]1,1<sep>[04]1,0<sep>[05]0,0<sep>[06]1,1<sep>[08]_,1<end>

A state is `[slot]bit,running parity`. The last state has the slot of `=`, and `_` instead of a bit. If `modulus` is M,
the digits are 0 .. M - 1, and a state holds the running sum of the digits modulo M.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import BEYOND_PAPER, Symbols, Task
from scratchpad.tasks.slots import SlotLabels, check_fits, check_slots, read_slot, slot_mark
from scratchpad.tasks.state_labels import StateLabels

_DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Parity(Task):
    """`bits`: the number of slots that hold a digit (default: 1 to half of `window`). `window`: the number of slots.
    `modulus`: the number of different digits. The answer is the sum of the digits modulo this number.
    """

    name: ClassVar[str] = "parity"
    summary: ClassVar[str] = "the sum modulo M of digits at random slots of a window"
    source: ClassVar[str] = "Abbe et al. 2024, section 5.1"
    size_setting: ClassVar[str] = "bits"
    small: ClassVar[str] = "bits=1-8 window=24 model=small evaluate.sizes=4,8,12,16"
    labels: ClassVar[StateLabels] = SlotLabels()
    blank: ClassVar[str] = "_"
    examples = (("0_1_101_=", {"window": 8}), ("_1_01=", {"window": 5}), ("2__10_2=", {"window": 7, "modulus": 3}))

    bits: Lengths | None = None
    window: int = 60
    modulus: int = field(default=2, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if not 2 <= self.modulus <= 10:
            raise ScratchpadError(f"parity: modulus={self.modulus} must be from 2 to 10, because a digit is one symbol")
        if self.window < 1:
            raise ScratchpadError(f"parity: window={self.window} must be at least 1")
        check_fits(self.name, "bits", self.bits, self.window)

    def size_distribution(self) -> Lengths:
        return self.bits or Lengths(1, max(1, self.window // 2))

    @property
    def most_common_share(self) -> float:
        return 1 / self.modulus

    def symbols(self) -> Symbols:
        return (*_DIGITS, "_", "=", "[", "]", ",")

    def question(self, rng: Stream, size: int) -> Symbols:
        slots = ["_"] * self.window
        for slot in rng.sample(self.window, size):
            slots[slot] = _DIGITS[rng.below(self.modulus)]
        return (*slots, "=")

    def first(self, question: Symbols) -> Symbols:
        return self._state(question, 0, 0)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        slot, bit, total = read_slot(question, state)
        if total not in _DIGITS[: self.modulus]:
            raise ValueError(f"not a state of parity: {''.join(state)}")
        here = question[slot]
        if bit != ("_" if here == "=" else here) or (bit == "_" and here != "="):
            raise ValueError(f"slot {slot} of the question does not hold {bit}: {''.join(state)}")
        return None if here == "=" else self._state(question, slot + 1, int(total))

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        return (str(sum(int(digit) for digit in question if digit.isdecimal()) % self.modulus),)

    def check(self, question: Symbols) -> None:
        check_slots(self.name, "slots", len(question) - 1, self.window)
        allowed = (*_DIGITS[: self.modulus], "_")
        if question[-1:] != ("=",) or any(symbol not in allowed for symbol in question[:-1]):
            raise ScratchpadError(
                f"parity: a question must be slots (each {' or '.join(allowed)}) and '='; given: {''.join(question)}"
            )

    def fitted_to(self, question: Symbols) -> Self:
        digits = sum(symbol.isdecimal() for symbol in question)
        return replace(self, bits=Lengths(digits, digits)) if digits else self

    def completed(self, question: Symbols) -> Symbols:
        """Add blanks up to the window: at random places if the question is only digits, otherwise at the end."""
        if 0 < len(question) < self.window and all(symbol.isdecimal() for symbol in question):
            rng, placed = Stream(stream_name(self.name, "completed", question)), ["_"] * self.window
            for slot, digit in zip(sorted(rng.sample(self.window, len(question))), question, strict=True):
                placed[slot] = digit
            return (*placed, "=")
        slots = question[:-1] if question[-1:] == ("=",) else question
        return (*slots, *("_",) * (self.window - len(slots)), "=")

    def _state(self, question: Symbols, slot: int, total: int) -> Symbols:
        """Return the state of the first digit at `slot` or later, or the last state if no digit is left."""
        while question[slot] == "_":
            slot += 1
        digit = question[slot]
        if digit == "=":
            digit = "_"
        else:
            total = (total + int(digit)) % self.modulus
        return (*slot_mark(question, slot), digit, ",", str(total))
