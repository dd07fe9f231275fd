"""Documents of Abbe et al. 2024 worked out by hand, and the settings, questions and states that are refused."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.document import as_text
from scratchpad.tasks.formats import format_named
from scratchpad.training.setup import measure


def written(name: str, settings: dict[str, Any], question: str, format_name: str = "inductive") -> str:
    """Return the document in the paper's marks, without the question."""
    task = task_named(name, settings)
    symbols = task.parse(question)
    task.check(symbols)
    text = as_text(format_named(format_name).write(task, symbols).symbols(), paper=True)
    assert text.startswith(as_text(symbols))
    return text[len(as_text(symbols)) :].strip()


@pytest.mark.parametrize(
    ("settings", "question", "format_name", "text"),
    [
        ({}, "01101111=", "scratchpad", "0100."),  # the paper's example
        ({}, "01101111=", "direct", "0."),
        ({}, "00111=", "direct", "1."),  # the paper's example
        ({"bits": 5}, "00111=", "scratchpad", "00101."),
        ({"bits": 7, "jump": 3}, "0110111=", "scratchpad", "001."),
        ({"bits": 2, "jump": 3}, "10=", "scratchpad", "1."),
        ({"bits": 5, "jump": 2}, "1101100=", "inductive", ":[01]1,0#[03]1,1#[04]1,0."),
        ({"window": 101, "bits": 2}, "1" * 101 + "=", "inductive", ":[000]1,1#[001]1,0."),
    ],
)
def test_half_parity_by_hand(settings: dict[str, Any], question: str, format_name: str, text: str) -> None:
    assert written("half-parity", settings, question, format_name) == text


RING = "v01 > v02 ; v05 > v00 ; v00 > v01 ; v02 > v03 ; v04 > v05 ; v03 > v04 ;"
RINGS = "v01 > v00 ; v02 > v03 ; v00 > v01 ; v05 > v04 ; v04 > v05 ; v03 > v02 ;"


@pytest.mark.parametrize(
    ("question", "jump", "text"),
    [
        (f"{RING} v00 ? v02 ? v04 ;", 1, ": v00 # v01 # v02 ; 1 ."),
        (f"{RING} v00 ? v04 ? v02 ;", 1, ": v00 # v01 # v02 ; 1 ."),
        (f"{RING} v00 ? v04 ? v02 ;", 3, ": v00 # v02 ; 1 ."),
        (f"{RINGS} v00 ? v02 ? v04 ;", 1, ": v00 # v01 # v00 ; 0 ."),
    ],
)
def test_three_cycles_by_hand(question: str, jump: int, text: str) -> None:
    assert written("three-cycles", {"names": 23, "jump": jump}, question) == text
    walk = text.removeprefix(": ").replace("#", ">")
    assert written("three-cycles", {"names": 23, "jump": jump}, question, "scratchpad") == walk


GRAPH = "v02 > v03 ; v00 > v02 ; v00 > v01 ; v02 > v00 ; v01 > v04 ; v03 > v04 ; v06 > v05 ;"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("v00 ? v02 ;", ": > v00 # v00 > v02 v01 ; 1 ."),
        ("v00 ? v04 ;", ": > v00 # v00 > v02 v01 # v00 v02 > v01 v03 # v00 v02 v01 > v03 v04 ; 1 ."),
        ("v03 ? v05 ;", ": > v03 # v03 > v04 # v03 v04 > ; 0 ."),
        ("v05 ? v06 ;", ": > v05 # v05 > ; 0 ."),
        ("v06 ? v07 ;", ": > v06 # v06 > v05 # v06 v05 > ; 0 ."),  # queried, and in no edge
    ],
)
def test_random_graphs_by_hand(asked: str, text: str) -> None:
    assert written("random-graphs", {"names": 50}, f"{GRAPH} {asked}") == text


TOLD = "Omar is taller than Sara. Vlad is taller than David. Farah is taller than Omar. Sara is taller than Vlad."


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("Is Omar taller than Vlad?", ": Omar is taller than Sara . # Omar is taller than Vlad . Yes ."),
        ("Is Vlad taller than Omar?", ": Vlad is taller than David . # No ."),
        ("Is David taller than Omar?", ": No ."),
    ],
)
def test_heights_by_hand(asked: str, text: str) -> None:
    """Also with full stops directly after the words."""
    assert written("heights", {}, f"{TOLD} {asked}") == text
    assert written("heights", {}, f"{TOLD} {asked}", "direct") == " ".join(text.split()[-2:])


@pytest.mark.parametrize(
    ("settings", "question", "text"),
    [
        ({}, "95+07=$k4z", ":[01]5[04]7c1r2$k4#[00]9[03]0c1r02$k#[-1]_[02]_c0r102$."),  # zero-padded
        ({}, "_0+0_=$rrr", ":[01]0[03]0c0r0$rr."),  # an r in the buffer is not that of the state
        (
            {"window": 50},
            "_" * 98 + "9+2=$" + "k" * 51,
            f":[098]9[100]2c1r1${'k' * 50}#[-1]_[099]_c0r11${'k' * 49}.",  # three-digit slots
        ),
    ],
)
def test_addition_in_random_slots_by_hand(settings: dict[str, Any], question: str, text: str) -> None:
    assert written("addition-random-space", settings, question) == text


SHIFT = "g$174+v$940=$5cvj|0"
SHIFTED = "4g$17+0v$94=4$5cv|0#74g$1+40v$9=14$5c|1#174g$+940v$=114$5|1#1114$5."


@pytest.mark.parametrize(
    ("question", "format_name", "text"),
    [
        (SHIFT, "inductive", f"#{SHIFTED}"),  # the paper's example
        (SHIFT, "causal", f"#{SHIFTED}"),
        (SHIFT, "scratchpad", f"#{SHIFTED}"),
        (SHIFT, "direct", "1114."),
        ("$95+$07=$k4|0", "inductive", "#5$9+7$0=2$k|1#95$+07$=02$|1#102$."),  # zero-padded
        ("$$0+b$0=$$4|0", "inductive", "#0$$+0b$=0$$|0#00$$."),  # dollars among the random symbols
        ("$$0+b$0=$$4|0", "direct", "0."),
    ],
)
def test_addition_by_shift_by_hand(question: str, format_name: str, text: str) -> None:
    assert written("addition-shift", {}, question, format_name) == text


def test_the_first_state_of_addition_by_shift_is_given() -> None:
    """The inductive prompt is empty. In other formats the prompt is that state, and the text begins with <sep>."""
    task = task_named("addition-shift")
    question = task.parse(SHIFT)
    inductive, causal = (format_named(name).write(task, question) for name in ("inductive", "causal"))
    assert (inductive.prompt, inductive.states[0]) == ((), (*question, "<sep>"))
    assert (causal.prompt, causal.states[0][:3]) == (question, ("<sep>", "4", "g"))
    assert format_named("inductive").opening(task, question) == ((), (*question, "<sep>"))
    assert format_named("causal").opening(task, question) == (question, ())


@pytest.mark.parametrize(
    ("name", "asked", "numbers"),
    [
        ("addition-random-space", "174+94", "174+094"),
        ("addition-random-space", "7+0=", "7+0"),
        ("addition-shift", "174+94", "174+094"),
        ("addition-shift", "1+99=", "01+99"),
    ],
)
def test_a_bare_sum_is_completed(name: str, asked: str, numbers: str) -> None:
    """Zeros, slots and a buffer are added, the same ones each time."""
    task = task_named(name, {"window": 5})
    question = task.completed(task.parse(asked))
    task.check(question)
    assert question == task.completed(task.parse(asked))
    if name == "addition-shift":
        a, b = ("".join(question[start : start + 6]).rpartition("$")[2] for start in (0, 7))
        assert f"{a}+{b}" == numbers
    else:
        assert "".join(question[:11]).replace("_", "") == numbers
    too_long = task.parse("1234567+1")
    assert task.completed(too_long) == too_long


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("half-parity", {"window": 0}, "must both be at least 1"),
        ("half-parity", {"jump": 0}, "must both be at least 1"),
        ("half-parity", {"bits": "3-5"}, "bits=3-5 must be a single number"),
        ("half-parity", {"bits": 9, "window": 7}, "bits=9 does not fit window=7: set bits to at most 7"),
        ("three-cycles", {"n": 1}, "n=1 must be at least 2, the length of the shortest cycle"),
        ("three-cycles", {"n": 8, "names": 23}, "24 vertices need 24 names, but names=23"),
        ("three-cycles", {"jump": 0}, "jump=0"),
        (
            "random-graphs",
            {"distance": 24},
            "distance=24 is impossible with vertices=24: the distance must be at most 23",
        ),
        ("random-graphs", {"distance": "1-0"}, "its start must not exceed its end"),
        ("random-graphs", {"vertices": 1}, "vertices=1 must be from 2 to names=1000"),
        ("random-graphs", {"vertices": 24, "names": 23}, "vertices=24 must be from 2 to names=23"),
        (
            "random-graphs",
            {"edges": 3},
            "edges=3 must be from 4 to .* with vertices=24, distance=1-4 and unconnected=0.5",
        ),
        ("random-graphs", {"vertices": 5, "distance": 1, "edges": 17}, "must be from 1 to 16"),
        ("random-graphs", {"vertices": 5, "distance": 1, "edges": 21, "unconnected": 0}, "must be from 1 to 20"),
        ("random-graphs", {"probability": 0}, "probability=0.0 must be above 0 and below 1"),
        ("random-graphs", {"probability": 1}, "must be above 0 and below 1"),
        (
            "random-graphs",
            {"probability": 0.5, "edges": 3},
            "edges=3 and probability=0.5 exclude each other: give only one setting",
        ),
        ("cycles", {"n": 5, "sizes": "6,6"}, "n=5 and sizes=6,6 exclude each other: give only one setting"),
        ("random-graphs", {"unconnected": 1.5}, "unconnected=1.5 must be a share from 0 to 1"),
        ("heights", {"n": 40}, "n=40 needs 122 people, but there are 100 names: set n to at most 32"),
        ("heights", {"n": 3, "names": 10}, "n=3 needs 11 people, but there are 10 names: set n to at most 2"),
        ("heights", {"names": 101}, "names=101 must be from 5 to 100"),
        ("addition-random-space", {"window": 0}, "window=0"),
        (
            "addition-random-space",
            {"digits": "3-9", "window": 7},
            "digits=3-9 does not fit window=7: set digits to at most 7",
        ),
        ("addition-shift", {"digits": 5, "window": 4}, "digits=5 does not fit window=4"),
        ("addition-shift", {"digits": "1:2,1:3"}, "a length may occur only once, and a weight must be at least 1"),
    ],
)
def test_settings_that_are_refused(name: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        task_named(name, settings)


def test_distances_that_can_hardly_be_drawn_are_refused_before_training() -> None:
    for settings, hard in (({"distance": 8}, False), ({"distance": "19-20"}, True)):
        config = RunConfig().with_settings({"task.name": "random-graphs", "evaluate.n": 1, **settings})
        with pytest.raises(ScratchpadError, match="none of 1,000 drawn graphs") if hard else nullcontext():
            measure(resolve(config))


@pytest.mark.parametrize(
    ("name", "question", "says"),
    [
        ("half-parity", "0101", "bits, then '='; given: 0101"),
        ("half-parity", "=", "bits, then '='"),
        ("half-parity", "021=", "bits, then '='"),
        ("half-parity", "01010101=", "8 bits, but the window holds only 7: ask a shorter question or set window=8"),
        ("three-cycles", f"{RING} v00 ? v02 ;", "`a > b ; ... ; a [?] b [?] c ;`"),
        ("three-cycles", f"{RING} v00 ? v02 ? v02 ;", "asks for v00 and v02 and v02"),
        ("three-cycles", f"{RING} v00 ? v02 ? v07 ;", "asks for v00 and v02 and v07"),
        ("three-cycles", f"{RINGS} v00 ? v01 ? v02 ;", "one cycle or on three cycles, not on two"),
        ("three-cycles", RING.replace("v05 > v00", "v05 > v01") + " v00 ? v02 ? v04 ;", "one edge out and one edge in"),
        ("random-graphs", "v01 > v02 ; v01 > v02 ; v01 ? v02 ;", "no edge may occur twice in a question"),
        ("random-graphs", "v01 > v01 ; v01 ? v02 ;", "each edge must join two different vertices"),
        ("random-graphs", "v01 > v02 ; v01 ? v01 ;", "asks for v01 and v01"),
        ("random-graphs", "v01 > v02 ; v01 ? 0 ;", "asks for v01 and 0"),
        ("random-graphs", "v01 > v02 ; v01 > v02 ;", "a question has the form"),
        ("heights", "Is Omar taller than Vlad?", "in a single row"),
        ("heights", "Omar is taller than Vlad.", "a question is"),
        ("heights", "Is Omar", "a question is"),
        ("heights", f"{TOLD} Is Omar taller than Omar?", "asks for Omar and Omar"),
        ("heights", f"{TOLD} Is Omar taller than Ada?", "asks for Omar and Ada"),
        ("heights", f"{TOLD} Ada is taller than Max. Is Omar taller than Ada?", "in a single row"),
        ("heights", f"{TOLD} David is taller than Farah. Is Omar taller than Vlad?", "in a single row"),
        ("heights", f"{TOLD} Omar is taller than Ada. Is Omar taller than Vlad?", "in a single row"),
        ("addition-random-space", "174+_940_", "2 N [+] 1 slots"),
        ("addition-random-space", "174+_940_=$qtam", "has 9 slots, so '[$]' and 5 symbols"),
        ("addition-random-space", "174+_940_=qqtamn", "has 9 slots, so '[$]' and 5 symbols"),
        ("addition-random-space", "174+_94__=$qtamn", "3 and 2 digits, but .* Put zeros in front"),
        ("addition-random-space", "1_4+____=$qtamn", "2 N [+] 1 slots"),
        ("addition-random-space", "____+____=$qtamn", "0 and 0 digits"),
        (
            "addition-random-space",
            "________1+______0=$qtamnqqqq",
            "room for 8 digits per number, more than window=7. Set window=8",
        ),
        ("addition-shift", "g$174+v$940=", "the whole first state"),
        ("addition-shift", "174+940", "the whole first state"),
        ("addition-shift", "g$174+v$940=$5cvj|1", "the whole first state"),
        ("addition-shift", "g$174+v$940=45cvj|0", "the whole first state"),
        ("addition-shift", "g$174+vv940=$5cvj|0", "the whole first state"),
        ("addition-shift", "g$174+vv$40=$5cvj|0", "3 and 2 digits"),
        ("addition-shift", "g$17a+vv$40=$5cvj|0", "3 and 2 digits"),
        ("addition-shift", "g$17a+v$940=$5cvj|0", "only digits may follow the last [$] of x and y"),
        ("addition-shift", "gggggg$17+vvvvvv$40=$5cvj5cvj|0", "room for 8 digits per number, more than window=7"),
    ],
)
def test_questions_that_are_refused(name: str, question: str, says: str) -> None:
    settings = {"three-cycles": {"names": 23}, "random-graphs": {"names": 50}, "heights": {}}
    task = task_named(name, settings.get(name, {"window": 7}))
    with pytest.raises(ScratchpadError, match=says):
        task.check(task.parse(question))


STATES = {
    ("half-parity", "01101111="): ["[04]1,1", "[00]1,1", "[00]0,2", "[0]0,0", "[00]0", "[08]=,0", "(00]0,0"],
    ("three-cycles", f"{RING} v00 ? v02 ? v04 ;"): ["v06", "v02", "v02 ; 0", "v00 ; 1", "v01 v02", "v03 ; 1", ""],
    ("random-graphs", f"{GRAPH} v00 ? v04 ;"): [
        "v00", "> v01", "> v00 > v01", "v00 > v08", "v00 > v02 v02", "v00 > v02 v01 ; 1", "v00 > v04",
        "v00 > v04 ; 0", "v00 >", "v00 > ; 1", "v00 v04 > v01", ">", "", "; 1",
    ],
    ("heights", f"{TOLD} Is Omar taller than Vlad?"): [
        "Omar is taller than Vlad .", "Omar is taller than Sara . Yes", "Sara is taller than Vlad . Yes", "Yes", "",
        "Omar is taller than Omar .", "Omar is taller than Ada .", "Omar is taller than Sara", "No No",
    ],
    ("addition-random-space", "174+_940_=$qtamn"): [
        "[02]4[07]0c0r4$qta", "[02]4[07]0c2r4$qtam", "[02]7[07]0c0r4$qtam", "[02]4[06]4c0r4$qtam",
        "[03]4[07]0c0r4$qtam", "[02]4[07]0c0ra$qtam", "[02]4[07]0c0r44qtam", "[01]7[06]4c1r4$qtam",
        "[-1]_[03]_c1r1114$q", "[-1]_[04]_c0r1114$q", "[-1]_[03]_c0r114$qt", "4", "",
    ],
    ("addition-shift", SHIFT): [
        "g$174+v$940=$5cvj|2", "g$174+v$940=$5cvj", "g$174-v$940=$5cvj|0", "4g$17+0v$94=4$5cv|", "174g$+40v$9=14$5c|1",
        "17g4a+94g0b=14$5c|1", "2114$5", "1$1144", "$11445", "111445", "1a14$5", "",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "question", "state"),
    [(name, question, state) for (name, question), states in STATES.items() for state in states],
)
def test_invalid_states_are_refused(name: str, question: str, state: str) -> None:
    task = task_named(name, {"names": 23} if name == "three-cycles" else {"names": 50} if "graphs" in name else {})
    with pytest.raises(ValueError, match=r"."):
        task.step(task.parse(question), tuple(state.split() if " " in question else state))


def test_with_jumps_only_some_running_parities_are_states() -> None:
    task = task_named("half-parity", {"bits": 5, "jump": 2})
    question = task.parse("1101100=")
    assert task.step(question, tuple("[03]1,1")) == tuple("[04]1,0")
    with pytest.raises(ValueError, match="slot 2 is not written with jump=2"):
        task.step(question, tuple("[02]0,0"))
