"""Measurement of rates on a shared, noisy machine. In every round, all programs to compare (candidates) run in turn.

The value of a candidate is the median over the rounds. The ratio of two candidates is the median of the ratios within
the rounds, because a busy machine slows both candidates of a round. Each round also times matrix products, from which
the ceiling of each value is computed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from operator import truediv

import torch

OnStatus = Callable[[str], None]
"""A function that receives a line of text about the current measurement."""
RateFunction = Callable[[int], float]
"""A function that does the work of round i (from 0) and returns the rate, such as tokens per second."""

PUBLIC = "the public implementation"
"""The name of the public implementation among the candidates."""
MATMULS = "matrix products"
"""The name under which the speed of matrix products (GFLOP/s) is recorded."""
_MATRIX_SIZE = 2048
_GIGA = 1e9


@dataclass(frozen=True)
class Measurement:
    """One line of results. A field is `None` if there is no reference or no ceiling.

    reference: the value of the reference candidate. ratio: the median of the ratios within the rounds, which can
    differ from value / reference. ceiling: the value if only the matrix products took time.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    ceiling: float | None = None

    def to_json(self) -> dict[str, str | float | None]:
        """Return the fields, with numbers rounded to four significant digits."""
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in asdict(self).items()}


@dataclass(frozen=True)
class RoundRates:
    """The rates of each candidate, with one rate per round."""

    rates: dict[str, list[float]]

    def measurement(
        self, name: str, unit: str, candidate: str, reference: str, work_flops: float | None = None
    ) -> Measurement:
        """Compare `candidate` with `reference`, which may be missing. work_flops: FLOPs per document or token."""
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
    """Run all candidates and the matrix products once to warm up, and then once in each round."""
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
    """Return the GFLOP/s of the product of two 2048 x 2048 matrices."""
    a, b = torch.randn(2, _MATRIX_SIZE, _MATRIX_SIZE).to(dtype).unbind()
    start = time.perf_counter()
    for _ in range(products):
        torch.mm(a, b)
    return products * 2 * _MATRIX_SIZE**3 / (time.perf_counter() - start) / _GIGA
