"""Measure speed on this machine and compare it with the public implementation of inductive scratchpads.

data      training documents that one core prepares per second, for parity of 1 to 30 bits in a window of 60 places
train     training documents per second on a CPU: forward pass, backward pass and optimizer, with the paper's dropout
generate  generated tokens per second for 60-bit questions; with --long, the cost of a state late in a long chain
evaluate  60-bit questions that one forward pass evaluates per second, compared with evaluation by generation
trace     short programs that one core traces per second, each in a new process, for each available isolation

The model is untrained. Every round measures our speed (`value`) and the speed to compare with (`reference`). Both are
printed as medians over the rounds, and `ratio` is the median of value / reference over the rounds. `ceiling` is the
value that would be reached if only matrix products took time.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scratchpad.cli._options import whole_number
from scratchpad.cli._output import message, print_json, print_table
from scratchpad.errors import ScratchpadError, unknown_name

if TYPE_CHECKING:
    from scratchpad.bench.measurement import Measurement, OnStatus
    from scratchpad.bench.parity_workload import Workload

EXAMPLE = """scratchpad bench data
  scratchpad bench train --precision bf16 --json
  scratchpad bench generate --long
  scratchpad bench trace"""

_DEFAULT_BATCH = {"data": 64, "train": 32, "generate": 16, "evaluate": 16, "trace": 200}
_DEFAULT_ROUNDS = {"data": 20, "train": 5, "generate": 3, "evaluate": 5, "trace": 5}
_LONG_STATES, _MIN_LONG_STATES = 10_000, 400
_COLUMNS = ("name", "value", "unit", "reference", "ratio", "ceiling")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("what", choices=tuple(_DEFAULT_BATCH), help="the benchmark to run (described above)")
    add("--repeats", type=whole_number(1), metavar="N", help="number of rounds (default: data 20, generate 3, else 5)")
    batch = "batch size (default: data 64, train 32, trace 200, others 16)"
    add("--batch", type=whole_number(1), metavar="N", help=batch)
    add("--model", metavar="PRESET", help="model preset (default: 10m as in the paper; with --long: small)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the documents and weights (default: %(default)s)")
    add("--threads", type=whole_number(1), metavar="N", help="number of torch threads (default: torch decides)")
    add("--precision", choices=("fp32", "bf16", "both"), help="precision for `bench train` (default: both)")
    add("--states", type=whole_number(1), metavar="N", help="for generate: number of states per chain (default: all)")
    add("--long", action="store_true", help="for generate: measure one long chain (default: 10000 states)")
    add("--json", action="store_true", help="print one JSON object per measurement")


def run(args: Namespace) -> None:
    _check(args)
    import torch
    from rich.console import Console

    from scratchpad.provenance import describe_machine

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    message(describe_machine())
    measurements = []
    with Console(stderr=True).status("") as status:
        for measurement in _measurements(args, status.update):
            measurements.append(measurement.to_json())
            if args.json:
                print_json(measurements[-1])
    if not args.json:
        print_table(_COLUMNS, [["-" if v is None else v for v in one.values()] for one in measurements])


def _check(args: Namespace) -> None:
    from scratchpad.models.config import PRESETS

    if args.model is not None and args.model not in PRESETS:
        raise unknown_name("model preset", args.model, PRESETS)
    for option, what in (("precision", "train"), ("states", "generate"), ("long", "generate")):
        if getattr(args, option) and args.what != what:
            raise ScratchpadError(f"--{option} is only for `bench {what}`, not for `bench {args.what}`")
    if args.long and args.states is not None and args.states < _MIN_LONG_STATES:
        raise ScratchpadError(f"--states {args.states}: with --long, the number must be at least {_MIN_LONG_STATES}")
    if args.long and args.batch not in (None, 1):
        raise ScratchpadError("--long generates only one chain; leave out --batch")


def _measurements(args: Namespace, on_status: OnStatus) -> Iterator[Measurement]:
    from scratchpad.bench.data import bench_data
    from scratchpad.bench.evaluate import bench_evaluate
    from scratchpad.bench.generate import bench_generate
    from scratchpad.bench.long_chains import bench_long_chain
    from scratchpad.bench.trace import bench_trace
    from scratchpad.bench.train import PRECISIONS, bench_train

    work = _workload(args, on_status)
    if args.what == "data":
        yield bench_data(work)
    elif args.what == "train":
        for precision in PRECISIONS if args.precision in (None, "both") else (args.precision,):
            yield bench_train(work, precision)
    elif args.long:
        yield from bench_long_chain(work, args.states or _LONG_STATES)
    elif args.what == "generate":
        yield from bench_generate(work, args.states)
    elif args.what == "trace":
        yield from bench_trace(work)
    else:
        yield from bench_evaluate(work)


def _workload(args: Namespace, on_status: OnStatus) -> Workload:
    from scratchpad.bench.parity_workload import LONGEST_BITS, TRAINED_BITS, Workload
    from scratchpad.bench.public_implementation import load_public_implementation

    compared = args.what not in ("evaluate", "trace") and not args.long
    public = load_public_implementation() if compared else None
    if compared and public is None:
        message("no comparison: benchmarks/public_implementation.py is only in the repository, not in the package")
    return Workload(
        bits=TRAINED_BITS if args.what in ("data", "train") else LONGEST_BITS,
        batch=1 if args.long else args.batch or _DEFAULT_BATCH[args.what],
        rounds=args.repeats or _DEFAULT_ROUNDS[args.what],
        model=args.model or ("small" if args.long else "10m"),
        seed=args.seed, public=public, on_status=on_status,
    )  # fmt: skip
