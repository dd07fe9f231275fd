"""Answer the prompts of `scratchpad prompt --json`, so that `scratchpad score` can score the answers.

    scratchpad prompt long-addition --shots 2 -n 100 --json > prompts.jsonl
    python examples/answer_prompts.py prompts.jsonl > answers.jsonl
    scratchpad score answers.jsonl --prompts prompts.jsonl

Replace the function `complete` by a call of your language model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def complete(prompt: str, target: str) -> str:
    """Return the model's text after the prompt. The prompt ends where the model has to continue.

    This function stands for a model that is right about three questions in four. A real model must not see `target`,
    the correct text.
    """
    return target if sum(map(ord, prompt)) % 4 else target[:-1]


def main() -> None:
    """Print one line per prompt."""
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        prompt = json.loads(line)
        print(json.dumps({"id": prompt["id"], "completion": complete(prompt["prompt"], prompt["target"])}))


if __name__ == "__main__":
    main()
