"""What every task promises, in every format; what parity and cycles promise beyond that; mistakes that are refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.settings import Lengths
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import END, MARKS, SEP, START, as_text, bare
from scratchpad.tasks.formats import format_named, format_names

ROOT = Path(__file__).parent.parent
CASES: list[tuple[str, dict[str, Any]]] = [
    ("parity", {"bits": "1-7", "window": 11}),
    ("parity", {"bits": 13, "window": 103}),
    ("parity", {"bits": "2-5", "window": 7, "modulus": 7}),
    ("cycles", {"n": "2-5"}),
    ("cycles", {"n": "2-5", "vertices": 13}),
    ("cycles", {"sizes": "3,5,7"}),
    ("cycles", {"sizes": 13, "distance": 5}),
    ("cycles", {"sizes": 12, "jump": 3, "names": 23}),
    ("long-addition", {"digits": "1-7", "window": 11}),
    ("long-addition", {"digits": "2-5", "law": "numbers", "window": 5}),
    ("long-addition", {"digits": 3, "law": "same", "window": 3}),
    ("polynomials", {}),
    ("polynomials", {"degree": "1-5", "coefficients": 7, "points": 3}),
    ("programs", {}),
    ("programs", {"lines": "7-23", "constants": "1-9", "repeats": "2-9", "modulus": 1000, "steps": 101, "runs": 3}),
]
CASE_NAMES = [f"{name} {settings}" for name, settings in CASES]
DRAWS = 23
LAID_OUT = ("long-addition", "programs")
"""Tasks whose questions have a form of their own before the inductive text."""

CHI_SQUARE_ONE_IN_A_MILLION = {1: 23.9, 4: 33.4, 6: 38.3, 10: 46.9}
"""By degrees of freedom: what right draws exceed once in a million choices of the seed, which is fixed below."""


def chi_square(counts: Iterable[int]) -> float:
    """Pearson's statistic for cells that are equally likely."""
    found = list(counts)
    mean = sum(found) / len(found)
    return sum((count - mean) ** 2 for count in found) / mean


@pytest.fixture(params=CASES, ids=CASE_NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    name, settings = request.param
    return task_named(name, settings)


def test_every_task_is_among_the_cases() -> None:
    assert {name for name, _ in CASES} == set(TASKS)


@pytest.mark.parametrize("form", [*format_names(), "changes"])
def test_the_answer_in_the_text_is_the_oracles_and_a_changed_one_is_not(task: Task, form: str) -> None:
    written = format_named(form)
    for _, question in draws(task, 0, "train", 0, DRAWS):
        if form not in format_names(task):
            with pytest.raises(ScratchpadError, match=f"{task.name} has no format {form}; it has direct, scratchpad"):
                written.write(task, question)
            return
        *before, last = written.write(task, question).states
        truth = task.truth(question)
        assert written.answer(task, question, [*before, last]) == truth
        place = max(i for i, symbol in enumerate(last) if symbol.isdecimal())
        for symbol in {"0", "1", "2", "3"} - {last[place]}:
            changed = (*last[:place], symbol, *last[place + 1 :])
            assert written.answer(task, question, [*before, changed]) != truth


def test_the_induction_writes_the_chain_and_each_state_has_one_successor(task: Task) -> None:
    for _, question in draws(task, 0, "train", 0, DRAWS):
        *states, last = map(bare, format_named("inductive").write(task, question).states)
        chain = [*states, last]
        assert task.first(question) == chain[0]
        assert [task.step(question, state) for state in chain] == [*chain[1:], None]
        assert len(set(chain)) == len(chain)
        assert task.answer(question, last) == task.truth(question)
        assert task.last_written(task.written(chain)) == last


def test_what_the_formats_share(task: Task) -> None:
    """Marks stand where the design puts them; causal is the inductive text; every prompt begins with the question."""
    for _, question in draws(task, 0, "train", 0, DRAWS):
        documents = {name: format_named(name).write(task, question) for name in format_names(task)}
        inductive = documents["inductive"]
        assert inductive.prompt == (*task.opening(question), START)
        assert (task.opening(question) == question) is (task.name not in LAID_OUT)
        assert all(state[-1] == SEP for state in inductive.states[:-1])
        assert documents["causal"].symbols() == inductive.symbols()
        assert documents["direct"].prompt == question
        assert documents["filler"].prompt == question + ("<filler>",) * 16
        assert documents["direct"].states == documents["filler"].states == ((*task.truth(question), END),)
        if not task.paper_text:
            assert documents["scratchpad"] == documents["causal"]
        for document in documents.values():
            assert document.states[-1][-1] == END
            assert END not in document.symbols()[:-1]
            assert len(document.states) == 1 or document is inductive
    assert [name for name in format_names() if format_named(name).inductive] == ["inductive"]


def test_the_alphabet_holds_every_symbol_once(task: Task) -> None:
    alphabet = task.symbols()
    assert len(set(alphabet)) == len(alphabet)
    assert not set(alphabet) & set(MARKS)
    for name in format_names(task):
        for _, question in draws(task, 0, "train", 0, DRAWS):
            assert set(format_named(name).write(task, question).symbols()) <= {*alphabet, *MARKS}


def test_text_parses_back(task: Task) -> None:
    for _, question in draws(task, 0, "train", 0, DRAWS):
        assert task.parse(as_text(question)) == question
        task.check(question)
        assert task.completed(question) == question


def test_a_question_of_one_wide_symbol_is_that_symbol() -> None:
    assert task_named("cycles").parse(" v007 ") == ("v007",)


def test_settings_that_draws_need_are_read_off_a_question(task: Task) -> None:
    """The task fitted to a question is one that could have drawn it: it draws questions of the same kind."""
    for _, question in draws(task, 0, "train", 0, DRAWS):
        fitted = task.fitted(question)
        assert fitted.fitted(question).settings() == fitted.settings()
        if task.name not in ("parity", "cycles"):
            continue  # their questions are not known by their settings alone
        other = fitted.draw(1, "train", 0)
        assert len(other) == len(question)
        assert fitted.fitted(other).settings() == fitted.settings()


def test_settings_make_the_same_task_again(task: Task) -> None:
    again = task_named(task.name, json.loads(json.dumps(task.settings())))
    assert again.settings(everything=True) == task.settings(everything=True)
    assert [q for _, q in draws(again, 3, "test", 5, 7)] == [q for _, q in draws(task, 3, "test", 5, 7)]


def test_at_size_draws_that_size(task: Task) -> None:
    sized = task.at_size(3)
    assert sized.size_law() == Lengths(3, 3)
    assert sized.draw(0, "test", 7) == sized.draw(0, "test", 7)
    lengths = {len(sized.draw(0, "test", index)) for index in range(DRAWS)}
    assert len(lengths) == 1 or task.name in ("polynomials", "programs")  # sizes there are none of the text


DIGEST = f"""
import hashlib, json
from scratchpad.tasks import task_named
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.lines import line_of
digest = hashlib.sha256()
for name, settings in {CASES!r}:
    task = task_named(name, settings)
    digest.update(json.dumps(task.symbols()).encode())
    for form in format_names(task):
        for index in range(5):
            line = line_of(task, format_named(form), task.draw(0, "test", index), (0, "test", index))
            digest.update(json.dumps(line).encode())
print(digest.hexdigest())
"""


def test_processes_with_other_hash_seeds_write_the_same() -> None:
    """Neither draws nor alphabets hang on the order of a set."""
    found = set()
    for seed in ("0", "31337"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        found.add(subprocess.check_output([sys.executable, "-c", DIGEST], env=environment, text=True))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("case", "digest"),
    list(
        zip(
            CASES,
            (
                "af2ee51055c0f687",
                "3603916472109297",
                "f2fd84161da8e9f8",
                "a93b4a8dfb758eee",
                "45c422ea6295f625",
                "6318e98f71d66699",
                "43347c822e57d253",
                "eaf53de659c9cf52",
                "8907213b69e3ac22",
                "8ff809944ed84d03",
                "239ff5924c12a30c",
                "dff114bbf70dc0b0",
                "8206180ed113df3c",
                "c13f719f65eeb74a",
                "b442560e58318977",
            ),
            strict=True,
        )
    ),
    ids=CASE_NAMES,
)
def test_draws_never_change(case: tuple[str, dict[str, Any]], digest: str) -> None:
    """Saved runs and written data rest on these very draws."""
    drawn = [question for _, question in draws(task_named(*case), 5, "train", 7, 11)]
    assert hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:16] == digest


def test_seeds_and_splits_share_no_draws() -> None:
    """Questions of 60 random digits: odds of a false alarm, two equal ones among 2,100, below 1e-50."""
    task = task_named("parity", {"bits": 60, "window": 60, "modulus": 10})
    drawn = [
        question
        for seed in range(7)
        for split in ("train", "validation", "test")
        for _, question in draws(task, seed, split, 0, 100)
    ]
    assert len(set(drawn)) == len(drawn) == 2100


def test_a_draw_needs_no_other_draw() -> None:
    task = task_named("cycles")
    assert task.draw(0, "train", 10**12) == task.draw(0, "train", 10**12)
    assert dict(draws(task, 0, "train", 3, 5))[7] == task.draw(0, "train", 7)


def test_parity_draws_are_even() -> None:
    """Lengths, slots and digits, each equally often. Odds of a false alarm: 3e-6 (over seeds; this one is fixed)."""
    task = task_named("parity", {"bits": "1-5", "window": 11, "modulus": 7})
    questions = [question[:-1] for _, question in draws(task, 0, "train", 0, 5000)]
    lengths = Counter(sum(symbol != "_" for symbol in question) for question in questions)
    assert sorted(lengths) == [1, 2, 3, 4, 5]
    assert chi_square(lengths.values()) < CHI_SQUARE_ONE_IN_A_MILLION[4]
    slots = Counter(i for question in questions for i, symbol in enumerate(question) if symbol != "_")
    assert sorted(slots) == list(range(11))
    assert chi_square(slots.values()) < CHI_SQUARE_ONE_IN_A_MILLION[10]
    digits = Counter(symbol for question in questions for symbol in question if symbol != "_")
    assert sorted(digits) == list("0123456")
    assert chi_square(digits.values()) < CHI_SQUARE_ONE_IN_A_MILLION[6]


def test_cycles_draws_are_even() -> None:
    """Answers half and half, whatever stands first in the text. Odds of a false alarm: 2e-6 (over seeds)."""
    task = task_named("cycles", {"n": 3})
    questions = [question for _, question in draws(task, 0, "train", 0, 3000)]
    answers = Counter(task.truth(question) for question in questions)
    assert chi_square(answers.values()) < CHI_SQUARE_ONE_IN_A_MILLION[1]
    first_is_asked = Counter(
        task.truth(question) for question in questions if question[0] in (question[-4], question[-2])
    )
    assert chi_square(first_is_asked.values()) < CHI_SQUARE_ONE_IN_A_MILLION[1]


@pytest.mark.parametrize(("sizes", "distance"), [((13,), 5), ((8,), -1), ((7,), -1), ((3, 5, 7), -1)])
def test_cycles_are_as_long_and_as_far_apart_as_set(sizes: tuple[int, ...], distance: int) -> None:
    task = task_named("cycles", {"sizes": sizes, "distance": distance})
    for _, question in draws(task, 0, "train", 0, DRAWS):
        following = dict(zip(question[:-4:4], question[2:-4:4], strict=True))
        source, target = question[-4], question[-2]
        walk = [source]
        while (vertex := following[walk[-1]]) != source:
            walk.append(vertex)
        assert len(walk) == sizes[0]
        assert len(following) == sum(sizes)
        if len(sizes) == 1:
            assert walk.index(target) == (distance if distance != -1 else sizes[0] // 2)
        else:
            assert target not in walk
