"""How many MBPP tasks fit into 512, 1024 and 2048 tokens in each format.

    python -m benchmarks.mbpp_context_fit --path mbpp.jsonl

This prints a Markdown table: the share of all tasks, and of the 500 test tasks, whose three runs all fit. Lengths are
measured in characters, with 1,066 characters for 512 tokens: then 211 test tasks fit 512 tokens, where the paper has
212 with its tokenizer, which is not public. A trace must fit as a whole, alone (as in the paper) or after its question.
The inductive format must fit its question and the two longest consecutive states. Runs without a trace do not fit.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from scratchpad.errors import SkippedProblem
from scratchpad.number_format import percent
from scratchpad.programs import trace_text
from scratchpad.provenance import describe_machine
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.mbpp import Mbpp
from scratchpad.tasks.program_runs import ProgramRuns

TOKENS = (512, 1024, 2048)
CHARACTERS_PER_TOKEN = 1066 / 512
NEEDS = (
    "direct, question and answer", "scratchpad, the trace", "scratchpad, question and trace", "changes, the trace",
    "changes, question and trace", "inductive, question and two states",
)  # fmt: skip
RUNS_PER_TASK = 3
MIN_LINE_CHARACTERS = len("state: {}\nline: x\n")
MAX_TRACED_LINES = int(TOKENS[-1] * CHARACTERS_PER_TOKEN / MIN_LINE_CHARACTERS)
"""A trace with more lines fits nowhere, so its run stops. Answers and inductive states are those of `data`."""

Needs = dict[str, int | None]
"""Characters by row of the table; `None` for a run without a trace."""


def main() -> None:
    """Trace every run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default="", help="the data as JSON lines (default: from the Hugging Face hub)")
    inductive = Mbpp(path=parser.parse_args().path)
    traced = replace(inductive, steps=MAX_TRACED_LINES)
    reasons: Counter[str] = Counter()
    splits = ("prompt", "test", "validation", "train")
    needs = {split: list(_needs_of(traced, inductive, split, reasons)) for split in splits}
    everything = [one for part in needs.values() for one in part]
    print("| tasks that fit | " + " | ".join(f"{n} tokens" for n in TOKENS) + " |\n| --- |" + " --- |" * len(TOKENS))
    for name in NEEDS:
        cells = [f"{_share(everything, name, n)}, test {_share(needs['test'], name, n)}" for n in TOKENS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n{len(everything)} tasks, {len(needs['test'])} of them to test on; {describe_machine()}")
    print(", ".join(f"{count} {reason}" for reason, count in reasons.most_common()))


def _needs_of(traced: ProgramRuns, inductive: ProgramRuns, split: str, reasons: Counter[str]) -> Iterator[Needs]:
    """Yield the needs of each task of a split: the maximum over its runs."""
    questions = [traced.draw(0, split, index) for index in range(traced.count(split))]
    for first in range(0, len(questions), RUNS_PER_TASK):
        runs = [_needs(traced, inductive, question, reasons) for question in questions[first : first + RUNS_PER_TASK]]
        yield {name: _most([run[name] for run in runs]) for name in NEEDS}


def _needs(traced: ProgramRuns, inductive: ProgramRuns, question: Symbols, reasons: Counter[str]) -> Needs:
    needs: Needs = dict.fromkeys(NEEDS)
    with suppress(SkippedProblem):  # counted below, since its trace fits nowhere either
        needs["direct, question and answer"] = len(question) + len(inductive.truth(question))
    try:
        trace = traced.traced(question)
        for form, shown in (("scratchpad", trace), ("changes", trace.changes())):
            length = len(trace_text(shown))
            needs |= {f"{form}, the trace": length, f"{form}, question and trace": len(question) + length}
    except SkippedProblem as problem:
        reasons[f"by CPython: {problem.reason}"] += 1
    try:
        states = [len(json.dumps(step.state)) for step in inductive.traced(question, inductive=True).steps]
        text = inductive.inductive_question(question)
        needs["inductive, question and two states"] = len(text) + max(map(sum, pairwise(states)))
    except SkippedProblem as problem:
        reasons[f"inductive: {problem.reason}"] += 1
    return needs


def _most(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return max(known) if len(known) == len(counts) else None


def _share(needs: list[Needs], name: str, tokens: int) -> str:
    fitting = sum(need is not None and need <= tokens * CHARACTERS_PER_TOKEN for need in (one[name] for one in needs))
    return f"{percent(fitting / len(needs))} ({fitting})"


if __name__ == "__main__":
    main()
