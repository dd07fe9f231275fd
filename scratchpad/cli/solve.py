"""Solve questions with a trained model. Print each state when it is complete, and then the answer and the status.

The status is done, loop (a state occurred twice, so the chain would never end), max-states (the chain has more states
than --max-states allows), or max-tokens (a state has more tokens than --max-tokens allows).
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from scratchpad.cli._options import add_run_loading, add_sampling, sampling_from_arguments, whole_number
from scratchpad.cli._output import message, print_json
from scratchpad.number_format import duration
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text

EXAMPLE = """scratchpad solve runs/parity-small 10110111
  scratchpad solve runs/parity-small 1_0__11_ --json
  scratchpad solve runs/mine/seed-0 10110111 --vote runs/mine/seed-1 runs/mine/seed-2"""


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("run", metavar="RUN", help="a run folder")
    add("questions", metavar="QUESTION", nargs="+", help="question in the form that `scratchpad show` prints")
    add("--vote", metavar="RUN", nargs="+", default=[], help="more runs that vote with RUN on every state")
    add("--max-states", type=whole_number(1), default=1024, metavar="N", help="state limit per chain (default: 1024)")
    add("--max-tokens", type=whole_number(1), default=1024, metavar="N", help="token limit per state (default: 1024)")
    add_sampling(parser)
    add("--seed", type=int, default=0, metavar="N", help="seed for sampling (default: %(default)s)")
    add_run_loading(parser)
    add("--json", action="store_true", help="print one JSON object per state, then one with the answer")


def run(args: Namespace) -> None:
    from scratchpad.config.resolve import TaskLoader
    from scratchpad.generation.engine import Limits
    from scratchpad.run import Run

    sampling, limits, tasks = sampling_from_arguments(args), Limits(args.max_tokens, args.max_states), TaskLoader()
    solver, *voters = [
        Run.load(folder, args.checkpoint, args.device, args.task_file, tasks) for folder in (args.run, *args.vote)
    ]
    solver = solver.voting(voters)

    def show(index: int, state: Symbols) -> None:
        print_json({"index": index, "state": state}) if args.json else print(
            f"{index + 1:5}  {as_text(state)}", flush=True
        )

    for question in args.questions:
        solver.parse_question(question)
    for question in args.questions:
        completed = as_text(solver.parse_question(question))
        if (completed != question or len(args.questions) > 1) and not args.json:
            print(f"question: {completed}")
        start = time.perf_counter()
        solved = solver.solve(question, sampling, limits, show)
        seconds = time.perf_counter() - start
        if args.json:
            print_json({
                "answer": solved.answer, "status": solved.status, "states": len(solved.states), "tokens": solved.tokens,
                "seconds": round(seconds, 4), "truth": solved.truth,
            })  # fmt: skip
        else:
            summary = f"{len(solved.states)} states, {solved.tokens} tokens, {duration(seconds)}"
            print(f"answer: {solved.answer_text or 'none'}  ({solved.status}: {summary})")
            print(solved.verdict)
        for text in solver.outside_training(solved.question):
            message(f"outside what was trained: {text}")
