"""The documents of a globality degree: every problem that a task draws, with its probability, or a sample."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from scratchpad.config.lengths import Lengths
from scratchpad.globality.cases import WeightedDocuments, all_cases, sampled_cases
from scratchpad.globality.degree import documents_of
from scratchpad.random_stream import Stream
from scratchpad.tasks import task_named
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.parity import Parity
from scratchpad.tasks.polynomials import Polynomials
from scratchpad.tasks.user_file import load_task_file


def silent(what: str, done: int, total: int) -> None:
    """A progress callback that does nothing."""


def test_all_outcomes_of_a_draw_with_their_probabilities() -> None:
    """Two or one of three slots, one bit twice as often as two: by hand, 6 questions of 1/9 and 12 of 1/36."""
    task = Parity(bits=Lengths(1, 2, (2, 1)), window=3)
    cases = all_cases(task, format_named("direct"), (), 1000, silent)
    assert cases
    weights = dict(zip(("".join(document.prompt) for document in cases.documents), cases.weights, strict=True))
    assert len(weights) == 18
    assert all(p == pytest.approx(1 / 9 if question.count("_") == 2 else 1 / 36) for question, p in weights.items())
    assert all_cases(task, format_named("direct"), (), 17, silent) is None


def test_draws_that_cannot_be_listed_are_sampled() -> None:
    task = task_named("random-graphs", {"vertices": 5, "edges": 4})
    assert all_cases(task, format_named("direct"), (), 10**9, silent) is None


OWN = """
SETTINGS = {{"sizes": 1}}
def symbols(settings): return "0123456789="
def question(rng, size): {draw}
def first(question): return question[:1]
def step(question, state): return None
def answer(question, state): return state
def truth(question): return question[:1]
"""


def own_cases(folder: Path, draw: str, most: int = 100_000) -> WeightedDocuments:
    """The cases, or a sample of 53, of a task of one's own whose question is drawn by `draw`; asked is its first
    symbol.
    """
    file = folder / "own.py"
    file.write_text(OWN.format(draw=draw))
    return documents_of(load_task_file(str(file)), format_named("direct"), (), 53, most, 0, silent)


@pytest.mark.parametrize(
    "draw",
    [
        "return '01'[rng.uniform() < 0.3]",
        "return str(rng.word() % 2)",
        """
    while (text := f"{rng.below(2)}{rng.below(2)}") == "00": pass
    return text""",
        "return str(digit) if (digit := rng.below(2)) else question(rng, size)",
        "return '1' if rng.below(1000) else str(rng.below(0))",
    ],
    ids=["uniform", "word", "loop", "recursion", "mistake"],
)
def test_own_draws_that_cannot_be_listed_are_sampled(tmp_path: Path, draw: str) -> None:
    """By other numbers than whole ones, by rejection (in a loop, or by recursion), and with a mistake that is rare."""
    cases = own_cases(tmp_path, draw)
    assert (cases.exact, len(cases.documents)) == (False, 53)


def test_listing_ends_early_if_there_are_far_too_many_outcomes() -> None:
    reported: list[int] = []
    task = task_named("half-parity", {"window": 101, "bits": 2})
    assert all_cases(task, format_named("direct"), (), 100_000, lambda what, done, total: reported.append(done)) is None
    assert reported == list(range(1, 1001))


def test_rare_outcomes_that_come_first_do_not_end_the_listing(tmp_path: Path) -> None:
    """1,024 of them have an eighth of the probability, the other seven the rest: the listing seems to have
    eight times as many outcomes.
    """
    draw = "return '1' if rng.below(8) else ''.join(str(rng.below(2)) for _ in range(10))"
    cases = own_cases(tmp_path, draw, most=1031)
    assert (cases.exact, len(cases.documents), sum(cases.weights)) == (True, 1025, 1)
    assert not own_cases(tmp_path, draw, most=1030).exact


@pytest.mark.parametrize(
    "draw", ["''.join(rng.sample_names('01234', 3))", "[one for one, in rng.sample_names([*map(list, '01234')], 3)]"]
)
def test_names_drawn_by_a_user_task_are_not_folded(tmp_path: Path, draw: str) -> None:
    cases = own_cases(tmp_path, f"return {draw}")
    assert (cases.exact, {"".join(one.prompt) for one in cases.documents}) == (
        True, {"".join(names) for names in permutations("01234", 3)},
    )  # fmt: skip


def test_symbols_that_only_the_user_takes_for_names_leave_all_problems() -> None:
    task = task_named("half-parity", {"window": 3, "bits": 2})
    cases = documents_of(task, format_named("direct"), ("0", "1"), 0, 100, 0, silent)
    assert len(cases.documents) == 8


class FewPolynomials(Polynomials):
    def count(self, split: str) -> int:
        return 59


@pytest.mark.parametrize(("samples", "taken"), [(53, 53), (61, 59)])
def test_a_sample_is_no_larger_than_the_task(samples: int, taken: int) -> None:
    task, form = FewPolynomials(), format_named("direct")
    cases = sampled_cases(task, form, samples, 0, silent)
    assert cases.documents == [form.write(task, task.draw(0, "train", index)) for index in range(taken)]


def test_sample_names_draws_like_sample() -> None:
    """`names` is `sample`, so that no question of any task is another one than it was."""
    assert Stream("x").sample_names("abcdefg", 5) == ["abcdefg"[i] for i in Stream("x").sample(7, 5)]
