"""Are two vertices of a graph on the same cycle? (Abbe et al. 2024, sections 2, 5; figures 1, 4a, 4b, 8, 9)

    direct      b > d ; a > c ; d > b ; c > a ; a ? d ; 0 <end>
    scratchpad  b > d ; a > c ; d > b ; c > a ; a ? d ; a > c > a ; 0 <end>
    inductive   b > d ; a > c ; d > b ; c > a ; a ? d ; <start> a <sep> c <sep> a ; 0 <end>

The states are a walk along the cycle of the first queried vertex. The walk ends at the second queried vertex (label 1)
or back at the first queried vertex (label 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import with_settings
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.graphs import CycleWalk, edges_in, queried_in, written_graph


@dataclass(frozen=True)
class Cycles(CycleWalk):
    """`n`: the cycle length. A graph has two cycles of n vertices or one cycle of 2n vertices, with equal probability.
    In a single cycle, the queried vertices are n edges apart.
    `vertices`: the number of vertices of a graph (0: 2n). If `vertices` is set and a graph has
    two cycles, one cycle has n vertices, and the walk is on this cycle (figure 4b).
    `sizes`: the lengths of all cycles (replaces `n`). Figure 7 uses sizes=4,10,10 with distance=2, and sizes=2,2,10,10.
    `distance`: the number of edges between the queried vertices on the first cycle of `sizes`. If `distance` is -1, one
    queried vertex is on the first cycle and one on the second or, in a graph of one cycle, opposite the first vertex.
    `names`: the number of possible vertex names. `jump`: the walk records every jump-th vertex and the last vertex.
    """

    name: ClassVar[str] = "cycles"
    summary: ClassVar[str] = "are two vertices of a directed graph on the same cycle?"
    source: ClassVar[str] = "Abbe et al. 2024, sections 2 and 5"
    size_setting: ClassVar[str] = "n"
    small: ClassVar[str] = (
        "vertices=10 n=3 names=10 model=small model.layers=2 model.heads=4 train.steps=2500 train.batch=128 "
        "train.learning_rate=2e-3 train.final_learning_rate=1e-4 train.warmup_steps=100 evaluate.sizes=3,5"
    )
    exclusive_settings: ClassVar[tuple[tuple[str, str], ...]] = (("n", "sizes"),)
    examples = (
        ("v753 > v562 ; v653 > v555 ; v555 > v653 ; v562 > v753 ; v555 ? v562 ;", {"n": 2}),
        ("v448 > v136 ; v136 > v192 ; v257 > v448 ; v192 > v257 ; v136 ? v257 ;", {"n": 2}),
    )

    n: Lengths = field(default=Lengths(2, 7))
    vertices: int = field(default=0, metadata=BEYOND_PAPER)
    sizes: tuple[int, ...] = ()
    distance: int = -1
    names: int = field(default=1000, metadata=BEYOND_PAPER)
    jump: int = field(default=1, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        given = f"sizes={','.join(map(str, self.sizes))}" if self.sizes else f"n={self.n.to_json()}"
        if min(self.sizes or (self.n.low,)) < 2:
            raise ScratchpadError(f"cycles: a cycle must have at least 2 vertices; given: {given}")
        if self.vertices and self.vertices < 4:
            raise ScratchpadError(f"cycles: vertices={self.vertices} must be at least 4, or 0 for 2n vertices")
        if self.vertices and (self.sizes or self.n.high > self.vertices - 2):
            raise ScratchpadError(
                f"cycles: with vertices={self.vertices}, `sizes` must not be set and n must be at most "
                f"{self.vertices - 2}, because each cycle needs at least 2 vertices; given: {given}"
            )
        if self.distance != -1 and not self.sizes:
            raise ScratchpadError(f"cycles: distance={self.distance} needs `sizes`. Without `sizes` the distance is n.")
        if self.distance != -1 and not 1 <= self.distance < self.sizes[0]:
            apart = "opposite vertices" if len(self.sizes) == 1 else "vertices on two cycles"
            raise ScratchpadError(
                f"cycles: distance={self.distance} is impossible in a cycle of {self.sizes[0]} vertices. "
                f"Set distance to a number from 1 to {self.sizes[0] - 1}, or to -1 for {apart}."
            )
        self.check_walk(sum(self.sizes) or self.vertices or 2 * self.n.high)

    def size_distribution(self) -> Lengths:
        half = sum(self.sizes) // 2
        return Lengths(half, half) if self.sizes else self.n

    def at_size(self, size: int) -> Self:
        if self.sizes and self.size_distribution() == Lengths(size, size):
            return self
        return with_settings(self, {"n": size, "sizes": (), "distance": -1}, self.name)

    def settings(self, everything: bool = False) -> dict[str, Any]:
        silent = ("n",) if self.sizes else ("sizes", "distance")
        shown = super().settings(everything)
        return {name: value for name, value in shown.items() if everything or name not in silent}

    @property
    def most_common_share(self) -> float:
        return 1.0 if self.sizes else 0.5

    def question(self, rng: Stream, size: int) -> Symbols:
        total = self.vertices or 2 * size
        sizes = self.sizes or ((total,) if rng.below(2) else (size, total - size))
        names = self.interchangeable()
        vertices = rng.sample_names(names, sum(sizes))
        rings, start = [], 0
        for length in sizes:
            rings.append(vertices[start : start + length])
            start += length
        edges = rng.shuffled([(ring[i - 1], ring[i]) for ring in rings for i in range(len(ring))])
        if len(rings) > 1 and self.distance == -1:
            queried = rng.choice(rings[0]), rng.choice(rng.choice(rings[1:2]))
        else:
            ring, place = rings[0], rng.below(len(rings[0]))
            apart = (size if self.vertices else len(ring) // 2) if self.distance == -1 else self.distance
            queried = ring[place], ring[(place + apart) % len(ring)]
        return written_graph(edges, queried)

    def fitted_to(self, question: Symbols) -> Self:
        source, target = queried_in(question)
        rings = _rings(dict(edges_in(question)), (source, target))
        apart = rings[0].index(target) if target in rings[0] else -1
        ends = 1 if target in rings[0] else 2
        sizes = [*map(len, rings[:ends]), *sorted(map(len, rings[ends:]))]
        return replace(self, vertices=0, sizes=tuple(sizes), distance=apart)


def _rings(following: dict[str, str], starts: Sequence[str]) -> list[list[str]]:
    """Return the cycles of a graph as lists of vertices. The cycles that contain a vertex of `starts` come first."""
    left = dict(following)
    rings: list[list[str]] = []
    for start in (*starts, *following):
        ring, vertex = [], start
        while vertex in left:
            ring.append(vertex)
            vertex = left.pop(vertex)
        rings += [ring] if ring else []
    return rings
