"""Write problems as JSON lines: someone faces north and turns; which way do they face in the end?

    python examples/make_my_data.py > my_data.jsonl                    # the problems in examples/my_data.jsonl
    python examples/make_my_data.py --turns 12 --lines 200 --seed 1 > longer.jsonl

    LB[RRL]BBRLBRL=<start>dR,E<sep>eR,S<sep>fL,E<sep>g],E<end>

The turns (`L` left, `R` right, `B` back) stand between `[` and `]` at a random place of a window; random turns fill the
other slots. A state is the name of a slot, what it contains, and the direction after this turn.
"""

from __future__ import annotations

import argparse
import json
import random

DIRECTIONS, TURNS = "NESW", {"R": 1, "B": 2, "L": 3}
SLOTS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    """Print problems with different questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1000, help="problems (default: %(default)s)")
    parser.add_argument("--turns", default="1-6", help="turns to make, such as 12 or 1-6 (default: %(default)s)")
    parser.add_argument("--window", type=int, default=14, help="slots (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    low, _, high = args.turns.partition("-")
    rng, written = random.Random(args.seed), set[str]()
    while len(written) < args.lines:
        question = draw(rng, rng.randint(int(low), int(high or low)), args.window)
        if question not in written:
            written.add(question)
            states = chain(question)
            print(json.dumps({"question": question, "states": states, "answer": states[-1][-1]}))


def draw(rng: random.Random, size: int, window: int) -> str:
    """Return the window with `size` turns between brackets."""
    turns = rng.choices(list(TURNS), k=window - 2)
    start = rng.randint(0, len(turns) - size)
    return "".join([*turns[:start], "[", *turns[start : start + size], "]", *turns[start + size :], "="])


def chain(question: str) -> list[str]:
    """Return the states."""
    states, facing = [], 0
    for slot in range(question.index("[") + 1, question.index("]") + 1):
        facing += TURNS.get(question[slot], 0)
        states.append(f"{SLOTS[slot]}{question[slot]},{DIRECTIONS[facing % 4]}")
    return states


if __name__ == "__main__":
    main()
