"""What every task promises, in every format; what parity and cycles promise beyond that; mistakes that are refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.settings import Lengths
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import END, MARKS, SEP, START, as_text, bare
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.lines import line_of

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
]
CASE_NAMES = [f"{name} {settings}" for name, settings in CASES]
DRAWS = 23

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


@pytest.mark.parametrize("form", format_names())
def test_the_answer_in_the_text_is_the_oracles_and_a_changed_one_is_not(task: Task, form: str) -> None:
    written = format_named(form)
    for _, question in draws(task, 0, "train", 0, DRAWS):
        *before, last = written.write(task, question).states
        truth = task.truth(question)
        assert written.answer(task, question, [*before, last]) == truth
        for symbol in {"0", "1", "2", "3"} - {last[-2]}:
            changed = (*last[:-2], symbol, last[-1])
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
        documents = {name: format_named(name).write(task, question) for name in format_names()}
        inductive = documents["inductive"]
        assert inductive.prompt == (*question, START)
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


def test_the_alphabet_holds_every_symbol_once(task: Task) -> None:
    alphabet = task.symbols()
    assert len(set(alphabet)) == len(alphabet)
    assert not set(alphabet) & set(MARKS)
    for name in format_names():
        for _, question in draws(task, 0, "train", 0, DRAWS):
            assert set(format_named(name).write(task, question).symbols()) <= {*alphabet, *MARKS}


def test_text_parses_back(task: Task) -> None:
    for _, question in draws(task, 0, "train", 0, DRAWS):
        assert task.parse(as_text(question)) == question
        task.check(question)
        assert task.completed(question) == question


def test_settings_that_draws_need_are_read_off_a_question(task: Task) -> None:
    """The task fitted to a question is one that could have drawn it: it draws questions of the same kind."""
    for _, question in draws(task, 0, "train", 0, DRAWS):
        fitted = task.fitted(question)
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
    assert len(lengths) == 1


DIGEST = f"""
import hashlib, json
from scratchpad.tasks import task_named
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.lines import line_of
digest = hashlib.sha256()
for name, settings in {CASES!r}:
    task = task_named(name, settings)
    digest.update(json.dumps(task.symbols()).encode())
    for form in format_names():
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


def written(name: str, settings: dict[str, Any], question: str, form: str = "inductive") -> str:
    task = task_named(name, settings)
    symbols = task.parse(question)
    task.check(symbols)
    return as_text(format_named(form).write(task, symbols).symbols(), paper=True)


@pytest.mark.parametrize(
    ("settings", "question", "text"),
    [
        ({"window": 8}, "0_1_101_=", "0_1_101_=:[00]0,0#[02]1,1#[04]1,0#[05]0,0#[06]1,1#[08]_,1."),
        ({"modulus": 3}, "2__10_2=", "2__10_2=:[00]2,2#[03]1,0#[04]0,0#[06]2,2#[07]_,2."),
        ({"modulus": 10}, "97=", "97=:[00]9,9#[01]7,6#[02]_,6."),
        ({}, "___=", "___=:[03]_,0."),
        ({"window": 100}, "_" * 99 + "1=", "_" * 99 + "1=:[099]1,1#[100]_,1."),
        ({"window": 100}, "_" * 98 + "1=", "_" * 98 + "1=:[98]1,1#[99]_,1."),
    ],
)
def test_parity_by_hand(settings: dict[str, Any], question: str, text: str) -> None:
    """The first is the paper's own."""
    assert written("parity", settings, question) == text


RING = "v01 > v02 ; v05 > v00 ; v00 > v01 ; v02 > v03 ; v04 > v05 ; v03 > v04 ; v07 > v08 ; v08 > v07 ;"


@pytest.mark.parametrize(
    ("asked", "jump", "scratchpad", "inductive"),
    [
        ("v00 ? v03", 1, "v00 > v01 > v02 > v03 ; 1 .", ": v00 # v01 # v02 # v03 ; 1 ."),
        ("v07 ? v03", 1, "v07 > v08 > v07 ; 0 .", ": v07 # v08 # v07 ; 0 ."),
        ("v00 ? v03", 3, "v00 > v03 ; 1 .", ": v00 # v03 ; 1 ."),
        ("v00 ? v04", 2, "v00 > v02 > v04 ; 1 .", ": v00 # v02 # v04 ; 1 ."),
        ("v01 ? v08", 3, "v01 > v04 > v01 ; 0 .", ": v01 # v04 # v01 ; 0 ."),
        ("v00 ? v03", 2, "v00 > v02 > v03 ; 1 .", ": v00 # v02 # v03 ; 1 ."),
    ],
)
def test_cycles_by_hand(asked: str, jump: int, scratchpad: str, inductive: str) -> None:
    settings, question = {"names": 23, "jump": jump}, f"{RING} {asked} ;"
    assert written("cycles", settings, question, "scratchpad") == f"{question} {scratchpad}"
    assert written("cycles", settings, question) == f"{question} {inductive}"
    assert written("cycles", settings, question, "direct") == f"{question} {inductive.split()[-2]} ."


@pytest.mark.parametrize(("form", "fillers"), [("filler", 16), ("filler-16", 16), ("filler-1", 1), ("filler-7", 7)])
def test_fillers(form: str, fillers: int) -> None:
    task = task_named("parity", {"bits": 2, "window": 3})
    line = line_of(task, format_named(form), task.parse("1_1="))
    assert line["prompt"] == (*"1_1=", *("<filler>",) * fillers)
    assert line["format"] == ("filler" if fillers == 16 else form)
    assert line["states"] == (("0", END),)


@pytest.mark.parametrize("form", ["filler-0", "filler-", "filler-x", "filler-1.5", "filler--1"])
def test_no_fillers(form: str) -> None:
    with pytest.raises(ScratchpadError, match="a whole number of symbols from 1 on"):
        format_named(form)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("parity", {"modulus": 1}, "modulus=1: .* 2 to 10 is allowed"),
        ("parity", {"modulus": 11}, "2 to 10"),
        ("parity", {"window": 0}, "at least 1 slot"),
        ("parity", {"bits": 9, "window": 7}, "bits=9 do not fit window=7: at most 7 bits, or a window of at least 9"),
        ("parity", {"bits": "3-9", "window": 7}, "bits=3-9 do not fit"),
        ("parity", {"bits": "0"}, "bits=0: lengths '0'"),
        ("parity", {"bits": "5-3"}, "the first is at most the last"),
        ("parity", {"bits": "five"}, "a number like 5 or a range like 1-30, not 'five'"),
        ("parity", {"window": "eight"}, "window takes a whole number, not 'eight'"),
        ("parity", {"window": 8.5}, "window takes a whole number, not 8.5"),
        ("parity", {"window": True}, "window takes a whole number, not True"),
        ("parity", {"windw": 8}, "unknown setting of parity 'windw': did you mean 'window'"),
        ("parity", {"window.x": 8}, "'window' of parity has no parts"),
        ("cycles", {"n": 1}, "at least 2 vertices"),
        ("cycles", {"sizes": "6,1"}, "at least 2 vertices"),
        ("cycles", {"sizes": "6,,18"}, "sizes takes a whole number, not ''"),
        ("cycles", {"distance": 3}, "distance=3 needs a single cycle"),
        ("cycles", {"sizes": "6,18", "distance": 3}, "distance=3 needs a single cycle"),
        ("cycles", {"sizes": 6, "distance": 6}, "1 to 5"),
        ("cycles", {"sizes": 6, "distance": 0}, "1 to 5"),
        ("cycles", {"n": 12, "names": 23}, "24 vertices need as many names; names=23"),
        ("cycles", {"sizes": "12,12", "names": 23}, "24 vertices"),
        ("cycles", {"jump": 0}, "jump=0"),
        ("parityy", {}, "unknown task 'parityy': did you mean 'parity'"),
    ],
)
def test_settings_that_are_refused(name: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        task_named(name, settings)


GOOD_CYCLES = "v00 > v01 ; v01 > v00 ; v02 > v03 ; v03 > v02 ; v00 ? v02 ;"


@pytest.mark.parametrize(
    ("name", "question", "says"),
    [
        ("parity", "01", "slots of 0, 1, _, then '='; given: 01"),
        ("parity", "012=", "slots of 0, 1, _"),
        ("parity", "0=1=", "slots of 0, 1, _"),
        ("parity", "01a=", "symbol 'a' at place 2 of the question is not in the alphabet: 0 1 2"),
        ("parity", "_" * 8 + "=", "8 slots, the window holds 7: ask a shorter question or set window=8"),
        ("parity", "  ", "the question is empty"),
        ("cycles", "v00>v01", "symbol 'v' at place 0 .* put spaces between symbols"),
        ("cycles", "v00 > v01 ; v01 > v00 ;", "a question is"),
        ("cycles", "? v01 ;", "a question is"),
        ("cycles", "v00 ? v01 ;", "asks for v00 and v01"),
        ("cycles", GOOD_CYCLES.replace("?", ">"), "a question is"),
        ("cycles", GOOD_CYCLES.replace("v01 > v00", "v01 > v02"), "one edge out and one in"),
        ("cycles", GOOD_CYCLES.replace("v00 ?", "v05 ?"), "asks for v05 and v02"),
        ("cycles", GOOD_CYCLES.replace("? v02", "? v00"), "asks for v00 and v00"),
        ("cycles", GOOD_CYCLES.replace("v00", "0"), "edges join different vertices"),
        ("cycles", "v00 > v00 ; v01 > v02 ; v02 > v01 ; v00 ? v01 ;", "edges join different vertices"),
    ],
)
def test_questions_that_are_refused(name: str, question: str, says: str) -> None:
    task = task_named(name, {"window": 7} if name == "parity" else {"names": 23})
    with pytest.raises(ScratchpadError, match=says):
        task.check(task.parse(question))


PARITY_STATES = [
    "[00]0",
    "[00]0,0,",
    "[0]0,0",
    "[_0]0,0",
    "[00]1,0",
    "[01]_,0",
    "[05]_,0",
    "[00]0,2",
    "(00]0,0",
    "[04]0,1",
]
CYCLES_STATES = ["v05", ">", "v00 v01", "v01 ; 1", "v02 ; 0", "v00 ; 1", "v02", "v00 ; 2", "v00 ; ", "v00 > 0"]


@pytest.mark.parametrize(
    ("name", "question", "state"),
    [("parity", "0_1_=", state) for state in PARITY_STATES] + [("cycles", GOOD_CYCLES, s) for s in CYCLES_STATES],
)
def test_states_that_are_none(name: str, question: str, state: str) -> None:
    task = task_named(name, {"names": 23} if name == "cycles" else {})
    symbols = tuple(state.split()) if name == "cycles" else tuple(state)
    with pytest.raises(ValueError, match=r"state|slot"):
        task.step(task.parse(question), symbols)


def test_a_chain_that_does_not_end_is_stopped() -> None:
    task = task_named("cycles", {"n": 13, "names": 101})
    question = task.draw(0, "train", 0)
    length = len(task.chain(question))
    assert len(task.chain(question, limit=length)) == length
    with pytest.raises(ScratchpadError, match=f"no end after {length - 1} states"):
        task.chain(question, limit=length - 1)


@pytest.mark.parametrize(
    ("text", "low", "high", "plain"), [("5", 5, 5, 5), (7, 7, 7, 7), ("1-30", 1, 30, "1-30"), ("3-3", 3, 3, 3)]
)
def test_lengths(text: int | str, low: int, high: int, plain: int | str) -> None:
    law = Lengths.parse(text)
    assert law == Lengths(low, high) == Lengths.parse(law)
    assert law.plain() == plain


def test_half_the_window_is_the_longest_by_default() -> None:
    """The paper's: 1 to 30 bits in 60 slots."""
    assert task_named("parity").settings() == {"bits": "1-30", "window": 60}
    assert task_named("parity", {"window": 8}).settings()["bits"] == "1-4"
    assert task_named("parity", {"modulus": 3}).settings()["modulus"] == 3


def test_consecutive_sizes_differ() -> None:
    """A size is a stream of its own: longer questions do not repeat shorter ones."""
    task = task_named("parity", {"window": 60})
    texts = [task.at_size(size).draw(0, "test", 0) for size in (20, 21, 22)]
    assert all(sum(a != b for a, b in zip(*pair, strict=True)) > 7 for pair in pairwise(texts))
