"""Are three vertices on the same cycle? (Abbe et al. 2024, figure 2)

    direct      a > d ; f > a ; b > e ; e > f ; d > c ; c > b ; a ? b ? c ; 1 <end>
    scratchpad  a > d ; f > a ; b > e ; e > f ; d > c ; c > b ; a ? b ? c ; a > d > c ; 1 <end>
    inductive   a > d ; f > a ; b > e ; e > f ; d > c ; c > b ; a ? b ? c ; <start> a <sep> d <sep> c ; 1 <end>

In two thirds of the questions, the three queried vertices are evenly spaced on one cycle, in a random order. In all
other questions, they are on three different cycles. The states are a walk from the first queried vertex. The walk ends
at another queried vertex (label 1) or when it returns to its start (label 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.graphs import CycleWalk, components, edges_in, queried_in, written_graph


@dataclass(frozen=True)
class ThreeCycles(CycleWalk):
    """`n`: the length of a cycle. A question has three cycles of n vertices or one cycle of 3n vertices.
    `names`: the number of different names that vertices can have.
    `jump`: the number of edges from one state to the next. The last vertex of the walk is always a state.
    """

    name: ClassVar[str] = "three-cycles"
    summary: ClassVar[str] = "are three vertices of a directed graph on the same cycle?"
    source: ClassVar[str] = "Abbe et al. 2024, figure 2"
    size_setting: ClassVar[str] = "n"
    small: ClassVar[str] = (
        "n=3 names=9 model=small model.layers=2 model.heads=4 model.width=128 train.learning_rate=1e-3 "
        "train.final_learning_rate=1e-4 train.warmup_steps=100 train.batch=128"
    )
    queries: ClassVar[int] = 3
    examples = (
        ("v31 > v11 ; v21 > v31 ; v12 > v22 ; v11 > v12 ; v22 > v32 ; v32 > v21 ; v11 ? v21 ? v22 ;", {"names": 50}),
        ("v31 > v32 ; v11 > v12 ; v22 > v21 ; v12 > v11 ; v21 > v22 ; v32 > v31 ; v11 ? v21 ? v31 ;", {"names": 50}),
    )

    n: Lengths = field(default=Lengths(2, 7))
    names: int = field(default=1000, metadata=BEYOND_PAPER)
    jump: int = field(default=1, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if self.n.low < 2:
            raise ScratchpadError(
                f"three-cycles: n={self.n.to_json()} must be at least 2, the length of the shortest cycle"
            )
        self.check_walk(3 * self.n.high)

    @property
    def most_common_share(self) -> float:
        return 2 / 3

    def question(self, rng: Stream, size: int) -> Symbols:
        vertices = rng.sample_names(self.interchangeable(), 3 * size)
        a, b, c = (vertices[start : start + size] for start in range(0, 3 * size, size))
        rings = ((a, b, c), (a + b + c,), (a + c + b,))[rng.below(3)]
        edges = rng.shuffled([(ring[i - 1], ring[i]) for ring in rings for i in range(len(ring))])
        return written_graph(edges, (a[0], b[0], c[0]))

    def check(self, question: Symbols) -> None:
        super().check(question)
        place = components(edges_in(question, self.queries))
        if len({place[vertex] for vertex in queried_in(question, self.queries)}) == 2:
            raise ScratchpadError(
                "three-cycles: the queried vertices must be on one cycle or on three cycles, not on two"
            )

    def fitted_to(self, question: Symbols) -> Self:
        size = len(edges_in(question, self.queries)) // 3
        return replace(self, n=Lengths(size, size))
