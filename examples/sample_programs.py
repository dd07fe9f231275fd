"""Sample candidate programs for MBPP tasks from a trained run (MBPP-aug, Nye et al. 2021, section 5.3).

    python examples/sample_programs.py texts mbpp.jsonl > texts.jsonl                  # descriptions and programs
    scratchpad train texts.jsonl --set task.format=direct model=25m --out runs/writer
    python examples/sample_programs.py sample mbpp.jsonl runs/writer > candidates.jsonl
    scratchpad data mbpp --format scratchpad --set path=mbpp.jsonl candidates=candidates.jsonl --out augmented.jsonl

The last command runs the candidates on their tasks' inputs, traces the runs, leaves out those that raise, and counts
both. Programs of any other model can be used as well: one line {"task_id": 601, "program": ".."} per program.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import scratchpad as sp
from scratchpad.generation.sampling import Sampling
from scratchpad.programs import program_text
from scratchpad.tasks.jsonl import read_lines

TRAINED_ON = range(601, 975)  # the paper's training tasks


def main() -> None:
    """Print JSON Lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("texts", "sample"))
    parser.add_argument("path", help="MBPP as JSON Lines")
    parser.add_argument("run", nargs="?", help="the run to sample from")
    parser.add_argument("--samples", type=int, default=80, help="samples per task (default: the paper's %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.5, help="default: the paper's %(default)s")
    args = parser.parse_args()
    tasks = [value for _, value in read_lines(args.path) if value["task_id"] in TRAINED_ON]
    if args.what == "texts":
        lines = map(text_line, tasks)
    else:
        lines = sampled(sp.Run.load(args.run), tasks, args.samples, args.temperature)
    for line in lines:
        print(json.dumps(line), flush=True)


def text_line(task: dict[str, Any]) -> dict[str, Any]:
    """Return a task as a problem: its description, and its program as the only state and the answer."""
    program = program_text(task["code"])
    return {"question": task["text"], "states": [program], "answer": program}


def sampled(run: sp.Run, tasks: list[dict[str, Any]], samples: int, temperature: float) -> Iterator[dict[str, Any]]:
    """Yield the programs that a run generates for each task; sample i has seed i. Unfinished ones are left out.

    Their number is printed on stderr.
    """
    left_out = 0
    for task in tasks:
        for seed in range(samples):
            solved = run.solve(task["text"], Sampling(temperature, seed=seed))
            left_out += not solved.answer
            if solved.answer:
                yield {"task_id": task["task_id"], "program": "".join(solved.answer)}
    print(f"left out {left_out:,} of {len(tasks) * samples:,} samples: unfinished programs", file=sys.stderr)


if __name__ == "__main__":
    main()
