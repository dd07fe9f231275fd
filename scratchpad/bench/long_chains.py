"""Benchmark of long chains: the time and memory that a state takes after many earlier states."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Sequence
from itertools import cycle

from torch import Tensor

from scratchpad.bench.measurement import Measurement
from scratchpad.bench.parity_workload import Workload
from scratchpad.generation.cache import MODES, CachedDecoder
from scratchpad.generation.engine import Engine, Limits, Opening

_EARLY = 10  # number of states before the early measurements
_STATES_PER_STATUS = 500
_NO_LIMIT = Limits(10**12, 10**12)


def bench_long_chain(work: Workload, states: int, measured: int = 200) -> list[Measurement]:
    """Compare the costs of an early and a late state in a chain of `states` states, for both caches.

    One chain repeats the true states of a question with 60 bits. Near the end, a second chain starts. Both chains
    then write `measured` states in turn, so that a busy machine slows both. Cache size and peak memory are also
    measured early and at the end. The ratio is late / early.
    """
    return [one for cache in MODES for one in _measurements(work, cache, states, measured)]


def _measurements(work: Workload, cache: str, states: int, measured: int) -> list[Measurement]:
    name = f"generate-long-{cache}"
    old = _Chain(work, cache)
    old.write(_EARLY + measured, work, name)
    early_bytes, early_peak = old.decoder.cache_bytes(), _peak_mebibytes()
    old.write(states - _EARLY - measured - measured // 2, work, name)
    young = _Chain(work, cache)
    young.write(_EARLY, work, name)
    pairs = [(old.next_seconds(), young.next_seconds()) for _ in range(measured)]
    late, early = (1000 * statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    slower = statistics.median(at_end / at_start for at_end, at_start in pairs)
    late_bytes, late_peak = old.decoder.cache_bytes(), _peak_mebibytes()
    return [
        Measurement(name, late, "ms/state", early, slower),
        Measurement(f"{name}-cache", late_bytes, "bytes", early_bytes, late_bytes / early_bytes),
        Measurement(f"{name}-peak-memory", late_peak, "MiB", early_peak, late_peak / early_peak),
    ]


class _Chain:
    """A chain that repeats the true states of one question, without loop detection."""

    def __init__(self, work: Workload, cache: str) -> None:
        (document,) = work.documents()
        self._tokens = cycle(token for state in document.states[:-1] for token in state)
        self._written = 0
        self.decoder = CachedDecoder(work.fresh_model().eval(), cache)
        engine = Engine(self.decoder, work.vocabulary, limits=_NO_LIMIT, detect_loops=False)
        self._states = engine.stream([Opening.of(document)], self._choose)

    def _choose(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        logits.argmax(-1).tolist()
        return [next(self._tokens)]

    def next_seconds(self) -> float:
        """Generate the next state and return the seconds that it takes."""
        start = time.perf_counter()
        next(self._states)
        return time.perf_counter() - start

    def write(self, states: int, work: Workload, name: str) -> None:
        for _ in range(states):
            next(self._states)
            self._written += 1
            if self._written % _STATES_PER_STATUS == 0:
                work.on_status(f"{name}: {self._written:,} states")


def _peak_mebibytes() -> float:
    """Return the peak memory of this process in MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
