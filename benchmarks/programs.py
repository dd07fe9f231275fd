"""How many short programs are run and traced a second: each in a process of its own, forked by the warm server.

    python -m benchmarks.programs

prints a line for each isolation that this machine allows: programs a second on the wall, and a second of processor
time, of this process and of all that it has started. The latter is the one to trust on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from scratchpad.errors import RunFailure
from scratchpad.programs.runner import Isolation, Runner

PROGRAM = """\
def f(v0):
  v0 += 0
  v4 = 2
  while v4 > 0:
    v4 -= 1
    v0 *= 2
  return v0
"""


def main() -> None:
    """Measure, and print a line for each isolation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1000, help="programs (default: %(default)s)")
    count: int = parser.parse_args().n
    isolations: tuple[Isolation, ...] = ("namespaces", "hooks")
    for isolation in isolations:
        try:
            wall, processor = measured(isolation, count)
        except RunFailure as refused:
            print(f"{isolation}: {refused}")
        else:
            print(f"{isolation}: {count / wall:.0f} programs a second, {count / processor:.0f} a second of a core")


def measured(isolation: Isolation, count: int) -> tuple[float, float]:
    """Seconds that programs take, on the wall and of the processor; the server's start is in neither."""
    with Runner(isolation=isolation) as runner:
        runner.run(PROGRAM, "f(6)")
        before, begin = _processor_seconds(), time.perf_counter()
        for _ in range(count):
            trace = runner.run(PROGRAM, "f(6)")
            assert trace.output == 24, trace.status
        return time.perf_counter() - begin, _processor_seconds() - before


def _processor_seconds() -> float:
    """Of this process, of all that have descended from it, and of their children that have ended."""
    return time.process_time() + sum(map(_ticks, _descendants(os.getpid()))) / os.sysconf("SC_CLK_TCK")


def _descendants(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [number for child in map(int, children) for number in (child, *_descendants(child))]


def _ticks(process: int) -> int:
    """Of the processor: its own, and of its children that have ended (proc_pid_stat(5), fields 14 to 17)."""
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))


if __name__ == "__main__":
    main()
