"""Measurements on a shared, noisy machine: the candidates compared run alternately, in rounds.

The value of one candidate is its median over all rounds; the ratio of two is the median of the ratios within each
round. Every round also measures the machine's matrix products, which give a ceiling for each value.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

OnStatus = Callable[[str], None]
"""Called with what is being measured."""
RateFunction = Callable[[int], float]
"""Does the work of the round with this number, from 0, and returns its rate: higher is faster."""

_PRODUCT_SIZE = 2048
_GIGA = 1e9


@dataclass(frozen=True)
class Measurement:
    """One line of results. Without something to compare with, reference and ratio are None, likewise ceiling.

    ratio: how many times better ours is, the median of the ratios within the rounds (and so not value / reference).
    ceiling: the value that the machine's matrix products would allow if there were nothing else to be done.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    ceiling: float | None = None

    def to_json(self) -> dict[str, str | float | None]:
        """The fields, numbers with four digits that count."""
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in self.__dict__.items()}


@dataclass(frozen=True)
class RoundRates:
    """The rates of each way, round by round."""

    rates: dict[str, list[float]]

    def median(self, way: str) -> float:
        return statistics.median(self.rates[way])

    def measurement(
        self, name: str, unit: str, way: str, reference: str, work_flops: float | None = None
    ) -> Measurement:
        """`way` beside `reference` (one that was not measured gives None). work_flops: what one unit of work takes."""
        against = self.rates.get(reference)
        return Measurement(
            name,
            self.median(way),
            unit,
            reference=None if against is None else statistics.median(against),
            ratio=None if against is None else statistics.median(map(_ratio, self.rates[way], against)),
            ceiling=None if work_flops is None else self.median(MATMULS) * _GIGA / work_flops,
        )


MATMULS = "matrix products"
"""The name under which rounds hold the machine's GFLOP/s."""


def measure_in_rounds(
    candidates: Mapping[str, RateFunction], rounds: int, dtype: torch.dtype, on_status: OnStatus, what: str
) -> RoundRates:
    """Each way once unmeasured, then all of them and the machine's matrix products, `rounds` times."""
    everything = {**candidates, MATMULS: lambda round_number: matmul_gflops(dtype)}
    rates: dict[str, list[float]] = {name: [] for name in everything}
    for round_number in range(-1, rounds):
        for name, way in everything.items():
            on_status(
                f"{what}: {'warming up' if round_number < 0 else f'round {round_number + 1} of {rounds}'}: {name}"
            )
            rate = way(max(round_number, 0))
            if round_number >= 0:
                rates[name].append(rate)
    return RoundRates(rates)


def matmul_gflops(dtype: torch.dtype, products: int = 4) -> float:
    """GFLOP/s of products of two square matrices of size 2048, as fast as torch multiplies them here and now."""
    a, b = torch.randn(2, _PRODUCT_SIZE, _PRODUCT_SIZE).to(dtype).unbind()
    start = time.perf_counter()
    for _ in range(products):
        torch.mm(a, b)
    return products * 2 * _PRODUCT_SIZE**3 / (time.perf_counter() - start) / _GIGA


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs
