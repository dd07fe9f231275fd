"""A task of your own: the largest digit of a list, found by going through it once.

    scratchpad show --task-file examples/my_task.py --question 2716=
    scratchpad train parity-small --task-file examples/my_task.py --out runs/largest

    2716=<start>[0]2<sep>[1]7<sep>[2]7<sep>[3]7<end>

A state is `[place]largest digit so far`: all that the next state needs, beside the question. It names the place
that it has come to because the model sees no other state than the one before.

Questions and states are sequences of symbols; a text stands for its characters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchpad.random_stream import Stream

SETTINGS: dict[str, Any] = {"sizes": "1-6", "largest": 9}  # what --set can change; "sizes" is how long questions are


def symbols(settings: Mapping[str, Any]) -> str:
    """Every symbol that occurs, in a fixed order."""
    return "0123456789=[]"


def question(rng: Stream, size: int) -> str:
    """Draw a problem of that size, by `rng` alone: rng.below(n), between(a, b), choice(items), shuffled(items)."""
    return "".join(str(rng.below(SETTINGS["largest"] + 1)) for _ in range(size)) + "="


def first(question: Sequence[str]) -> str:
    """The first state."""
    return f"[0]{question[0]}"


def step(question: Sequence[str], state: Sequence[str]) -> str | None:
    """The next state, None when finished, ValueError for what is no state."""
    place, largest = int("".join(state[1:-2])), state[-1]
    digit = question[place + 1]
    if digit == "=":
        return None
    return f"[{place + 1}]{max(largest, digit)}"


def answer(question: Sequence[str], state: Sequence[str]) -> str:
    """The answer, read off the last state."""
    return state[-1]


def truth(question: Sequence[str]) -> str:
    """The answer found another way: the judge of all the above."""
    return max(question[:-1])
