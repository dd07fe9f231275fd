"""The draws of the tasks of Abbe et al. 2024, against counts that are computed independently."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import combinations, permutations, product
from typing import Any, TypeVar

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.layout.rows import positions_needed
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, draws
from scratchpad.tasks.formats import format_named, format_names

T = TypeVar("T")
Edge = tuple[Any, Any]

ONE_IN_A_MILLION = {1: 23.9, 2: 27.6, 3: 30.7, 4: 33.4, 5: 35.9, 6: 38.3, 7: 40.5, 8: 42.7, 9: 44.8, 10: 46.9, 11: 48.9}
"""By degrees of freedom: correct draws exceed this for one seed in a million; the seed is fixed here."""


def assert_distributed(found: Iterable[T], expected: Mapping[T, float]) -> None:
    """Pearson's test of draws against shares that are all large enough for it."""
    counts, total = Counter(found), sum(expected.values())
    assert set(counts) <= set(expected)
    shares = {case: counts.total() * share / total for case, share in expected.items()}
    assert min(shares.values()) > 5
    statistic = sum((counts[case] - mean) ** 2 / mean for case, mean in shares.items())
    assert statistic < ONE_IN_A_MILLION[len(shares) - 1], (counts, shares)


def graph_of(question: Symbols) -> tuple[list[Edge], str, str]:
    """Return the edges and the two queried vertices of a question."""
    *edges, asked = (part.split() for part in " ".join(question).removesuffix(" ;").split(" ; "))
    return [(a, b) for a, _, b in edges], asked[0], asked[2]


def distances_from(edges: Iterable[Edge], start: Any) -> dict[Any, int]:
    """Return the distance of two vertices by a breadth-first search."""
    known, waiting, pairs = {start: 0}, deque([start]), list(edges)
    while waiting:
        vertex = waiting.popleft()
        for a, b in pairs:
            if a == vertex and b not in known:
                known[b] = known[a] + 1
                waiting.append(b)
    return known


def pairs_apart(edges: list[Edge], vertices: int, distance: int) -> list[Edge]:
    """Return the pairs at this distance; 0: those without a path."""
    near = {a: distances_from(edges, a) for a in range(vertices)}
    return [(a, b) for a, b in permutations(range(vertices), 2) if near[a].get(b, 0) == distance]


def degrees(edges: list[Edge], a: Any, b: Any) -> tuple[int, int]:
    """Return the number of edges from the first queried vertex, and that of edges to the second."""
    return sum(x == a for x, _ in edges), sum(y == b for _, y in edges)


@pytest.mark.parametrize("distance", [0, 1, 2])
def test_random_graphs_by_edges_are_even_and_so_are_their_pairs(distance: int) -> None:
    """Against all 495 graphs of 4 vertices and 4 edges: graphs with such a pair are uniform, and so are their pairs."""
    expected: Counter[tuple[int, int]] = Counter()
    for edges in combinations(permutations(range(4), 2), 4):
        pairs = pairs_apart(list(edges), 4, distance)
        for a, b in pairs:
            expected[degrees(list(edges), a, b)] += 1 / len(pairs)  # type: ignore[assignment]
    settings = {"vertices": 4, "edges": 4, "distance": distance or 1, "unconnected": int(not distance), "names": 5}
    task = task_named("random-graphs", settings)
    assert_distributed((degrees(*graph_of(question)) for _, question in draws(task, 0, "train", 0, 5000)), expected)


def test_random_graphs_by_probability_have_that_many_edges() -> None:
    """Against all 64 graphs of 3 vertices with their probabilities, among those with a pair without a path."""
    expected: Counter[int] = Counter()
    for chosen in product((False, True), repeat=6):
        edges = [edge for edge, there in zip(permutations(range(3), 2), chosen, strict=True) if there]
        if pairs_apart(edges, 3, 0):
            expected[len(edges)] += 0.4 ** len(edges) * 0.6 ** (6 - len(edges))  # type: ignore[assignment]
    task = task_named("random-graphs", {"vertices": 3, "distance": 1, "probability": 0.4, "unconnected": 1})
    assert_distributed((len(graph_of(question)[0]) for _, question in draws(task, 0, "train", 0, 5000)), expected)


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 7])
def test_vertices_of_random_graphs_lie_as_far_apart_as_set(distance: int) -> None:
    task = task_named("random-graphs", {"distance": distance})
    shares = Counter(
        distances_from(edges, a).get(b, 0) for edges, a, b in (graph_of(q) for _, q in draws(task, 0, "train", 0, 311))
    )
    assert set(shares) == {0, distance}
    assert abs(shares[0] - 311 / 2) < 5 * (311 / 4) ** 0.5  # probability of a false alarm: 6e-7


def test_by_default_random_graphs_are_the_papers() -> None:
    """24 edges; half of the pairs have no path, the others are 1 to 4 apart, equally often."""
    drawn = [graph_of(question) for _, question in draws(task_named("random-graphs"), 0, "train", 0, 2000)]
    assert {len(edges) for edges, _, _ in drawn} == {24}
    found = [distances_from(edges, a).get(b, 0) for edges, a, b in drawn]
    assert_distributed(found, {0: 4, 1: 1, 2: 1, 3: 1, 4: 1})


@pytest.mark.parametrize(("vertices", "distance"), [(2, 1), (3, 2), (4, 1), (4, 2), (4, 3)])
def test_as_many_edges_are_allowed_as_leave_vertices_apart(vertices: int, distance: int) -> None:
    """Against all graphs of this many vertices, with and without a path."""
    places = list(permutations(range(vertices), 2))
    graphs = (edges for count in range(len(places) + 1) for edges in combinations(places, count))
    most = {0: 0, distance: 0}
    for edges in graphs:
        near = {a: distances_from(edges, a) for a in range(vertices)}
        for apart in {near[a].get(b, 0) for a, b in places} & set(most):
            most[apart] = max(most[apart], len(edges))
    for apart, count in most.items():
        settings = {"vertices": vertices, "distance": distance, "unconnected": int(not apart)}
        assert task_named("random-graphs", {**settings, "edges": count}).draw(0, "train", 0)
        if count < len(places):
            with pytest.raises(ScratchpadError, match=f"to {count} with"):
                task_named("random-graphs", {**settings, "edges": count + 1})


def test_a_distance_that_no_graph_has_is_reported() -> None:
    task = task_named("random-graphs", {"distance": 12, "vertices": 13, "edges": 12, "unconnected": 0})
    with pytest.raises(ScratchpadError, match=r"with vertices=13 and edges=12 has two vertices at distance 12"):
        task.draw(0, "train", 0)


@pytest.mark.parametrize("settings", [{}, {"vertices": 11, "probability": 0.1}, {"edges": 9, "unconnected": 0}])
def test_no_random_graph_needs_much_more_room_than_the_longest_one(settings: dict[str, Any]) -> None:
    """A model has 8 positions more than the longest training document, so later draws fit."""
    task = task_named("random-graphs", settings)
    (longest,) = task.longest_questions()
    task.check(longest)
    for form in map(format_named, format_names()):
        most = positions_needed(form.write(task, longest))
        for _, question in draws(task, 0, "train", 0, 101):
            assert positions_needed(form.write(task, question)) <= most + 4


@pytest.mark.parametrize(
    ("sizes", "distance", "label"),
    [
        ("2,2,10,10", -1, "0"), ("4,10,10", 2, "1"), ("3,3,6,6,6", -1, "0"), ("6,6,6,6", 3, "1"), ("4,4,8,8", -1, "0"),
        ("8,8,8", 4, "1"),
    ],
)  # fmt: skip
def test_cycles_give_the_sets_out_of_distribution_for_random_graphs(sizes: str, distance: int, label: str) -> None:
    """Their alphabet and text are the same, so a model of random graphs can read them."""
    cycles, graphs = task_named("cycles", {"sizes": sizes, "distance": distance}), task_named("random-graphs")
    assert cycles.symbols() == graphs.symbols()
    for _, question in draws(cycles, 0, "test", 0, 23):
        graphs.check(question)
        assert len(graph_of(question)[0]) == 24
        assert graphs.truth(question) == cycles.truth(question) == (label,)
        assert graphs.answer(question, graphs.chain(question)[-1]) == (label,)


def test_three_cycles_are_the_papers() -> None:
    """One question of three has three cycles; the others have one, with the queried vertices n apart."""
    task, found = task_named("three-cycles", {"n": 5}), []
    for _, question in draws(task, 0, "train", 0, 2000):
        *edges, asked = (part.split() for part in " ".join(question).removesuffix(" ;").split(" ; "))
        near = distances_from([(a, b) for a, _, b in edges], asked[0])
        found.append((len(edges), len(near), near.get(asked[2]), near.get(asked[4])))
    assert_distributed(found, {(15, 5, None, None): 1, (15, 15, 5, 10): 1, (15, 15, 10, 5): 1})


def test_heights_are_the_papers() -> None:
    """3n + 2 people in a row: n above the taller person of the query, n between the two, n below; in either order."""
    task, found = task_named("heights", {"n": 3}), []
    for _, question in draws(task, 0, "train", 0, 1000):
        *given, asked = " ".join(question).split(" . ")
        edges = [(a, b) for a, _, _, _, b in map(str.split, given)]
        _, a, _, _, b, _ = asked.split()
        tallest = next(x for x, _ in edges if x not in {y for _, y in edges})
        row = distances_from(edges, tallest)
        found.append((len(row), row[a], row[b], task.truth(question)))
    assert_distributed(found, {(11, 3, 7, ("Yes",)): 1, (11, 7, 3, ("No",)): 1})


@pytest.mark.parametrize("name", ["addition-random-space", "addition-shift"])
def test_digits_follow_their_distribution(name: str) -> None:
    task = task_named(name, {"digits": "1-5:size", "window": 7})
    numbers = [operands(name, question) for _, question in draws(task, 0, "train", 0, 2000)]
    assert all(len(a) == len(b) and "0" not in (a[0], b[0]) for a, b in numbers)
    assert_distributed((len(a) for a, _ in numbers), {1: 1, 2: 2, 3: 3, 4: 4, 5: 5})
    assert_distributed((a[0] for a, _ in numbers), dict.fromkeys("123456789", 1))
    assert_distributed((b[-1] for _, b in numbers if len(b) > 1), dict.fromkeys("0123456789", 1))


@pytest.mark.parametrize("name", ["addition-random-space", "addition-shift"])
def test_unequal_numbers_are_zero_padded(name: str) -> None:
    """One number has all the digits; the other, which may be either, has at most as many."""
    task = task_named(name, {"digits": 4, "window": 5, "equal": False})
    numbers = [operands(name, question) for _, question in draws(task, 0, "train", 0, 2000)]
    assert {len(number) for pair in numbers for number in pair} == {4}
    lengths = [(len(a.lstrip("0")), len(b.lstrip("0"))) for a, b in numbers]
    expected = {(4, 4): 2} | {pair: 1 for short in (1, 2, 3) for pair in ((4, short), (short, 4))}
    assert_distributed(lengths, expected)


def operands(name: str, question: Symbols) -> tuple[str, str]:
    a, b = "".join(question).partition("=")[0].split("+")
    if name == "addition-shift":
        return a.rpartition("$")[2], b.rpartition("$")[2]
    return a.replace("_", ""), b.replace("_", "")


@pytest.mark.parametrize(
    ("name", "law", "weights"),
    [
        ("addition-random-space", "1-10:size", tuple(range(1, 11))),
        ("addition-shift", "1-4:size", (1, 2, 3, 4)),
    ],
)
def test_the_papers_digits_are_the_default(name: str, law: str, weights: tuple[int, ...]) -> None:
    task = task_named(name)
    assert task.settings() == {"digits": law, "window": 30}
    assert task.size_distribution().weights == weights


def test_digits_are_at_random_slots() -> None:
    """Every set of slots is equally likely: `1+2` in 5 slots. Buffers contain all random symbols."""
    task = task_named("addition-random-space", {"digits": 1, "window": 2})
    questions = [question for _, question in draws(task, 0, "train", 0, 2000)]
    taken = [tuple(slot for slot in range(5) if question[slot] != "_") for question in questions]
    assert_distributed(taken, dict.fromkeys(combinations(range(5), 3), 1))
    assert {question[6] for question in questions} == {"$"}
    assert {symbol for question in questions for symbol in question[7:]} == {*"abcdefghijklmnopqrstuvwxyz0123456789$"}


def test_heights_with_few_names() -> None:
    task = task_named("heights", {"n": 1, "names": 6})
    people = {word for _, question in draws(task, 0, "train", 0, 100) for word in question if word.istitle()} - {"Is"}
    assert people == set(task.interchangeable())
    assert len(people) == 6
    assert task_named("heights", {"names": 100}).settings() == task_named("heights").settings()
