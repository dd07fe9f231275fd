"""Is there a path from one vertex of a random directed graph to another? (Abbe et al. 2024, figure 7)

    direct      c > d ; a > c ; a > b ; c > a ; a ? d ; 1 <end>
    inductive   c > d ; a > c ; a > b ; c > a ; a ? d ; <start> > a <sep> a > c b <sep> a c > b d ; 1 <end>

The paper has only the format `direct`. Our states are the steps of a breadth-first search. A state lists the visited
vertices, then `>`, then the queue. A step visits the first vertex of the queue and appends its new neighbours to the
queue. The search ends when the target is in the queue (label 1) or the queue is empty (label 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import Any, ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.graphs import GraphTask, check_graph, edges_in, queried_in, written_graph
from scratchpad.tasks.state_labels import StateLabels

Pairs = list[tuple[int, int]]

_MOST_GRAPHS = 10_000  # how many graphs are drawn, at most, to find two vertices at the wanted distance
_FEW_GRAPHS = 1_000  # a stricter limit for the check before a run, so that later draws do not fail


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        visited, _ = _read(state)
        return {"kind": f"last, label {state[-1]}" if ";" in state else "search", "looked at": str(len(visited))}

    def parts(self, state: Symbols) -> Symbols:
        bar, end = state.index(">"), state.index(";") if ";" in state else len(state)
        looked_at, queue = ("looked at",) * bar, ("waiting",) * (end - bar - 1)
        return (*looked_at, "bar", *queue, "semicolon", "label")[: len(state)]


@dataclass(frozen=True)
class RandomGraphs(GraphTask):
    """`distance`: the length of the shortest path from the first queried vertex to the second queried vertex.
    `unconnected`: the share of questions in which no path exists.
    `vertices`: the number of vertices. `edges`: the number of edges. All graphs of this size are equally likely.
    `probability`: the probability of each edge; this setting replaces `edges`.
    `names`: the number of different names that vertices can have.

    Graphs are drawn until two vertices have the wanted distance. If several pairs of vertices have this distance, each
    pair is equally likely. The task `cycles` with its setting `sizes` gives the out-of-distribution data of figure 7.
    """

    name: ClassVar[str] = "random-graphs"
    summary: ClassVar[str] = "is there a path between two vertices of a random directed graph?"
    source: ClassVar[str] = "Abbe et al. 2024, figure 7"
    size_setting: ClassVar[str] = "distance"
    small: ClassVar[str] = (
        "vertices=6 edges=6 distance=1-2 names=6 model=small model.layers=2 model.heads=4 model.width=128 "
        "train.learning_rate=1e-3 train.final_learning_rate=1e-4 train.warmup_steps=100 train.batch=128"
    )
    labels: ClassVar[StateLabels] = _Labels()
    exclusive_settings: ClassVar[tuple[tuple[str, str], ...]] = (("edges", "probability"),)
    examples = (
        ("v02 > v03 ; v00 > v01 ; v00 > v02 ; v01 > v00 ; v00 ? v03 ;", {"names": 50}),
        ("v02 > v03 ; v00 > v01 ; v02 > v01 ; v01 > v00 ; v00 ? v03 ;", {"names": 50}),
    )

    distance: Lengths = field(default=Lengths(1, 4))
    vertices: int = 24
    edges: int = 24
    probability: float | None = None
    unconnected: float = 0.5
    names: int = field(default=1000, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if not 2 <= self.vertices <= self.names:
            raise ScratchpadError(f"random-graphs: vertices={self.vertices} must be from 2 to names={self.names}")
        if not 0 <= self.unconnected <= 1:
            raise ScratchpadError(f"random-graphs: unconnected={self.unconnected} must be a share from 0 to 1")
        if self.probability is not None and not 0 < self.probability < 1:
            raise ScratchpadError(f"random-graphs: probability={self.probability} must be above 0 and below 1")
        if self.unconnected < 1 and self.distance.high >= self.vertices:
            raise ScratchpadError(
                f"random-graphs: distance={self.distance.high} is impossible with vertices={self.vertices}: "
                f"the distance must be at most {self.vertices - 1}"
            )
        low, high = self._possible_edges()
        if self.probability is None and not low <= self.edges <= high:
            raise ScratchpadError(
                f"random-graphs: edges={self.edges} must be from {low} to {high} with vertices={self.vertices}, "
                f"distance={self.distance.to_json()} and unconnected={self.unconnected:g}"
            )

    def settings(self, everything: bool = False) -> dict[str, Any]:
        silent = "probability" if self.probability is None else "edges"
        shown = super().settings(everything)
        return {name: value for name, value in shown.items() if everything or name != silent}

    @property
    def most_common_share(self) -> float:
        return max(self.unconnected, 1 - self.unconnected)

    def question(self, rng: Stream, size: int) -> Symbols:
        pairs, found = self._graph_with(rng, 0 if rng.uniform() < self.unconnected else size)
        queried = rng.choice(found)  # the paper's code always takes the first pair
        names = rng.sample_names(self.interchangeable(), self.vertices)
        edges = rng.shuffled([(names[a], names[b]) for a, b in pairs])
        return written_graph(edges, [names[vertex] for vertex in queried])

    def first(self, question: Symbols) -> Symbols:
        return (">", queried_in(question)[0])

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        source, target = queried_in(question)
        body, label = (state[:-2], state[-1]) if state[-2:-1] == (";",) else (state, None)
        visited, queue = _read(body)
        known = (*visited, *queue)
        are_different = len(set(known)) == len(known) and {*question[::2]}.issuperset(known)
        if known[:1] != (source,) or target in visited or not are_different:
            raise ValueError(f"not a state of the search from {source} to {target}: {' '.join(state)}")
        if label != _verdict(queue, target):
            raise ValueError(f"this state of the search for {target} has the wrong label {label}: {' '.join(state)}")
        if label is not None:
            return None
        vertex, *others = queue
        new = [b for a, b in edges_in(question) if a == vertex and b not in known]
        following = (*visited, vertex, ">", *others, *new)
        verdict = _verdict((*others, *new), target)
        return following if verdict is None else (*following, ";", verdict)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        """Compute the transitive closure (Warshall). Bit b of `reach[a]` says whether b can be reached from a."""
        edges, (source, target) = edges_in(question), queried_in(question)
        bit = {vertex: 1 << i for i, vertex in enumerate(dict.fromkeys((source, target, *sum(edges, ()))))}
        reach = dict.fromkeys(bit, 0)
        for a, b in edges:
            reach[a] |= bit[b]
        for middle in bit:
            for vertex in bit:
                if reach[vertex] & bit[middle]:
                    reach[vertex] |= reach[middle]
        return ("1" if reach[source] & bit[target] else "0",)

    def check(self, question: Symbols) -> None:
        check_graph(self.name, question)
        if len(set(edges_in(question))) < len(edges_in(question)):
            raise ScratchpadError("random-graphs: no edge may occur twice in a question")

    def check_draws(self) -> None:
        wanted = [size for size in range(self.distance.low, self.distance.high + 1) if self.distance.contains(size)]
        rng = Stream(stream_name("check", self.name), 0)
        for distance in [*(wanted if self.unconnected < 1 else []), *([0] if self.unconnected else [])]:
            self._graph_with(rng, distance, _FEW_GRAPHS)

    def fitted_to(self, question: Symbols) -> Self:
        edges, (source, target) = edges_in(question), queried_in(question)
        vertices = list(dict.fromkeys((source, target, *sum(edges, ()))))
        pairs = [(vertices.index(a), vertices.index(b)) for a, b in edges]
        apart = next((d for d in range(1, len(vertices)) if (0, 1) in _pairs_apart(len(vertices), pairs, d)), 0)
        return replace(
            self, vertices=max(self.vertices, len(vertices)), edges=len(edges), probability=None,
            unconnected=float(not apart), distance=Lengths(apart, apart) if apart else self.distance,
        )  # fmt: skip

    def longest_questions(self) -> tuple[Symbols, ...]:
        """Return a question with the longest queue: the source has edges to all other vertices except the target."""
        n, names = self.vertices, self.symbols()
        away = [(0, b) for b in range(1, n - 1)] + [(a, b) for a in range(1, n - 1) for b in range(n - 1) if a != b]
        back = [(n - 1, b) for b in range(n - 1)] + [(a, n - 1) for a in reversed(range(n - 1))]
        edges = [*away, *back][: self._edges_at_most()]
        return (written_graph([(names[a], names[b]) for a, b in edges], (names[0], names[n - 1])),)

    def _possible_edges(self) -> tuple[int, int]:
        """Return the smallest and the largest number of edges with which every wanted distance is possible."""
        n, low, high = self.vertices, 0, self.vertices * (self.vertices - 1)
        if self.unconnected < 1:
            low = self.distance.high
            for d in range(self.distance.low, low + 1):
                # A graph has the most edges if all vertices outside the path are equally far from the path's start.
                high = min(high, n * (n - 1) - d * (d - 1) // 2 - (n - d - 1) * max(d - 2, 0))
        if self.unconnected > 0:
            high = min(high, (n - 1) ** 2)  # without a path, at least n - 1 edges are missing
        return low, high

    def _graph_with(self, rng: Stream, distance: int, most: int = _MOST_GRAPHS) -> tuple[Pairs, Pairs]:
        """Draw a graph that has a pair of vertices at `distance` (0: no path). Return its edges and all such pairs."""
        for _ in range(most):
            edges = self._graph(rng)
            found = _pairs_apart(self.vertices, edges, distance)
            if found:
                return edges, found
        pair = f"at distance {distance}" if distance else "without a path between them"
        chance = f"edges={self.edges}" if self.probability is None else f"probability={self.probability:g}"
        raise ScratchpadError(
            f"random-graphs: none of {most:,} drawn graphs with vertices={self.vertices} and {chance} has two vertices "
            f"{pair}: change one of these settings, or the distance"
        )

    def _graph(self, rng: Stream) -> Pairs:
        places = range(self.vertices * (self.vertices - 1))
        if self.probability is None:
            return [self._edge(place) for place in rng.sample(len(places), self.edges)]
        while True:
            drawn = [self._edge(place) for place in places if rng.uniform() < self.probability]
            if len(drawn) <= self._edges_at_most():
                return drawn

    def _edge(self, place: int) -> tuple[int, int]:
        a, b = divmod(place, self.vertices - 1)
        return a, b + (b >= a)

    def _edges_at_most(self) -> int:
        """Return `edges`, or the mean number plus eight standard deviations if `probability` is set."""
        if self.probability is None:
            return self.edges
        places = self.vertices * (self.vertices - 1)
        deviation = sqrt(places * self.probability * (1 - self.probability))
        return min(places, ceil(places * self.probability + 8 * deviation))


def _pairs_apart(vertices: int, edges: Pairs, distance: int) -> Pairs:
    """Return all pairs of vertices (a, b) such that b is `distance` edges away from a (0: no path from a to b)."""
    # Bit b of near[a] says whether vertex b can be reached from vertex a in at most `level` steps.
    near = [1 << vertex for vertex in range(vertices)]
    level = 0
    while True:
        wider = near.copy()
        for a, b in edges:
            wider[a] |= near[b]
        level += 1
        if level == distance:
            rows = [now & ~before for now, before in zip(wider, near, strict=True)]
            break
        if wider == near:
            rows = [] if distance else [~row for row in near]
            break
        near = wider
    return [(a, b) for a, row in enumerate(rows) for b in range(vertices) if row >> b & 1]


def _read(body: Symbols) -> tuple[Symbols, Symbols]:
    """Return the visited vertices (before `>`) and the queue (after `>`)."""
    if body.count(">") != 1:
        raise ValueError(f"a state of the search must have exactly one >: {' '.join(body)}")
    cut = body.index(">")
    return body[:cut], body[cut + 1 :]


def _verdict(queue: Symbols, target: str) -> str | None:
    """Return 1 if the target is in the queue, 0 if the queue is empty, and None if the search continues."""
    return "1" if target in queue else None if queue else "0"
