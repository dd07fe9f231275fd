"""The numbered slots of a question. A state refers to a slot by its number, such as `[04]`."""

from __future__ import annotations

from functools import lru_cache

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.tasks.induction import Symbols
from scratchpad.tasks.state_labels import StateLabels


def check_fits(name: str, setting: str, lengths: Lengths | None, window: int) -> None:
    """Raise ScratchpadError if the largest value of a setting is larger than the window."""
    if lengths and lengths.high > window:
        raise ScratchpadError(
            f"{name}: {setting}={lengths.to_json()} does not fit window={window}: "
            f"set {setting} to at most {window} or set window={lengths.high}"
        )


def check_slots(name: str, unit: str, slots: int, window: int) -> None:
    """Raise ScratchpadError if a question has more slots than the window."""
    if slots > window:
        raise ScratchpadError(
            f"{name}: the question has {slots} {unit}, but the window holds only {window}: "
            f"ask a shorter question or set window={slots}"
        )


def slot_width(question: Symbols) -> int:
    """Return the number of digits of a slot number in states: at least two, and enough for the slot of `=`."""
    return max(2, len(str(_last_slot(question))))


def slot_mark(question: Symbols, slot: int) -> Symbols:
    """Return the symbols of a slot number in brackets, such as `[04]`."""
    return _mark(slot, slot_width(question))


@lru_cache(maxsize=1024)
def _mark(slot: int, width: int) -> Symbols:
    return ("[", *str(slot).zfill(width), "]")


def _last_slot(question: Symbols) -> int:
    """Return the slot of `=`. Looking at the last symbol first makes long draws a fifth faster."""
    return len(question) - 1 if question[-1:] == ("=",) else question.index("=")


class SlotLabels(StateLabels):
    """Labels for states of the form `[slot]bit,value`."""

    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        return {"slot": "".join(state[1:-4]), "kind": "at =" if state[-3] == "_" else f"digit {state[-3]}"}

    def parts(self, state: Symbols) -> Symbols:
        return (*("slot",) * (len(state) - 3), "digit", "comma", "running value")


def read_slot(question: Symbols, state: Symbols) -> tuple[int, str, str]:
    """Return slot, bit and value of a state `[slot]bit,value`. Raises ValueError if the state has another form."""
    width = slot_width(question)
    number = "".join(state[1 : width + 1])
    shaped = len(state) == width + 5 and (state[0], state[width + 1], state[width + 3]) == ("[", "]", ",")
    if not shaped or not number.isdecimal() or int(number) > _last_slot(question):
        raise ValueError(f"not a state of the form [slot]bit,value: {''.join(state)}")
    return int(number), state[width + 2], state[width + 4]
