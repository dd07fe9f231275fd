"""A user's data file: the example, round trips, and errors with file and line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import Document, as_text
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.jsonl import document_of_line, line_of, read_lines
from scratchpad.tasks.user_data import Corpus, Entry, load_corpus
from scratchpad.tasks.user_file import load_task_file

TESTS = Path(__file__).parent
TASK_FILE, DATA_FILE = str(TESTS.parent / "examples" / "my_task.py"), str(TESTS / "words.jsonl")


def text(document: Document[str]) -> str:
    return as_text(document.symbols(), paper=True)


def test_a_file_of_words() -> None:
    """Words are written backwards, letter by letter."""
    data = load_corpus(DATA_FILE)
    assert (data.count("train"), data.count("test")) == (54, 6)
    assert data.settings() == {"steps": "3-9"}
    some = data.changed({"steps": "3:1,9:1"})
    assert {len(some.chain(some.draw(0, "train", i))) for i in range(some.count("train") or 0)} == {3, 9}
    question = data.parse("plum=")
    assert text(format_named("inductive").write(data, question)) == "plum=:m#mu#mul#mulp."
    assert text(format_named("direct").write(data, question)) == "plum=mulp."
    drawn = [question for split in ("train", "test") for _, question in draws(data, 0, split, 0, data.count(split))]
    assert len(set(drawn)) == 60
    assert data.symbols() == tuple(sorted({symbol for question in drawn for symbol in question}))
    for question in drawn:
        assert data.answer(question, data.chain(question)[-1]) == data.truth(question) == question[-2::-1]
        assert data.step(question, data.first(question)) == question[-2:-4:-1]


def test_sizes_of_data_are_numbers_of_states() -> None:
    data = load_corpus(DATA_FILE).at_size(6)
    for split in ("train", "test"):
        assert {len(data.chain(data.draw(0, split, index))) for index in range(data.count(split))} <= {6}
    assert data.count("train") + data.count("test") == 24
    with pytest.raises(ScratchpadError, match="no train problem in the data has 2 states"):
        data.at_size(2).draw(0, "train", 0)


def write(path: Path, lines: list[Any]) -> str:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return str(path)


def problem(question: str, *states: str, answer: str = "a") -> dict[str, Any]:
    return {"question": question, "states": list(states), "answer": answer}


def test_held_out_questions_are_not_trained_on(tmp_path: Path) -> None:
    """A question on several lines is in one split only."""
    lines = [problem(f"q{i % 30}", "s", answer="s") for i in range(90)]
    data = load_corpus(write(tmp_path / "d.jsonl", lines))
    train, test = ({q for _, q in draws(data, 0, split, 0, data.count(split))} for split in ("train", "test"))
    assert not train & test
    assert (len(train), len(test)) == (27, 3)
    assert data.count("train") == 81


def test_a_test_file_replaces_held_out_problems(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [problem("ab", "x", answer="x")])
    test = write(tmp_path / "test.jsonl", [problem("cd", "y", "z", answer="z"), problem("ab", "x", answer="x")])
    data = load_corpus(train, test)
    assert (data.count("train"), data.count("test")) == (1, 2)
    assert data.draw(0, "test", 0) == ("c", "d")
    assert data.symbols() == ("a", "b", "c", "d", "x", "y", "z")
    assert data.steps.to_json() == "1-2"


def test_answers_are_read_off_states_that_the_data_do_not_hold(tmp_path: Path) -> None:
    at_end = [problem("ab", "1,2", "2,34", answer="34"), problem("cd", "5,67", answer="67")]
    data = load_corpus(write(tmp_path / "a.jsonl", at_end))
    assert data.answer(tuple("ab"), tuple("2,99")) == ("9", "9")
    assert data.answer(tuple("unknown"), tuple("8,01")) == ("0", "1")
    ragged = [problem("ab", "1,2", answer="2"), problem("cd", "5,67", answer="67")]
    data = load_corpus(write(tmp_path / "b.jsonl", ragged))
    assert data.answer(tuple("ab"), tuple("1,2")) == ("2",)
    assert data.answer(tuple("cd"), tuple("5,66")) == data.answer(tuple("new"), tuple("1,2,66")) == tuple("66")
    for last, answer in (("1;2", "2"), ("3,1,2", "1,2"), ("2", "2")):
        data = load_corpus(write(tmp_path / "e.jsonl", [*ragged, problem("ef", last, answer=answer)]))
        assert data.answer(tuple("cd"), tuple("5,66")) == tuple("5,66")
    data = load_corpus(
        write(tmp_path / "f.jsonl", [problem("ab", "a=b=12", answer="12"), problem("cd", "c=34", answer="34")])
    )
    assert data.answer(tuple("new"), tuple("a=b=123")) == tuple("123")
    data = load_corpus(
        write(tmp_path / "g.jsonl", [problem("ab", "ax12", answer="12"), problem("cd", "cx34", answer="34")])
    )
    assert data.answer(tuple("new"), tuple("ax123")) == tuple("23")
    elsewhere = [problem("ab", "<2>1", answer="2"), problem("cd", "<6>7", answer="6")]
    data = load_corpus(write(tmp_path / "d.jsonl", elsewhere))
    assert data.answer(tuple("ab"), tuple("<2>1")) == ("2",)
    assert data.answer(tuple("ab"), tuple("<2>2")) == tuple("<2>2")
    whole = [problem("ab", "12", answer="12"), problem("cd", "67", answer="67")]
    data = load_corpus(write(tmp_path / "c.jsonl", whole))
    assert data.answer(tuple("cd"), tuple("678")) == tuple("678")


SUMS = Corpus(
    entries=tuple(
        Entry(tuple(f"{a}+{b}="), (tuple(f"{a};"), tuple(f"{a};{a + b}")), tuple(str(a + b)))
        for a in range(7)
        for b in range(5)
    )
)
"""Answers have one digit or two, and stand after a semicolon."""


@pytest.mark.parametrize("format_name", [*format_names(), "filler-5"])
@pytest.mark.parametrize(
    "task",
    [*map(task_named, TASKS), load_task_file(TASK_FILE), SUMS],
    ids=[*TASKS, "own", "data"],
)
def test_written_data_come_back_symbol_by_symbol(task: Task, format_name: str, tmp_path: Path) -> None:
    """Documents that `scratchpad data` wrote are trained on unchanged and scored by the same answers."""
    written = format_named(format_name)
    questions = [question for _, question in draws(task, 0, "train", 0, 13)]
    lines = [line_of(task, written, question) for question in questions]
    data = load_corpus(write(tmp_path / "data.jsonl", lines))
    for question in questions:
        document = written.write(task, question)
        assert written.write(data, question) == document
        assert written.answer(data, question, document.states) == data.truth(question) == task.truth(question)
    assert set(data.symbols()) <= set(task.symbols())


@pytest.mark.parametrize(
    ("format_name", "possible"),
    [
        ("inductive", {*format_names()}),
        ("direct", {"direct", "filler"}),
        ("filler-5", {"filler", "direct"}),
        ("causal", {"causal", "direct", "filler"}),
        ("scratchpad", {"scratchpad", "direct", "filler"}),
    ],
)
def test_formats_that_data_can_be_written_in(format_name: str, possible: set[str], tmp_path: Path) -> None:
    task = task_named("parity", {"window": 11})
    questions = [question for _, question in draws(task, 0, "train", 0, 5)]
    lines = [line_of(task, format_named(format_name), question) for question in questions]
    data = load_corpus(write(tmp_path / "data.jsonl", lines))
    for name in (*format_names(), "filler-3"):
        if name.partition("-")[0] in possible:
            expected = format_named(name).write(task, questions[0])
            assert format_named(name).write(data, questions[0]) == expected
        else:
            with pytest.raises(
                ScratchpadError, match=f"data in the format .* work only with the formats .*, not with {name}"
            ):
                format_named(name).write(data, questions[0])


def test_a_chain_that_repeats_a_state_cannot_be_inductive(tmp_path: Path) -> None:
    lines = [problem("01", "0", "1", answer="1"), problem("0110", "0", "1", "0", "0", answer="0")]
    data = load_corpus(write(tmp_path / "data.jsonl", lines))
    assert text(format_named("causal").write(data, tuple("0110"))) == "0110:0#1#0#0."
    with pytest.raises(ScratchpadError, match="a state occurs twice in the chain of the question 0 1 1 0"):
        format_named("inductive").write(data, tuple("0110"))


def test_a_first_state_that_is_given_is_not_the_last_one() -> None:
    def given(*chain: str) -> tuple[Corpus, tuple[str, ...]]:
        states = tuple(map(tuple, chain))
        return Corpus(entries=(Entry(states[0], states, states[-1]),), first_given=True), states[0]

    inductive = format_named("inductive")
    assert inductive.opening(*given("ab", "cd")) == ((), inductive.write(*given("ab", "cd")).states[0])
    with pytest.raises(
        ScratchpadError, match="nothing to write, because this question has only one state, which is given"
    ):
        inductive.opening(*given("ab"))
    with pytest.raises(ScratchpadError, match="needs at least two states: the first state is only an input"):
        inductive.write(*given("ab"))


def test_symbols_of_several_characters(tmp_path: Path) -> None:
    lines = [
        {"question": ["ten", "+", "one"], "states": [["eleven"]], "answer": ["eleven"]},
        {"question": "1+1", "states": ["2"], "answer": "2"},
    ]
    data = load_corpus(write(tmp_path / "data.jsonl", lines))
    assert data.symbols() == ("+", "1", "2", "eleven", "one", "ten")
    assert data.parse("ten + one") == ("ten", "+", "one")
    with pytest.raises(ScratchpadError, match="this question is not in the data, so its states are unknown: 1 \\+ ten"):
        data.chain(data.parse("1 + ten"))
    with pytest.raises(ScratchpadError, match="symbols 'nine' at place 0, 'two' at place 2 of the question are not"):
        data.parse("nine + two")
    with pytest.raises(ScratchpadError, match=r"symbol 'nine' at place 0 .* Put spaces between symbols"):
        data.parse("nine")


def test_words_and_spaces_may_both_be_symbols(tmp_path: Path) -> None:
    lines = [{"question": ["ten", "one"], "states": ["a b"], "answer": "b"}, problem("b a", "b b", answer="b")]
    data = load_corpus(write(tmp_path / "data.jsonl", lines))
    assert data.parse("ten one") == ("ten", "one")
    assert data.parse("b a") == ("b", " ", "a")


GOOD = problem("ab", "x", answer="x")
WRITTEN = line_of(task := task_named("parity", {"window": 5}), format_named("inductive"), task.parse("1_01="))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", r"data.jsonl:3: not JSON: Expecting property name enclosed in double quotes: column 2"),
        ("[1]", r"data.jsonl:3: a line must be one JSON object, not list"),
        ("[" * 99_999, r"data.jsonl:3: not JSON"),
        ({"question": "a", "answer": "b"}, r"data.jsonl:3: no states: a line must be"),
        ({}, r"data.jsonl:3: no question, states, answer"),
        (problem("cd"), r"data.jsonl:3: `states` must be a list of at least one state, not \[\]"),
        ({**GOOD, "states": "x"}, r"data.jsonl:3: `states` must be a list"),
        ({**GOOD, "question": ""}, r"data.jsonl:3: question is empty"),
        ({**GOOD, "question": 7}, r"data.jsonl:3: question must be a text or a list of symbols, not 7"),
        ({**GOOD, "question": ["a", ""]}, r"data.jsonl:3: question must be a text or a list"),
        (problem("cd", "x<sep>"), r"data.jsonl:3: state 0: <sep> is not allowed: the tool adds marks itself"),
        ({**GOOD, "answer": ["<end>"]}, r"data.jsonl:3: answer: <end> is not allowed"),
        (
            problem("ab", "y", answer="x"),
            r"data.jsonl:3: repeats the question of .*data.jsonl:1 with another chain or answer",
        ),
        (
            {**WRITTEN, "states": WRITTEN["states"][:-1]},
            r"data.jsonl:3: the last state must end with <end>, and all other states with <sep>",
        ),
        ({**WRITTEN, "prompt": "1_0"}, r"data.jsonl:3: this line is not the inductive document of its question"),
        ({**WRITTEN, "preamble": 1}, r"data.jsonl:3: this line is not the inductive document .*without a preamble"),
        ({**WRITTEN, "preamble": 99}, r"data.jsonl:3: a preamble of 99 symbols"),
        ({**WRITTEN, "preamble": "1"}, r"data.jsonl:3: preamble must be a whole number \(how many symbols\), not '1'"),
        (
            {"question": ["c", "d"], "states": [["x"], ["attic"]], "answer": "attic"},
            r'data.jsonl:3: the answer is a text, whose symbols are a t t i c, .* such as \["attic"\]',
        ),
        ({k: v for k, v in WRITTEN.items() if k != "format"}, r"data.jsonl:3: no format"),
        ({**WRITTEN, "format": "direct"}, r"the lines have the formats direct, inductive, but only one is allowed"),
    ],
)
def test_lines_that_are_refused(line: Any, says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [GOOD, "", line, problem("gh", "x")])
    with pytest.raises(ScratchpadError, match=says):
        load_corpus(path)


def test_one_answer_of_many_that_is_not_in_the_last_state_is_refused(tmp_path: Path) -> None:
    lines = [problem(f"q{i}", f"s{i}", answer=f"{i % 10}") for i in range(20)]
    load_corpus(write(tmp_path / "good.jsonl", lines))
    lines[7] = problem("q7", "s7", answer="8")
    with pytest.raises(
        ScratchpadError, match=r"typo.jsonl:8: the last state, s7, does not end with the answer, 8, but"
    ):
        load_corpus(write(tmp_path / "typo.jsonl", lines))
    lines[8:11] = [problem(f"q{i}", f"s{i}", answer="other") for i in range(8, 11)]
    load_corpus(write(tmp_path / "elsewhere.jsonl", lines))  # no rule for where answers are


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScratchpadError, match=r"nowhere.jsonl: cannot be read: No such file"):
        load_corpus(str(tmp_path / "nowhere.jsonl"))
    with pytest.raises(ScratchpadError, match=r"cannot be read: Is a directory"):
        load_corpus(str(tmp_path))
    with pytest.raises(ScratchpadError, match=r"empty.jsonl: no lines. The file must have at least one JSON object"):
        load_corpus(write(tmp_path / "empty.jsonl", ["", " "]))
    with pytest.raises(ScratchpadError, match=r"one.jsonl: only 1 question: add one more for testing"):
        load_corpus(write(tmp_path / "one.jsonl", [GOOD, GOOD]))
    (tmp_path / "latin.jsonl").write_bytes(json.dumps(GOOD).encode() + b"\n\xe9")
    with pytest.raises(ScratchpadError, match=r"latin.jsonl: not UTF-8 text"):
        load_corpus(str(tmp_path / "latin.jsonl"))
    unknown = {**WRITTEN, "format": "inductiv"}
    with pytest.raises(ScratchpadError, match="unknown format 'inductiv': did you mean 'inductive'"):
        load_corpus(write(tmp_path / "f.jsonl", [unknown, {**unknown, "question": "0____="}]))


def test_bare_documents_have_marks_in_place() -> None:
    """In strings as in lists; a mark in a string is one symbol."""
    document = document_of_line("here", {"prompt": "1_=<start>", "states": ["a<sep>", ["b", "<end>"]], "preamble": 1})
    assert document == Document(("1", "_", "=", "<start>"), (("a", "<sep>"), ("b", "<end>")), 1)
    assert document_of_line("here", {"prompt": "", "states": ["a#", "b."]}).prompt == ()


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "bom.jsonl").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert [value for _, value in read_lines(str(tmp_path / "bom.jsonl"))] == [GOOD]


def test_data_can_be_sent_to_another_process() -> None:
    data = load_corpus(DATA_FILE).at_size(5)
    again = pickle.loads(pickle.dumps(data))
    assert isinstance(again, Corpus)
    assert again == data
    assert again.draw(0, "train", 3) == data.draw(0, "train", 3)
