"""Let a model work out questions: each state is printed as it is written, then the answer and how it ended.

--vote RUN ...: these runs write together with it; at every state the majority's is taken.
Statuses: done; loop (a state came twice, so the chain would never end); max-states; max-tokens.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from scratchpad.cli._options import add_run_loading, add_sampling, sampling_from_arguments, whole_number
from scratchpad.cli._output import print_json
from scratchpad.number_format import duration
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text

EXAMPLE = """scratchpad solve runs/parity-small 10110111
  scratchpad solve runs/parity-small 1_0__11_ --json
  scratchpad solve runs/mine/seed-0 10110111 --vote runs/mine/seed-1 runs/mine/seed-2"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("questions", metavar="QUESTION", nargs="+", help="written as `scratchpad show` prints them")
    parser.add_argument("--vote", metavar="RUN", nargs="+", default=[], help="run folders that vote on every state")
    parser.add_argument("--max-states", type=whole_number(1), default=1024, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--max-tokens", type=whole_number(1), default=1024, metavar="N", help="a state; default: %(default)s"
    )
    add_sampling(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the sampling (default: %(default)s)")
    add_run_loading(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object a state, then one with the answer")


def run(args: Namespace) -> None:
    from scratchpad.generation.engine import Limits
    from scratchpad.run import Run

    sampling, limits = sampling_from_arguments(args), Limits(args.max_tokens, args.max_states)
    solver, *others = [
        Run.load(folder, args.checkpoint, args.device, args.task_file) for folder in (args.run, *args.vote)
    ]
    solver = solver.voting(others)
    for question in args.questions:
        solver.parse_question(question)
    for question in args.questions:
        start = time.perf_counter()
        found = solver.solve(question, sampling, limits, _print_json_state if args.json else _print_state)
        seconds = time.perf_counter() - start
        if args.json:
            print_json({
                "answer": found.answer, "status": found.status, "states": len(found.states), "tokens": found.tokens,
                "seconds": round(seconds, 4),
            })  # fmt: skip
        else:
            answer = as_text(found.answer) if found.answer is not None else "none"
            cost = f"{len(found.states)} states, {found.tokens} tokens, {duration(seconds)}"
            print(f"answer: {answer}  ({found.status}: {cost})")


def _print_state(index: int, state: Symbols) -> None:
    print(f"{index + 1:5}  {as_text(state)}", flush=True)


def _print_json_state(index: int, state: Symbols) -> None:
    print_json({"index": index, "state": state})
