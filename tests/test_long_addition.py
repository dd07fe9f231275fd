"""Long addition: the paper's text, the registers of the inductive form, distributions of digits, invalid input."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import SEP, as_text
from scratchpad.tasks.formats import format_named

SCRATCHPAD = format_named("scratchpad")
LINE = re.compile(r"(?:([\d ]+) \+ ([\d ]+) )?, ([\d ]*) C: ([01])")
FIVE_SIGMA = 5.0
"""Probability of a false alarm per comparison: 6e-7. The seed is fixed below."""


def addition(**settings: Any) -> Task:
    return task_named("long-addition", settings)


def written(form: str, question: str, **settings: Any) -> str:
    task = addition(**settings)
    symbols = task.parse(question)
    task.check(symbols)
    return as_text(format_named(form).write(task, symbols).symbols())


@pytest.mark.parametrize(
    ("question", "work"),
    [
        ("2 9 + 5 7", "2 9 + 5 7 ,  C: 0\n2 + 5 , 6 C: 1\n, 8 6 C: 0\n0 8 6\n</scratch>\n8 6"),
        ("9 9 + 9 9", "9 9 + 9 9 ,  C: 0\n9 + 9 , 8 C: 1\n, 9 8 C: 1\n1 9 8\n</scratch>\n1 9 8"),
        ("7 + 1 3", "0 7 + 1 3 ,  C: 0\n0 + 1 , 0 C: 1\n, 2 0 C: 0\n0 2 0\n</scratch>\n2 0"),
        ("0 + 0", "0 + 0 ,  C: 0\n, 0 C: 0\n0 0\n</scratch>\n0"),
    ],
)
def test_the_papers_text(question: str, work: str) -> None:
    """The first text is the paper's example, byte for byte."""
    assert written("scratchpad", question) == f"{question}<scratch>\n{work}<end>"
    assert written("direct", question) == f"{question}{work.splitlines()[-1]}<end>"


def test_its_symbols_are_characters_and_two_tags() -> None:
    task = addition()
    (state,) = format_named("scratchpad").write(task, task.parse("2 9 + 5 7")).states
    assert state[:3] == ("<scratch>", "\n", "2")
    assert state[-6:] == ("</scratch>", "\n", "8", " ", "6", "<end>")
    assert {len(symbol) for symbol in state} == {1, len("<end>"), len("<scratch>"), len("</scratch>")}


def test_each_line_of_the_text_determines_the_sum() -> None:
    """The sum of the remaining digits and the carry, followed by the finished digits, is the same in each line."""
    task = addition(digits="1-13")
    for _, question in draws(task, 0, "train", 0, 101):
        first, second = (int(part.replace(" ", "")) for part in as_text(question).split("+"))
        opened, *lines, last, closed, answer = "".join(
            task.scratchpad_text(question, format_named("scratchpad"))
        ).split("\n")
        assert (opened, closed) == ("<scratch>", "</scratch>")
        columns = len(lines) - 1
        assert columns == max(len(str(first)), len(str(second)))
        for done, line in enumerate(lines):
            found = LINE.fullmatch(line)
            assert found
            one, other, results, carry = (int("0" + (part or "").replace(" ", "")) for part in found.groups())
            assert (one + other + carry) * 10**done + results == first + second
            assert len((found[1] or "").split()) == len((found[2] or "").split()) == columns - done
        assert int(last.replace(" ", "")) == int(answer.replace(" ", "")) == first + second
        assert len(last.split()) == columns + 1


def test_the_registers_by_hand() -> None:
    """The filling (7= and 45, then $ and =) is random but must never change: trained models depend on it."""
    chain = "=7=$29+45$57,0<start>6=7=$2+_45$5,1<sep>86=7=$+__45$,0<end>"
    assert written("inductive", "2 9 + 5 7", window=4) == chain
    chain = "=$$987+=$025,0<start>2=$$98+_=$02,1<sep>12=$$9+__=$0,1<sep>012=$$+___=$,1<end>"
    assert written("inductive", "9 8 7 + 2 5", window=4) == chain
    assert written("inductive", "9 + 4", window=1) == "=$9+$4,0<start>3=$+_$,1<end>"


def test_states_are_as_long_as_the_prompt() -> None:
    """So the source of each token has the same distance for every number of digits."""
    task = addition(window=7)
    lengths = set()
    for digits in range(1, 8):
        for _, question in draws(task.at_size(digits), 0, "train", 0, 5):
            document = format_named("inductive").write(task, question)
            lengths |= {len(document.prompt), *map(len, document.states)}
            assert len(document.states) == digits
    assert lengths == {2 * 7 + 7}


def test_filling_is_uniform_over_its_symbols() -> None:
    """It includes `$`, `=` and `_`: in longer sums they are at places where shorter sums never have them."""
    task = addition(digits=1, window=14)
    texts = ["".join(task.inductive_question(question)) for _, question in draws(task, 0, "train", 0, 100)]
    filling = [part for text in texts for part in re.findall(r"^=(.{13})\$\d\+(.{13})\$\d,0$", text)[0]]
    assert len(filling) == 200
    assert len(set(filling)) > 120  # each of the 100 questions has its own filling, and most of them are drawn
    counts = Counter("".join(filling))
    assert set(counts) == set("0123456789$=_")
    assert all(abs(count - 200) < FIVE_SIGMA * 200**0.5 for count in counts.values())


def lengths_of(question: Symbols) -> tuple[int, ...]:
    return tuple(len(part.split()) for part in as_text(question).split("+"))


@pytest.mark.parametrize(("law", "pairs"), [("uniform", 16), ("same", 4)])
def test_distributions_of_digits(law: str, pairs: int) -> None:
    """Every allowed pair of lengths is equally likely."""
    counts = Counter(lengths_of(q) for _, q in draws(addition(digits="2-5", law=law), 0, "train", 0, 3200))
    assert len(counts) == pairs
    mean = 3200 / pairs
    assert all(abs(count - mean) < FIVE_SIGMA * mean**0.5 for count in counts.values())


def test_numbers_are_uniform_in_their_range() -> None:
    """Of the numbers from 10 to 9999, 90 have two digits, 900 three and 9000 four."""
    drawn = [lengths_of(q) for _, q in draws(addition(digits="2-4", law="numbers"), 0, "train", 0, 3000)]
    counts = Counter(length for pair in drawn for length in pair)
    for length in (2, 3, 4):
        expected = 6000 * 9 * 10 ** (length - 1) / 9990
        assert abs(counts[length] - expected) < FIVE_SIGMA * expected**0.5


@pytest.mark.parametrize("law", ["uniform", "same", "numbers"])
def test_sizes_are_digits_of_both_operands(law: str) -> None:
    task = addition(law=law).at_size(9)
    assert {lengths_of(q) for _, q in draws(task, 0, "test", 0, 53)} == {(9, 9)}
    assert addition(law=law).settings() == {"digits": "1-8", "law": law}


def test_all_windows_have_the_same_questions() -> None:
    questions = [[q for _, q in draws(addition(window=window), 0, "train", 0, 7)] for window in (8, 10, 31)]
    assert questions[0] == questions[1] == questions[2]


def test_the_window_limits_only_the_inductive_text() -> None:
    question = " ".join("1234567") + " + 1"
    assert written("direct", question, window=5).endswith("1 2 3 4 5 6 8<end>")
    assert written("scratchpad", question, window=5).endswith("1 2 3 4 5 6 8<end>")
    says = r"has 7 digits, more than window=5. Use fewer digits, or set window=7"
    for form in ("inductive", "causal"):
        with pytest.raises(ScratchpadError, match=says):
            written(form, question, window=5)


def test_settings_fitted_to_a_question() -> None:
    task = addition()
    assert task.fitted_to(task.parse("1 2 3 + 4")).settings()["digits"] == "1-3"
    assert task.fitted_to(task.parse("1 2 + 3 4")).settings()["digits"] == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"law": "unifrom"}, "unknown law of long-addition 'unifrom': did you mean 'uniform'"),
        ({"window": 0}, "window=0 must be at least 1"),
        ({"digits": 0}, "digits=0: lengths '0': a range must start at 1 or more"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        addition(**settings)


@pytest.mark.parametrize(
    "question", ["2 9 +5 7", "29 + 57", "2 9 + ", "+ 5", "0 2 + 1", "1 + 2 + 3", "1 - 2", " 1 + 2"]
)
def test_invalid_questions_are_refused(question: str) -> None:
    task = addition()
    with pytest.raises(ScratchpadError, match=r"a question is two numbers without leading zeros|not in the alphabet"):
        task.check(task.parse(question))


STATES = ["6=7=$2+_45$5,1", "86=7=$+__45$,0"]
INVALID_STATES = [
    "",
    "=7=$29+45$57,0",  # the prompt: no digit is finished
    "6=7=$2+_45$5,2",
    "6=7=$2+_45$5,",
    "6=7=$2+_45$5",
    "6=7=$2+_45$6,1",  # another operand
    "6=8=$2+_45$5,1",  # another filling
    "6=7=$2+045$5,1",
    "7=$2+_45$5,1",
    "a=7=$2+_45$5,1",
    "86=7=$2+_45$5,1",
    "086=7=+___45,0",  # more digits than the sum has
    "6=7=$2+_45$5,1#",
]


def test_invalid_states_are_refused() -> None:
    task = addition(window=4)
    question = task.parse("2 9 + 5 7")
    assert [task.step(question, tuple(state)) for state in STATES] == [tuple(STATES[1]), None]
    wrong = task.step(question, tuple("7=7=$2+_45$5,0"))  # the next state continues from a wrong digit and carry
    assert wrong == tuple("77=7=$+__45$,0")
    for state in INVALID_STATES:
        with pytest.raises(ValueError, match="not a state of long addition"):
            task.step(question, tuple(state))


def test_texts_without_an_answer_have_none() -> None:
    task = addition()
    question = task.parse("2 9 + 5 7")
    scratchpad = format_named("scratchpad")
    assert scratchpad.answer(task, question, [(*task.scratchpad_text(question, scratchpad), SEP)]) == tuple("8 6")
    assert scratchpad.answer(task, question, [(*"1 2\n", "</scratch>", "\n", SEP)]) is None
    with pytest.raises(IndexError):
        scratchpad.answer(task, question, [(*"8 6", SEP)])


def test_the_distribution_of_sizes() -> None:
    assert addition(digits="3-3").size_distribution() == Lengths(3, 3)
