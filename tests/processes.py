"""The program that the tests of processes start: it resumes a run again and again, and kills it at random moments.

    python tests/processes.py SEED KILLS FOLDER ARGUMENTS...

runs `scratchpad ARGUMENTS` in a child, KILLS times until a SIGKILL at a random moment, then to its end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import scratchpad.training.setup  # before any fork: imports take most of the time
from scratchpad.cli.main import main

assert scratchpad.training.setup


def logged(folder: Path) -> int:
    """Return the number of lines that the run has logged."""
    path = folder / "metrics.jsonl"
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:  # a run without a checkpoint starts again and deletes its files
        return 0


def child(arguments: list[str]) -> int:
    """Start or resume the run in a new process."""
    number = os.fork()
    if number == 0:
        os._exit(main([*arguments, "--resume"]))
    return number


def killed_at_random(rng: random.Random, folder: Path, arguments: list[str]) -> bool:
    """Kill the run after some more lines and some milliseconds. Return whether it was still running."""
    number, until = child(arguments), logged(folder) + rng.randrange(-3, 9)
    while logged(folder) < until and os.waitpid(number, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    time.sleep(rng.random() * 0.05)
    try:
        os.kill(number, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL
    except (ProcessLookupError, ChildProcessError):
        return False


if __name__ == "__main__":
    torch.set_num_threads(1)
    seed, kills, run_folder, *words = sys.argv[1:]
    dice = random.Random(seed)
    kills_that_hit = sum(killed_at_random(dice, Path(run_folder), words) for _ in range(int(kills)))
    print(kills_that_hit, flush=True)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child(words), 0)[1]))
