"""Measure speed on this machine, alternating with the only public implementation.

data      training documents of parity (1 to 30 bits, window 60) per second of one core: drawn, laid out, collated
train     training documents per second on a CPU: forward, backward and optimizer, with the paper's dropout
generate  generated tokens per second for 60-bit questions; --long: the cost of a state after many others
evaluate  60-bit questions evaluated per second in one forward pass, beside our own cached generation
trace     short programs traced per second of one core, each in its own process, for each isolation possible here

value and reference are medians over the rounds; ratio is the median of the ratios within the rounds. ceiling is the
value that the machine's matrix products, measured in the same rounds, would allow. The model is untrained.
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
    add("what", choices=tuple(_DEFAULT_BATCH), help="the benchmark, see above")
    add("--repeats", type=whole_number(1), metavar="N", help="rounds (default: data 20, generate 3, others 5)")
    add("--batch", type=whole_number(1), metavar="N", help="documents (default: data 64, train 32, trace 200, else 16)")
    add("--model", metavar="PRESET", help="model preset (default: 10m, the paper's; with --long: small)")
    add("--seed", type=int, default=0, metavar="N", help="seed of documents and weights (default: %(default)s)")
    add("--threads", type=whole_number(1), metavar="N", help="threads of torch (default: torch's choice)")
    add("--precision", choices=("fp32", "bf16", "both"), help="precision in the train benchmark (default: both)")
    add("--states", type=whole_number(1), metavar="N", help="for generate: states per chain (default: all)")
    add("--long", action="store_true", help="for generate: one chain of many states (default: 10000)")
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
            raise ScratchpadError(f"--{option} goes with `bench {what}`, not `bench {args.what}`")
    if args.long and args.states is not None and args.states < _MIN_LONG_STATES:
        raise ScratchpadError(f"--long --states {args.states}: at least {_MIN_LONG_STATES} states are needed")
    if args.long and args.batch not in (None, 1):
        raise ScratchpadError("--long generates one chain: leave --batch out")


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
        message("no comparison: benchmarks/public_implementation.py is part of the repository, not of the package")
    return Workload(
        bits=TRAINED_BITS if args.what in ("data", "train") else LONGEST_BITS,
        batch=1 if args.long else args.batch or _DEFAULT_BATCH[args.what],
        rounds=args.repeats or _DEFAULT_ROUNDS[args.what],
        model=args.model or ("small" if args.long else "10m"),
        seed=args.seed, public=public, on_status=on_status,
    )  # fmt: skip
