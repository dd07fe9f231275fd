"""Figures, and how they are measured on a machine that is shared and noisy: the ways compared take turns.

What is reported of a way is the median over all turns, and what is reported of two ways is the median of the ratios
within each turn. Every turn also measures the machine's matrix products, so that a ceiling stands beside each figure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Say = Callable[[str], None]
"""Called with what is being measured."""
Way = Callable[[int], float]
"""Does the work of the turn with this number, from 0, and returns its rate: higher is faster."""

_PRODUCT_SIZE = 2048
_GIGA = 1e9


@dataclass(frozen=True)
class Figure:
    """One line of results. Without something to compare with, reference and ratio are None, likewise ceiling.

    ratio: how many times better ours is, the median of the ratios within the turns (and so not value / reference).
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
class Turns:
    """The rates of each way, turn by turn."""

    rates: dict[str, list[float]]

    def median(self, way: str) -> float:
        return statistics.median(self.rates[way])

    def figure(self, name: str, unit: str, way: str, reference: str, work_flops: float | None = None) -> Figure:
        """`way` beside `reference` (one that was not measured gives None). work_flops: what one unit of work takes."""
        against = self.rates.get(reference)
        return Figure(
            name,
            self.median(way),
            unit,
            reference=None if against is None else statistics.median(against),
            ratio=None if against is None else statistics.median(map(_ratio, self.rates[way], against)),
            ceiling=None if work_flops is None else self.median(PRODUCTS) * _GIGA / work_flops,
        )


PRODUCTS = "matrix products"
"""The name under which turns hold the machine's GFLOP/s."""


def take_turns(ways: Mapping[str, Way], turns: int, dtype: torch.dtype, say: Say, what: str) -> Turns:
    """Each way once unmeasured, then all of them and the machine's matrix products in turn, `turns` times."""
    everything = {**ways, PRODUCTS: lambda turn: product_rate(dtype)}
    rates: dict[str, list[float]] = {name: [] for name in everything}
    for turn in range(-1, turns):
        for name, way in everything.items():
            say(f"{what}: {'warming up' if turn < 0 else f'turn {turn + 1} of {turns}'}: {name}")
            rate = way(max(turn, 0))
            if turn >= 0:
                rates[name].append(rate)
    return Turns(rates)


def product_rate(dtype: torch.dtype, products: int = 4) -> float:
    """GFLOP/s of products of two square matrices of size 2048, as fast as torch multiplies them here and now."""
    a, b = torch.randn(2, _PRODUCT_SIZE, _PRODUCT_SIZE).to(dtype).unbind()
    start = time.perf_counter()
    for _ in range(products):
        torch.mm(a, b)
    return products * 2 * _PRODUCT_SIZE**3 / (time.perf_counter() - start) / _GIGA


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs
