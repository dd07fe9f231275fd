"""Write problems with words as symbols as JSON lines: colours in reverse order, one colour more in every state.

python examples/make_words.py > words.jsonl

red green blue ? <start> blue <sep> blue green <sep> blue green red <end>
"""

import itertools
import json
import random

COLOURS = ["red", "green", "blue", "black", "white"]


def main() -> None:
    """Print 400 of the 775 problems with two to four colours."""
    lists = [list(items) for size in range(2, 5) for items in itertools.product(COLOURS, repeat=size)]
    for colours in random.Random(0).sample(lists, 400):
        states = [colours[::-1][: size + 1] for size in range(len(colours))]
        print(json.dumps({"question": [*colours, "?"], "states": states, "answer": states[-1]}))


if __name__ == "__main__":
    main()
