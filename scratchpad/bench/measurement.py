"""Measuring rates on a shared, noisy machine: the candidates compared run alternately, in rounds.

The value of a candidate is its median over the rounds. The ratio of two is the median of their ratios within a round:
both ran in the same minute, so a busy machine slows both. Each round also times the machine's matrix products, which
give a ceiling for each value.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from operator import truediv

import torch

OnStatus = Callable[[str], None]
"""Receives a line on what is being measured."""
RateFunction = Callable[[int], float]
"""Does the work of a round, counted from 0, and returns its rate: higher is faster."""

PUBLIC = "the public implementation"
"""The name of the candidate that ours are compared with."""
MATMULS = "matrix products"
"""The name under which the rounds hold the machine's GFLOP/s."""
_MATRIX_SIZE = 2048
_GIGA = 1e9


@dataclass(frozen=True)
class Measurement:
    """One line of results. `None`: there is nothing to compare with, or no ceiling.

    reference: the value of what ours is compared with. ratio: how many times better ours is, the median of the ratios
    within the rounds (so not value / reference). ceiling: the value if only the matrix products took time.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    ceiling: float | None = None

    def to_json(self) -> dict[str, str | float | None]:
        """Return the fields, numbers with four significant digits."""
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in asdict(self).items()}


@dataclass(frozen=True)
class RoundRates:
    """The rates of each candidate, one per round."""

    rates: dict[str, list[float]]

    def measurement(
        self, name: str, unit: str, candidate: str, reference: str, work_flops: float | None = None
    ) -> Measurement:
        """Return `candidate` beside `reference`, which may be missing. work_flops: operations per unit of work."""
        ours, theirs = self.rates[candidate], self.rates.get(reference)
        return Measurement(
            name, statistics.median(ours), unit,
            reference=None if theirs is None else statistics.median(theirs),
            ratio=None if theirs is None else statistics.median(map(truediv, ours, theirs)),
            ceiling=None if work_flops is None else statistics.median(self.rates[MATMULS]) * _GIGA / work_flops,
        )  # fmt: skip


def measure_in_rounds(
    candidates: Mapping[str, RateFunction], rounds: int, dtype: torch.dtype, on_status: OnStatus, what: str
) -> RoundRates:
    """Run each candidate once to warm up, then all of them and the matrix products in each of `rounds` rounds."""
    everything = {**candidates, MATMULS: lambda round_number: matmul_gflops(dtype)}
    rates: dict[str, list[float]] = {name: [] for name in everything}
    for round_number in range(-1, rounds):
        stage = "warming up" if round_number < 0 else f"round {round_number + 1} of {rounds}"
        for name, measure in everything.items():
            on_status(f"{what}: {stage}: {name}")
            rate = measure(max(round_number, 0))
            if round_number >= 0:
                rates[name].append(rate)
    return RoundRates(rates)


def matmul_gflops(dtype: torch.dtype, products: int = 4) -> float:
    """Return the GFLOP/s of products of two square matrices of size 2048."""
    a, b = torch.randn(2, _MATRIX_SIZE, _MATRIX_SIZE).to(dtype).unbind()
    start = time.perf_counter()
    for _ in range(products):
        torch.mm(a, b)
    return products * 2 * _MATRIX_SIZE**3 / (time.perf_counter() - start) / _GIGA
