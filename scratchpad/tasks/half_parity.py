"""The parity of the first half of the bits, computed bit by bit (Abbe et al. 2024, figure 10).

    direct      01101111=0<end>
    scratchpad  01101111=0100<end>
    inductive   01101111=<start>[00]0,0<sep>[01]1,1<sep>[02]1,0<sep>[03]0,0<end>

The running parity of a bit is the parity of all bits up to this bit. With `jump` j, the work shows only every j-th and
the last running parity. An inductive state is `[slot]bit,running parity`. The paper has no inductive text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import BEYOND_PAPER, Symbols, Task
from scratchpad.tasks.formats import Format
from scratchpad.tasks.slots import SlotLabels, check_fits, check_slots, read_slot, slot_mark
from scratchpad.tasks.state_labels import StateLabels

_BITS = ("0", "1")


@dataclass(frozen=True)
class HalfParity(Task):
    """`bits`: the number of leading bits whose parity is the answer (default: half of all bits, rounded up).
    `window`: the number of bits of a question. `jump`: the work shows every jump-th and the last running parity.
    """

    name: ClassVar[str] = "half-parity"
    summary: ClassVar[str] = "the parity of the first bits of a question, by default of the first half"
    source: ClassVar[str] = "Abbe et al. 2024, figure 10"
    size_setting: ClassVar[str] = "bits"
    small: ClassVar[str] = "window=20 model=small train.steps=300 train.evaluate_every=100"
    labels: ClassVar[StateLabels] = SlotLabels()
    has_paper_text: ClassVar[bool] = True
    examples = (("01101111=", {"window": 8}), ("00111=", {"window": 5}), ("111111100011=", {"window": 12, "jump": 2}))

    bits: Lengths | None = None
    window: int = 80
    jump: int = field(default=1, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if self.window < 1 or self.jump < 1:
            raise ScratchpadError(f"half-parity: window={self.window} and jump={self.jump} must both be at least 1")
        if self.bits and self.bits.low < self.bits.high:
            raise ScratchpadError(
                f"half-parity: bits={self.bits.to_json()} must be a single number, because a question does not say how "
                "many of its bits count"
            )
        check_fits(self.name, "bits", self.bits, self.window)

    def size_distribution(self) -> Lengths:
        half = (self.window + 1) // 2
        return self.bits or Lengths(half, half)

    @property
    def most_common_share(self) -> float:
        return 0.5

    def symbols(self) -> Symbols:
        return (*"0123456789", "=", "[", "]", ",")

    def question(self, rng: Stream, size: int) -> Symbols:
        return (*(rng.choice(_BITS) for _ in range(self.window)), "=")

    def first(self, question: Symbols) -> Symbols:
        return self._moved(question, -1, 0)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        slot, bit, parity = read_slot(question, state)
        last = self._counted(question) - 1
        if slot > last or bit != question[slot] or parity not in _BITS:
            raise ValueError(f"not a state of half-parity: {''.join(state)}")
        if slot == last:
            return None
        if (slot + 1) % self.jump:
            raise ValueError(f"the running parity at slot {slot} is not written with jump={self.jump}")
        return self._moved(question, slot, int(parity))

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        return (str(int("".join(question[: self._counted(question)]), 2).bit_count() % 2),)

    def check(self, question: Symbols) -> None:
        if question[-1:] != ("=",) or len(question) < 2 or not {*question[:-1]}.issubset(_BITS):
            raise ScratchpadError(f"half-parity: a question must be bits, then '='; given: {''.join(question)}")
        check_slots(self.name, "bits", len(question) - 1, self.window)
        if self._counted(question) > len(question) - 1:
            raise ScratchpadError(
                f"half-parity: the question has {len(question) - 1} bits, fewer than bits={self._counted(question)}. "
                "Give a longer question or set `bits` lower."
            )

    def fitted_to(self, question: Symbols) -> Self:
        counted = self._counted(question)
        return replace(self, bits=Lengths(counted, counted), window=len(question) - 1)

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        return tuple(state[-1] for state in self.chain(question))

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        return text[-1:] or None

    def _counted(self, question: Symbols) -> int:
        """Return the number of leading bits whose parity is the answer."""
        return self.bits.low if self.bits else len(question) // 2

    def _moved(self, question: Symbols, slot: int, parity: int) -> Symbols:
        """Return the state that is `jump` slots after `slot`, or the last state if fewer than `jump` slots follow."""
        after = min(slot + self.jump, self._counted(question) - 1)
        parity += question[slot + 1 : after + 1].count("1")
        return (*slot_mark(question, after), question[after], ",", str(parity % 2))
