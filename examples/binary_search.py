"""Binary search in a sorted list of letters, on lists twice as long as in training.

    scratchpad train examples/binary_search.py --set train.steps=1200 model.dropout=0 --out runs/search
    scratchpad evaluate runs/search --task-file examples/binary_search.py --sizes 4,8,12,16
    scratchpad solve runs/search --task-file examples/binary_search.py "bdfhkmnprtw?n"

    bbbeeffffllsttuu?e=<start>AHPf<sep>ADHe<sep>ABDb<sep>CCDb<sep>DDDe<end>

The list fills a window of slots: some of its letters stand there several times. The search therefore always begins with
the whole window, and the states of long lists are states of short lists. After `?` comes the letter to find. A state
names the lowest slot, the middle slot and the highest slot of what is left (`A` for the first slot of the window), and
gives the letter in the middle slot. The answer is the first slot that holds the letter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchpad.random_stream import Stream

SETTINGS: dict[str, Any] = {"sizes": "1-8", "window": 16}
SLOTS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def symbols(settings: Mapping[str, Any]) -> str:
    """Return all symbols that occur."""
    return f"{SLOTS}{LETTERS}?="


def question(rng: Stream, size: int) -> str:
    """Draw a sorted list of `size` different letters, and one of them to find."""
    letters = sorted(rng.sample_names(LETTERS, size))
    return placed(rng, letters, rng.choice(letters))


def placed(rng: Stream, letters: Sequence[str], wanted: str) -> str:
    """Fill the window with the list and with further copies of its letters, in order."""
    copies = [rng.choice(letters) for _ in range(SETTINGS["window"] - len(letters))]
    return f"{''.join(sorted([*letters, *copies]))}?{wanted}="


def completed(rng: Stream, question: Sequence[str]) -> Sequence[str]:
    """Turn a question typed by a person, such as bdkm?k, into the form that `question` draws."""
    return question if "=" in question else placed(rng, question[:-2], question[-1])


def state_of(question: Sequence[str], low: int, high: int) -> str:
    """Return the state in which the slots from `low` to `high` are left."""
    middle = (low + high) // 2
    return SLOTS[low] + SLOTS[middle] + SLOTS[high] + question[middle]


def first(question: Sequence[str]) -> str:
    """Return the first state: the whole window is left."""
    return state_of(question, 0, question.index("?") - 1)


def step(question: Sequence[str], state: Sequence[str]) -> str | None:
    """Return the next state, or `None` if one slot is left."""
    low, middle, high = (SLOTS.index(name) for name in state[:3])
    if low == high:
        return None
    return state_of(question, middle + 1, high) if state[3] < question[-2] else state_of(question, low, middle)


def answer(question: Sequence[str], state: Sequence[str]) -> str:
    """Return the answer, from the last state."""
    return state[0]


def truth(question: Sequence[str]) -> str:
    """Return the answer, computed without a search."""
    return SLOTS[question.index(question[-2])]
