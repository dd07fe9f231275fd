"""Your own task: find the largest digit of a list in one pass, on lists longer than any in training.

    scratchpad show examples/my_task.py -n 1
    scratchpad train examples/my_task.py --set train.steps=300 model.dropout=0.05 \
        --out runs/largest
    scratchpad evaluate runs/largest --task-file examples/my_task.py --sizes 6,12,18
    scratchpad solve runs/largest --task-file examples/my_task.py 271608452

    79[2716]059760681527=<start>d2,2<sep>e7,7<sep>f1,7<sep>g6,7<sep>h],7<end>

The list stands between `[` and `]`, at a random place of a window; random digits fill the other slots of the window. A
state is the name of a slot (`a` for the first), what the slot contains, a comma, and the largest digit so far. With the
question, it determines the next state. It names the slot because the model sees no state but the previous one. The
last state reads `]`. docs/generalise.md gives the reasons for this form.

Questions and states are sequences of symbols. A text is the sequence of its characters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchpad.random_stream import Stream

# For --set. "sizes": the lengths of lists; "fill": the symbols that fill the other slots of the window.
SETTINGS: dict[str, Any] = {"sizes": "1-6", "largest": 9, "window": 20, "fill": "0123456789"}
SLOTS = "abcdefghijklmnopqrstuvwxyz"


def symbols(settings: Mapping[str, Any]) -> str:
    """Return all symbols that occur, in a fixed order."""
    return "0123456789[]=,_" + SLOTS


def question(rng: Stream, size: int) -> list[str]:
    """Draw a question of the size, only with `rng`: rng.below(n), between(a, b), choice(items), shuffled(items)."""
    return placed(rng, [str(rng.below(SETTINGS["largest"] + 1)) for _ in range(size)])


def placed(rng: Stream, items: Sequence[str]) -> list[str]:
    """Put the list at a random place of the window, and random symbols into the other slots."""
    if len(items) > SETTINGS["window"] - 2:
        raise ValueError(f"a window of {SETTINGS['window']} slots has room for {SETTINGS['window'] - 2} items")
    others = [rng.choice(SETTINGS["fill"]) for _ in range(SETTINGS["window"] - len(items) - 2)]
    start = rng.below(len(others) + 1)
    return [*others[:start], "[", *items, "]", *others[start:], "="]


def completed(rng: Stream, question: Sequence[str]) -> Sequence[str]:
    """Turn a question typed by a person, such as 2716, into the form that `question` draws. (You may leave it out.)"""
    return question if "=" in question else placed(rng, question)


def first(question: Sequence[str]) -> str:
    """Return the first state."""
    slot = question.index("[") + 1
    return f"{SLOTS[slot]}{question[slot]},{question[slot]}"


def step(question: Sequence[str], state: Sequence[str]) -> str | None:
    """Return the next state, or `None` after the last one; raise ValueError for an invalid state."""
    name, here, _, largest = state
    if here == "]":
        return None
    slot = SLOTS.index(name) + 1
    following = question[slot]
    return f"{SLOTS[slot]}{following},{largest if following == ']' else max(largest, following)}"


def answer(question: Sequence[str], state: Sequence[str]) -> str:
    """Return the answer, from the last state."""
    return state[-1]


def truth(question: Sequence[str]) -> str:
    """Return the answer, computed another way: it checks the functions above."""
    return max(question[question.index("[") + 1 : question.index("]")])
