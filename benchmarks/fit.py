"""How many tasks of MBPP fit each format into 512, 1024 and 2048 tokens.

    python -m benchmarks.fit --path mbpp.jsonl

prints a table in Markdown: the share of all tasks, and of the 500 test tasks, all three runs of which fit. Tokens are
characters, 1,066 of them for 512: with that many the tracer finds as many tasks that fit 512 tokens as the paper does
with its own tokenizer. A trace has to fit as a whole, alone (as in the paper) or behind its question; the inductive
form needs its question and two states, the longest that follow one another. Runs without a trace do not fit.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from scratchpad.bench.machine import described
from scratchpad.errors import LeftOut
from scratchpad.layout.rows import positions_needed
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.formats import format_named

TOKENS = (512, 1024, 2048)
CHARACTERS_A_TOKEN = 1066 / 512
NEEDS = (
    "scratchpad, the trace", "scratchpad, question and trace", "changes, the trace", "changes, question and trace",
    "inductive, question and two states",
)  # fmt: skip
RUNS_A_TASK = 3

Needs = dict[str, int | None]
"""Characters by the name of what is measured; None where a run cannot be written."""


def main() -> None:
    """Trace every run, and print the table; on stderr nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default="", help="the data as JSON lines (default: from the Hugging Face hub)")
    task = task_named("mbpp", {"path": parser.parse_args().path, "steps": 100_000})
    reasons: Counter[str] = Counter()
    needs = {split: list(_needs_of(task, split, reasons)) for split in ("prompt", "test", "validation", "train")}
    everything = [one for part in needs.values() for one in part]
    print("| tasks that fit | " + " | ".join(f"{n} tokens" for n in TOKENS) + " |\n| --- |" + " --- |" * len(TOKENS))
    for name in NEEDS:
        cells = [f"{_share(everything, name, n)}, test {_share(needs['test'], name, n)}" for n in TOKENS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n{len(everything)} tasks, {len(needs['test'])} of them to test on; {described()}")
    print(", ".join(f"{count} {reason}" for reason, count in reasons.most_common()))


def _needs_of(task: Task, split: str, reasons: Counter[str]) -> Iterator[Needs]:
    """What each task of a split needs: the most of its runs."""
    questions = [task.draw(0, split, index) for index in range(task.count(split) or 0)]
    for first in range(0, len(questions), RUNS_A_TASK):
        runs = [_needs(task, question, reasons) for question in questions[first : first + RUNS_A_TASK]]
        yield {name: _most([run[name] for run in runs]) for name in NEEDS}


def _needs(task: Task, question: Symbols, reasons: Counter[str]) -> Needs:
    needs: Needs = dict.fromkeys(NEEDS)
    for form in ("scratchpad", "changes", "inductive"):
        try:
            document = format_named(form).write(task, question)
        except LeftOut as problem:
            reasons[f"{form}: {problem.reason}"] += 1
            continue
        if form != "inductive":
            needs[f"{form}, the trace"] = len(document.states[0]) - 1
        name = "question and two states" if form == "inductive" else "question and trace"
        needs[f"{form}, {name}"] = positions_needed(document)
    return needs


def _most(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return max(known) if len(known) == len(counts) else None


def _share(needs: list[Needs], name: str, tokens: int) -> str:
    fitting = sum(need is not None and need <= tokens * CHARACTERS_A_TOKEN for need in (one[name] for one in needs))
    return f"{100 * fitting / len(needs):.1f} % ({fitting})"


if __name__ == "__main__":
    main()
