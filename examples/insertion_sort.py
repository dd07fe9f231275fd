"""Insertion sort of letters, on lists twice as long as in training.

    scratchpad train examples/insertion_sort.py --set train.steps=600 train.batch=48 model.dropout=0.05 --out runs/sort
    scratchpad evaluate runs/sort --task-file examples/insertion_sort.py --sizes 6,9,12
    scratchpad solve runs/sort --task-file examples/insertion_sort.py kcpahgbn

    cohm[df]npklgb=<start>Fd<<<<<>>>>>>>>><sep>Gf<<<<<d>>>>>>>><sep>H]<<<<<df>>>>>>><end>

The list stands between `[` and `]`, at a random place of a window; random letters fill the other slots of the window. A
state is the name of a slot (`A` for the first), what the slot contains, and the sorted list so far, in a window of its
own: `<` before it, `>` after it. The next state inserts the letter of the slot into the sorted list. All letters of a
question are different, so that the model finds its place in the previous state by the letter that it wrote last.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchpad.random_stream import Stream

SETTINGS: dict[str, Any] = {"sizes": "1-6", "window": 14}
SLOTS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS = "abcdefghijklmnop"


def symbols(settings: Mapping[str, Any]) -> str:
    """Return all symbols that occur."""
    return f"{SLOTS}[]=<>{LETTERS}"


def question(rng: Stream, size: int) -> list[str]:
    """Draw a list of different letters in a window of other letters."""
    start = rng.below(SETTINGS["window"] - size - 1)
    letters = rng.sample_names(LETTERS, SETTINGS["window"] - 2)
    return window_with(letters[:start], letters[start : start + size], letters[start + size :])


def window_with(before: Sequence[str], items: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the question whose list is `items`."""
    return [*before, "[", *items, "]", *after, "="]


def completed(rng: Stream, question: Sequence[str]) -> Sequence[str]:
    """Turn a question typed by a person, such as kcpa, into the form that `question` draws."""
    if "=" in question:
        return question
    unused = [letter for letter in LETTERS if letter not in question]
    others = rng.sample_names(unused, SETTINGS["window"] - 2 - len(question))
    start = rng.below(len(others) + 1)
    return window_with(others[:start], question, others[start:])


def first(question: Sequence[str]) -> list[str]:
    """Return the first state: the first slot of the list, and an empty sorted list."""
    slot = question.index("[") + 1
    return [SLOTS[slot], question[slot], *"<" * slot, *">" * (len(question) - 1 - slot)]


def step(question: Sequence[str], state: Sequence[str]) -> list[str] | None:
    """Return the next state, or `None` after the last one."""
    name, item, *window = state
    if item == "]":
        return None
    slot = SLOTS.index(name) + 1
    place = next(i for i, symbol in enumerate(window) if symbol == ">" or (symbol != "<" and symbol > item))
    return [SLOTS[slot], question[slot], *window[:place], item, *window[place:-1]]


def answer(question: Sequence[str], state: Sequence[str]) -> list[str]:
    """Return the answer, from the last state."""
    return [symbol for symbol in state[2:] if symbol in LETTERS]


def truth(question: Sequence[str]) -> list[str]:
    """Return the answer, computed with Python's own sorting."""
    return sorted(question[question.index("[") + 1 : question.index("]")])
