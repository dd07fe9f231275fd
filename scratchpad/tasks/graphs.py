"""The base classes of the tasks on graphs, and functions that write and read questions about graphs.

A question lists the edges of a graph in any order, then the queried vertices: `a > b ; c > d ; ... ; a ? t ;`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.state_labels import StateLabels

_PUNCTUATION = (">", ";", "?", "0", "1")

Edges = Sequence[tuple[str, str]]


@cache
def alphabet(names: int) -> Symbols:
    """Return the symbols: vertex names (v000, v001, ...), then punctuation. `names`: the number of vertex names."""
    width = len(str(names - 1))
    return (*(f"v{i:0{width}}" for i in range(names)), *_PUNCTUATION)


def written_graph(edges: Iterable[tuple[str, str]], queried: Sequence[str]) -> Symbols:
    """Return a question: the edges in the given order, then the queried vertices."""
    text = [symbol for a, b in edges for symbol in (a, ">", b, ";")]
    return (*text, *(symbol for vertex in queried[:-1] for symbol in (vertex, "?")), queried[-1], ";")


def edges_in(question: Symbols, queries: int = 2) -> list[tuple[str, str]]:
    """Return the edges of a question. `queries`: the number of queried vertices."""
    text = question[: -2 * queries]
    return list(zip(text[::4], text[2::4], strict=True))


def queried_in(question: Symbols, queries: int = 2) -> Symbols:
    """Return the queried vertices of a question. `queries`: the number of queried vertices."""
    return question[-2 * queries :: 2]


def check_graph(name: str, question: Symbols, queries: int = 2) -> None:
    """Raise ScratchpadError if a question is not a list of edges, followed by `queries` different vertices."""
    edges, end = question[: -2 * queries], question[-2 * queries :]
    marks = (*("?",) * (queries - 1), ";")
    if end[1::2] != marks or len(edges) % 4 or set(edges[1::4]) - {">"} or set(edges[3::4]) - {";"}:
        query = " ? ".join(("a", "b", "c")[:queries])
        raise ScratchpadError(f"{name}: a question has the form `a > b ; ... ; {query} ;`; given: {' '.join(question)}")
    pairs, vertices = edges_in(question, queries), queried_in(question, queries)
    if any(a == b or {a, b} & set(_PUNCTUATION) for a, b in pairs):
        raise ScratchpadError(f"{name}: each edge must join two different vertices, such as v000 and v001")
    if len(set(vertices)) < queries or set(vertices) & set(_PUNCTUATION):
        raise ScratchpadError(
            f"{name}: the question asks for {' and '.join(vertices)}, but it must name {queries} different vertices"
        )


def components(edges: Edges) -> dict[str, str]:
    """Return {vertex: representative of its connected component}. Edge directions do not count."""
    parent = {vertex: vertex for edge in edges for vertex in edge}

    def root(vertex: str) -> str:
        while parent[vertex] != vertex:
            parent[vertex] = vertex = parent[parent[vertex]]
        return vertex

    for a, b in edges:
        parent[root(a)] = root(b)
    return {vertex: root(vertex) for vertex in parent}


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        return {"kind": f"last, label {state[-1]}" if len(state) > 1 else "vertex"}

    def parts(self, state: Symbols) -> Symbols:
        return ("vertex", "semicolon", "label")[: len(state)]


class GraphTask(Task):
    """A task on directed graphs whose vertices have random names."""

    names: int
    """The number of possible vertex names."""

    def symbols(self) -> Symbols:
        return alphabet(self.names)

    def interchangeable(self) -> Symbols:
        return alphabet(self.names)[: self.names]


class CycleWalk(GraphTask):
    """A task on graphs that consist of cycles: are all queried vertices on the same cycle?

    The states are a walk from the first queried vertex. The walk ends at another queried vertex (label 1) or when it is
    back at its first vertex (label 0). The states show every `jump`-th vertex, then the last vertex with the label.
    """

    has_paper_text: ClassVar[bool] = True
    state_separator: ClassVar[str] = ">"
    labels: ClassVar[StateLabels] = _Labels()
    queries: ClassVar[int] = 2
    """The number of queried vertices."""
    jump: int

    def check_walk(self, vertices: int) -> None:
        """Raise ScratchpadError if the settings do not fit a graph with this number of vertices."""
        if vertices > self.names:
            raise ScratchpadError(f"{self.name}: {vertices} vertices need {vertices} names, but names={self.names}")
        if self.jump < 1:
            raise ScratchpadError(f"{self.name}: jump={self.jump} must be at least 1")

    def first(self, question: Symbols) -> Symbols:
        return queried_in(question, self.queries)[:1]

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        source, *targets = queried_in(question, self.queries)
        if state in ((source, ";", "0"), *((target, ";", "1") for target in targets)):
            return None
        froms = question[: -2 * self.queries : 4]
        if len(state) != 1 or state[0] in targets or state[0] not in froms:
            raise ValueError(f"not a state of the walk from {source} to {' or '.join(targets)}: {' '.join(state)}")
        (vertex,) = state
        for _ in range(self.jump):
            vertex = question[4 * froms.index(vertex) + 2]
            if vertex in (source, *targets):
                return (vertex, ";", "0" if vertex == source else "1")
        return (vertex,)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        place = components(edges_in(question, self.queries))
        return (str(int(len({place[vertex] for vertex in queried_in(question, self.queries)}) == 1)),)

    def check(self, question: Symbols) -> None:
        check_graph(self.name, question, self.queries)
        edges, vertices = edges_in(question, self.queries), queried_in(question, self.queries)
        froms, tos = {a for a, _ in edges}, {b for _, b in edges}
        if len(froms) < len(edges) or froms != tos:
            raise ScratchpadError(f"{self.name}: each vertex of the question must have one edge out and one edge in")
        if not froms.issuperset(vertices):
            raise ScratchpadError(
                f"{self.name}: the question asks for {' and '.join(vertices)}, but each must be a vertex of the graph"
            )
