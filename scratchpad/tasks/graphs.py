"""What the tasks on graphs share: how a graph and what is asked of it are written, and the walk along a cycle.

A question is `a > b ; c > d ; ... ; a ? t ;`: edges in any order, then the vertices asked for.
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
    """That many names of vertices, v000 and so on, then the punctuation."""
    width = len(str(names - 1))
    return (*(f"v{i:0{width}}" for i in range(names)), *_PUNCTUATION)


def written_graph(edges: Iterable[tuple[str, str]], asked: Sequence[str]) -> Symbols:
    """The question: the edges as they come, then the vertices asked for."""
    text = [symbol for a, b in edges for symbol in (a, ">", b, ";")]
    return (*text, *(symbol for vertex in asked[:-1] for symbol in (vertex, "?")), asked[-1], ";")


def edges_in(question: Symbols, asked: int = 2) -> list[tuple[str, str]]:
    """The edges of a question that asks for so many vertices."""
    text = question[: -2 * asked]
    return list(zip(text[::4], text[2::4], strict=True))


def asked_in(question: Symbols, asked: int = 2) -> Symbols:
    """The vertices asked for."""
    return question[-2 * asked :: 2]


def check_graph(name: str, question: Symbols, asked: int = 2) -> None:
    """ScratchpadError where a question is not written as one that asks for so many vertices, all different."""
    edges, end = question[: -2 * asked], question[-2 * asked :]
    marks = (*("?",) * (asked - 1), ";")
    if end[1::2] != marks or len(edges) % 4 or set(edges[1::4]) - {">"} or set(edges[3::4]) - {";"}:
        form = " ? ".join(("a", "b", "c")[:asked])
        raise ScratchpadError(f"{name}: a question is `a > b ; ... ; {form} ;`; given: {' '.join(question)}")
    pairs, vertices = edges_in(question, asked), asked_in(question, asked)
    if any(a == b or {a, b} & set(_PUNCTUATION) for a, b in pairs):
        raise ScratchpadError(f"{name}: edges join different vertices, written v...; one of these does not")
    if len(set(vertices)) < asked or set(vertices) & set(_PUNCTUATION):
        raise ScratchpadError(f"{name}: asks for {' and '.join(vertices)}: different vertices of the graph are allowed")


def joined(edges: Edges) -> dict[str, str]:
    """For each vertex one that stands for all that edges join it with, in whatever direction (union-find)."""
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


class CycleWalk(Task):
    """A graph of cycles: are the vertices asked for on the same one?

    The walk goes from the first vertex asked for to the first other one that it meets (1) or back where it began (0),
    and writes down every `jump`-th vertex and its last.
    """

    has_paper_text: ClassVar[bool] = True
    state_separator: ClassVar[str] = ">"
    labels: ClassVar[StateLabels] = _Labels()
    asked: ClassVar[int] = 2
    """How many vertices are asked for."""
    jump: int
    names: int
    """How many names there are for vertices."""

    def interchangeable(self) -> Symbols:
        return alphabet(self.names)[: self.names]

    def first(self, question: Symbols) -> Symbols:
        return asked_in(question, self.asked)[:1]

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        source, *targets = asked_in(question, self.asked)
        if state in ((source, ";", "0"), *((target, ";", "1") for target in targets)):
            return None
        froms = question[: -2 * self.asked : 4]
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
        place = joined(edges_in(question, self.asked))
        return (str(int(len({place[vertex] for vertex in asked_in(question, self.asked)}) == 1)),)

    def check(self, question: Symbols) -> None:
        check_graph(self.name, question, self.asked)
        edges, vertices = edges_in(question, self.asked), asked_in(question, self.asked)
        froms, tos = {a for a, _ in edges}, {b for _, b in edges}
        if len(froms) < len(edges) or froms != tos:
            raise ScratchpadError(f"{self.name}: each vertex has one edge out and one in, but not in this question")
        if not froms.issuperset(vertices):
            raise ScratchpadError(
                f"{self.name}: asks for {' and '.join(vertices)}: different vertices of the graph are allowed"
            )
