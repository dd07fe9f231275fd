"""Your own task: find the largest digit of a list in one pass.

    scratchpad show --task-file examples/my_task.py --question 2716=
    scratchpad train parity-small --task-file examples/my_task.py --out runs/largest

    2716=<start>[0]2<sep>[1]7<sep>[2]7<sep>[3]7<end>

A state is `[index]largest digit so far`. With the question, it determines the next state; it contains the index because
the model sees no state but the previous one.

Questions and states are sequences of symbols. A text is the sequence of its characters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchpad.random_stream import Stream

SETTINGS: dict[str, Any] = {"sizes": "1-6", "largest": 9}  # for --set; "sizes": lengths of questions


def symbols(settings: Mapping[str, Any]) -> str:
    """Return all symbols that occur, in a fixed order."""
    return "0123456789=[]"


def question(rng: Stream, size: int) -> str:
    """Draw a question of the size, only with `rng`: rng.below(n), between(a, b), choice(items), shuffled(items)."""
    return "".join(str(rng.below(SETTINGS["largest"] + 1)) for _ in range(size)) + "="


def first(question: Sequence[str]) -> str:
    """Return the first state."""
    return f"[0]{question[0]}"


def step(question: Sequence[str], state: Sequence[str]) -> str | None:
    """Return the next state, or `None` after the last one; raise ValueError for an invalid state."""
    index, largest = int("".join(state[1:-2])), state[-1]
    digit = question[index + 1]
    if digit == "=":
        return None
    return f"[{index + 1}]{max(largest, digit)}"


def answer(question: Sequence[str], state: Sequence[str]) -> str:
    """Return the answer, from the last state."""
    return state[-1]


def truth(question: Sequence[str]) -> str:
    """Return the answer, computed another way: it checks the functions above."""
    return max(question[:-1])
