"""Are two vertices on the same cycle? (Abbe et al. 2024, sections 2 and 5, figures 1, 4a, 4b)

    direct      b > d ; a > c ; d > b ; c > a ; a ? d ; 0 <end>
    scratchpad  b > d ; a > c ; d > b ; c > a ; a ? d ; a > c > a ; 0 <end>
    inductive   b > d ; a > c ; d > b ; c > a ; a ? d ; <start> a <sep> c <sep> a ; 0 <end>

The walk starts at the first vertex asked for and ends on the second one (1) or back where it began (0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, Self

from scratchpad.errors import ScratchpadError
from scratchpad.seeding import Stream
from scratchpad.settings import Lengths, with_settings
from scratchpad.tasks.base import BEYOND_PAPER, Symbols, Task

_PUNCTUATION = (">", ";", "?", "0", "1")


@dataclass(frozen=True)
class Cycles(Task):
    """n: two cycles of n vertices, or one of 2n with the two asked for at distance n, half and half.

    vertices (0: 2n) fixes the size of the graph, so that only the walk grows with n: cycles of n, where the
    walk is, and vertices - n, or a single one with the two asked for at distance n (figure 4b).
    sizes (a list) gives one graph's cycles instead: several, and the vertices asked for lie on the first and
    on another one; or a single one, and they lie `distance` apart (-1: half its size).
    names: how many names there are for vertices. jump: the walk writes down every jump-th vertex and its last.
    """

    name: ClassVar[str] = "cycles"
    summary: ClassVar[str] = "are two vertices of a directed graph on the same cycle?"
    source: ClassVar[str] = "Abbe et al. 2024, sections 2 and 5"
    size_setting: ClassVar[str] = "n"
    paper_text: ClassVar[bool] = True
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
        vertices = sum(self.sizes) or self.vertices or 2 * self.n.high
        if min(self.sizes or (self.n.low,)) < 2:
            raise ScratchpadError(
                f"cycles: a cycle has at least 2 vertices; given: n={self.n.plain()} "
                f"sizes={','.join(map(str, self.sizes))}"
            )
        if self.vertices and (self.sizes or self.n.high > self.vertices - 2):
            raise ScratchpadError(
                f"cycles: vertices={self.vertices} goes without `sizes` and with n of at most {self.vertices - 2}, "
                f"so that 2 vertices are left for the other cycle; given: n={self.n.plain()} "
                f"sizes={','.join(map(str, self.sizes))}"
            )
        if len(self.sizes) != 1 and self.distance != -1:
            raise ScratchpadError(
                f"cycles: distance={self.distance} needs a single cycle in `sizes`: with several the vertices "
                "asked for lie on different ones, and with `n` the distance is n"
            )
        if len(self.sizes) == 1 and not (self.distance == -1 or 1 <= self.distance < self.sizes[0]):
            raise ScratchpadError(
                f"cycles: distance={self.distance} is not there in a cycle of {self.sizes[0]}: "
                f"1 to {self.sizes[0] - 1}, or -1 for half of it"
            )
        if vertices > self.names:
            raise ScratchpadError(f"cycles: {vertices} vertices need as many names; names={self.names}")
        if self.jump < 1:
            raise ScratchpadError(f"cycles: jump={self.jump}: the walk moves on by at least 1 vertex a state")

    def size_law(self) -> Lengths:
        half = sum(self.sizes) // 2
        return Lengths(half, half) if self.sizes else self.n

    def at_size(self, size: int) -> Self:
        return with_settings(self, {"n": size, "sizes": (), "distance": -1}, self.name)

    def settings(self, everything: bool = False) -> dict[str, Any]:
        silent = ("n",) if self.sizes else ("sizes", "distance")
        shown = super().settings(everything)
        return {name: value for name, value in shown.items() if everything or name not in silent}

    def symbols(self) -> Symbols:
        return _alphabet(self.names)

    def question(self, rng: Stream, size: int) -> Symbols:
        total = self.vertices or 2 * size
        sizes = self.sizes or ((total,) if rng.below(2) else (size, total - size))
        names = self.symbols()
        vertices = [names[i] for i in rng.sample(self.names, sum(sizes))]
        rings, start = [], 0
        for length in sizes:
            rings.append(vertices[start : start + length])
            start += length
        edges = rng.shuffled([(ring[i - 1], ring[i]) for ring in rings for i in range(len(ring))])
        if len(rings) > 1:
            source, target = rng.choice(rings[0]), rng.choice(rng.choice(rings[1:]))
        else:
            (ring,) = rings
            apart = (size if self.vertices else len(ring) // 2) if self.distance == -1 else self.distance
            place = rng.below(len(ring))
            source, target = ring[place], ring[(place + apart) % len(ring)]
        return (*(symbol for a, b in edges for symbol in (a, ">", b, ";")), source, "?", target, ";")

    def first(self, question: Symbols) -> Symbols:
        return (question[-4],)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        source, target = question[-4], question[-2]
        if state in ((target, ";", "1"), (source, ";", "0")):
            return None
        if len(state) != 1 or state[0] == target or state[0] not in question[:-4:4]:
            raise ValueError(f"not a state of the walk from {source} to {target}: {' '.join(state)}")
        (vertex,) = state
        for _ in range(self.jump):
            vertex = question[4 * question[:-4:4].index(vertex) + 2]
            if vertex in (source, target):
                return (vertex, ";", "1" if vertex == target else "0")
        return (vertex,)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        import networkx  # only the oracle needs it

        graph = networkx.DiGraph(zip(question[:-4:4], question[2:-4:4], strict=True))
        return ("1" if networkx.has_path(graph, question[-4], question[-2]) else "0",)

    def check(self, question: Symbols) -> None:
        edges, asked = question[:-4], question[-4:]
        froms, tos = edges[::4], edges[2::4]
        shaped = len(question) % 4 == 0 and all(
            (mark, end) == (">", ";") for mark, end in zip(edges[1::4], edges[3::4], strict=True)
        )
        if not shaped or len(asked) != 4 or (asked[1], asked[3]) != ("?", ";"):
            raise ScratchpadError(f"cycles: a question is `a > b ; ... ; a ? t ;`; given: {' '.join(question)}")
        if len(set(froms)) != len(froms) or set(froms) != set(tos):
            raise ScratchpadError("cycles: each vertex has one edge out and one in, but not in this question")
        if any(a == b or a in _PUNCTUATION for a, b in zip(froms, tos, strict=True)):
            raise ScratchpadError("cycles: edges join different vertices, written v...; one of these does not")
        if asked[0] not in froms or asked[2] not in froms or asked[0] == asked[2]:
            raise ScratchpadError(
                f"cycles: asks for {asked[0]} and {asked[2]}: two different vertices of the graph are allowed"
            )

    def fitted(self, question: Symbols) -> Self:
        asked = (question[-4], question[-2])
        following = dict(zip(question[:-4:4], question[2:-4:4], strict=True))
        rings = _rings(following, asked)
        apart = -1 if len(rings) > 1 else rings[0].index(asked[1])
        return replace(self, vertices=0, sizes=tuple(map(len, rings)), distance=apart)

    def written(self, chain: list[Symbols]) -> Symbols:
        return tuple(symbol for i, state in enumerate(chain) for symbol in ((">",) if i else ()) + state)

    def last_written(self, text: Symbols) -> Symbols:
        return text[-3:]


def _rings(following: dict[str, str], starts: Sequence[str]) -> list[list[str]]:
    """The cycles of a graph of cycles: those of the starts first, each beginning there."""
    left = dict(following)
    rings: list[list[str]] = []
    for start in (*starts, *following):
        ring, vertex = [], start
        while vertex in left:
            ring.append(vertex)
            vertex = left.pop(vertex)
        rings += [ring] if ring else []
    return rings


@cache
def _alphabet(names: int) -> Symbols:
    width = len(str(names - 1))
    return (*(f"v{i:0{width}}" for i in range(names)), *_PUNCTUATION)
