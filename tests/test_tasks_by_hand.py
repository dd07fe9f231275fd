"""Documents worked out by hand, and the settings, questions and states that are refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.cycles import Cycles
from scratchpad.tasks.document import END, as_text
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import line_of


def written(name: str, settings: dict[str, Any], question: str, format_name: str = "inductive") -> str:
    task = task_named(name, settings)
    symbols = task.parse(question)
    task.check(symbols)
    return as_text(format_named(format_name).write(task, symbols).symbols(), paper=True)


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
    """The first is the paper's example."""
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


@pytest.mark.parametrize(
    ("format_name", "fillers"), [("filler", 16), ("filler-16", 16), ("filler-1", 1), ("filler-7", 7)]
)
def test_fillers(format_name: str, fillers: int) -> None:
    task = task_named("parity", {"bits": 2, "window": 3})
    line = line_of(task, format_named(format_name), task.parse("1_1="))
    assert line["prompt"] == (*"1_1=", *("<filler>",) * fillers)
    assert line["format"] == ("filler" if fillers == 16 else format_name)
    assert line["states"] == (("0", END),)


@pytest.mark.parametrize("count", ["0", "", "x", "1.5", "-1", "٣", "100000"])
def test_no_fillers(count: str) -> None:
    with pytest.raises(ScratchpadError, match="the N of filler-N must be a whole number from 1 to 99999"):
        format_named(f"filler-{count}")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("parity", {"modulus": 1}, "modulus=1 must be from 2 to 10"),
        ("parity", {"modulus": 11}, "2 to 10"),
        ("parity", {"window": 0}, "window=0 must be at least 1"),
        ("parity", {"bits": 9, "window": 7}, "bits=9 does not fit window=7: set bits to at most 7 or set window=9"),
        ("parity", {"bits": "3-9", "window": 7}, "bits=3-9 does not fit"),
        ("parity", {"bits": "0"}, "bits=0: lengths '0'"),
        ("parity", {"bits": "5-3"}, "its start must not exceed its end"),
        ("parity", {"bits": "five"}, "a number such as 5 or a range such as 1-30, not 'five'"),
        ("parity", {"window": "eight"}, "window takes a whole number, not 'eight'"),
        ("parity", {"window": 8.5}, "window takes a whole number, not 8.5"),
        ("parity", {"window": True}, "window takes a whole number, not True"),
        ("parity", {"windw": 8}, "unknown setting of parity 'windw': did you mean 'window'"),
        ("parity", {"window.x": 8}, "window of parity is a single setting"),
        ("cycles", {"n": 1}, "at least 2 vertices; given: n=1$"),
        ("cycles", {"sizes": "6,1"}, "at least 2 vertices; given: sizes=6,1$"),
        ("cycles", {"sizes": "6,,18"}, "sizes takes a whole number, not ''"),
        ("cycles", {"distance": 3}, "distance=3 needs `sizes`"),
        (
            "cycles",
            {"sizes": "6,18", "distance": 6},
            (
                "distance=6 is impossible in a cycle of 6 vertices. Set distance to a number from 1 to 5, "
                "or to -1 for vertices on two cycles.$"
            ),
        ),
        ("cycles", {"sizes": 6, "distance": 6}, "from 1 to 5"),
        ("cycles", {"sizes": 6, "distance": 0}, "from 1 to 5"),
        ("cycles", {"n": 12, "names": 23}, "24 vertices need 24 names, but names=23"),
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
        ("parity", "01", "slots \\(each 0 or 1 or _\\) and '='; given: 01"),
        ("parity", "012=", "slots \\(each 0 or 1 or _\\) and '='"),
        ("parity", "0=1=", "slots \\(each 0 or 1 or _\\) and '='"),
        ("parity", "01a=", "symbol 'a' at place 2 of the question is not in the alphabet: 0 1 2"),
        ("parity", "ab1a=", "symbols 'a' at place 0, 'b' at place 1 of the question are not in the alphabet"),
        ("parity", "_" * 8 + "=", "8 slots, but the window holds only 7: ask a shorter question or set window=8"),
        ("parity", "  ", "the question is empty"),
        ("cycles", "v00>v01", "symbol 'v00>v01' at place 0 .* Put spaces between symbols"),
        ("cycles", "v00 > v01 ; v01 > v00 ;", "a question has the form"),
        ("cycles", "? v01 ;", "a question has the form"),
        ("cycles", "v00 ? v01 ;", "asks for v00 and v01"),
        ("cycles", GOOD_CYCLES.replace("?", ">"), "a question has the form"),
        ("cycles", GOOD_CYCLES.replace("v01 > v00", "v01 > v02"), "one edge out and one edge in"),
        ("cycles", GOOD_CYCLES.replace("v00 ?", "v05 ?"), "asks for v05 and v02"),
        ("cycles", GOOD_CYCLES.replace("? v02", "? v00"), "asks for v00 and v00"),
        ("cycles", GOOD_CYCLES.replace("v00", "0"), "each edge must join two different vertices"),
        ("cycles", "v00 > v00 ; v01 > v02 ; v02 > v01 ; v00 ? v01 ;", "each edge must join two different vertices"),
    ],
)
def test_questions_that_are_refused(name: str, question: str, says: str) -> None:
    task = task_named(name, {"window": 7} if name == "parity" else {"names": 23})
    with pytest.raises(ScratchpadError, match=says):
        task.check(task.parse(question))


@pytest.mark.parametrize("name", TASKS)
def test_a_refused_question_comes_with_an_example(name: str) -> None:
    """The example is a question of the task with these settings, on one line, as the user would type it."""
    task = task_named(name)
    for complete in (False, True):
        with pytest.raises(ScratchpadError) as refused:
            task.read_question("= wrong", complete)
        assert str(refused.value).count("An example of a question: ") == 1
        example = str(refused.value).partition("An example of a question: ")[2]
        assert "\n" not in example
        assert task.read_question(example, complete) == task.draw(0, "train", 0)


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
def test_invalid_states_are_refused(name: str, question: str, state: str) -> None:
    task = task_named(name, {"names": 23} if name == "cycles" else {})
    symbols = tuple(state.split()) if name == "cycles" else tuple(state)
    with pytest.raises(ValueError, match=r"state|slot"):
        task.step(task.parse(question), symbols)


def test_a_chain_that_does_not_end_is_stopped() -> None:
    task = task_named("cycles", {"n": 13, "names": 101})
    question = task.draw(0, "train", 0)
    length = len(task.chain(question))
    assert len(task.chain(question, limit=length)) == length
    with pytest.raises(ScratchpadError, match=f"a chain exceeds {length - 1} states"):
        task.chain(question, limit=length - 1)


@pytest.mark.parametrize(
    ("text", "low", "high", "plain"), [("5", 5, 5, 5), (7, 7, 7, 7), ("1-30", 1, 30, "1-30"), ("3-3", 3, 3, 3)]
)
def test_lengths(text: int | str, low: int, high: int, plain: int | str) -> None:
    law = Lengths.parse(text)
    assert law == Lengths(low, high) == Lengths.parse(law)
    assert law.to_json() == plain


@pytest.mark.parametrize(
    ("text", "weights", "plain"),
    [
        ("2-5:size", (2, 3, 4, 5), "2-5:size"),
        ("5:size", (), 5),
        ("3:2", (), 3),
        ("5:1,2:3", (3, 0, 0, 1), "2:3,5:1"),
        ("1:1,2:2", (1, 2), "1-2:size"),
        ("1:1,2:1", (1, 1), "1-2:1"),
        ("6:1,2-3:3,4:3", (3, 3, 3, 0, 1), "2-4:3,6:1"),
    ],
)
def test_lengths_with_weights(text: str, weights: tuple[int, ...], plain: int | str) -> None:
    law = Lengths.parse(text)
    assert law.weights == weights
    assert law.to_json() == plain
    assert Lengths.parse(plain) == law


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "1-3:long",
            (
                "a number such as 5 or a range such as 1-30, not '1-3:long'; "
                "with weights, write LENGTHS:WEIGHT, such as 2:3,4-9:1, or 1-30:size to weight by length"
            ),
        ),
        ("0-3:size", "start at 1 or more"),
        ("2:3,5", "not '2:3,5'"),
        ("2:3,2:1", "a length may occur only once"),
        ("2-5:3,4:1", "a length may occur only once"),
        ("5-2:3", "its start must not exceed its end"),
        ("1-9:10,10-99999999:1", "end at 100,000 or less"),
        ("1-99999999:size", "end at 100,000 or less"),
        ("0:3,2:1", "start at 1 or more"),
        ("1:0,2:1", "a weight must be at least 1"),
    ],
)
def test_invalid_lengths_are_refused(text: str, says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        Lengths.parse(text)


def test_lengths_are_drawn_in_proportion_to_their_weights() -> None:
    """Each count is within five standard deviations; probability of a false alarm: 2e-6."""
    rng, law, n = Stream("weighed"), Lengths.parse("2:3,5:1,6:4"), 8000
    found = [law.draw(rng) for _ in range(n)]
    assert set(found) == {2, 5, 6}
    for length, share in ((2, 3 / 8), (5, 1 / 8), (6, 4 / 8)):
        assert abs(found.count(length) - n * share) < 5 * (n * share * (1 - share)) ** 0.5


def test_half_the_window_is_the_longest_by_default() -> None:
    """As in the paper: 1 to 30 bits in 60 slots."""
    assert task_named("parity").settings() == {"bits": "1-30", "window": 60}
    assert task_named("parity", {"window": 8}).settings()["bits"] == "1-4"
    assert task_named("parity", {"modulus": 3}).settings()["modulus"] == 3
    assert task_named("parity").settings(everything=True) == {"bits": "1-30", "window": 60, "modulus": 2}


def test_consecutive_sizes_differ() -> None:
    """Each size has its own random stream: longer questions do not repeat shorter ones."""
    task = task_named("parity", {"window": 60})
    texts = [task.at_size(size).draw(0, "test", 0) for size in (20, 21, 22)]
    assert all(sum(a != b for a, b in zip(*pair, strict=True)) > 7 for pair in pairwise(texts))


def test_cycles_of_given_sizes_keep_them_at_their_size() -> None:
    """Evaluation uses this for figure 7's graphs out of distribution."""
    task = Cycles(sizes=(4, 10, 10), distance=2)
    sized = task.at_size(*task.default_test_sizes())
    question = sized.draw(0, "test", 0)
    assert question.count(">") == 24
    assert (sized.sizes, sized.distance) == ((4, 10, 10), 2)
