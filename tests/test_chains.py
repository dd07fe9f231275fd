"""Sample chains of the report, against chains written by hand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from run_folders import parity, sample, write_run

from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.evaluation.free_running import check_transitions
from scratchpad.reporting.html_page import report
from scratchpad.reporting.run_records import read_run
from scratchpad.reporting.sample_chains import ChainLine, Piece, SampleChain, sample_chains
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.cycles import Cycles
from scratchpad.tasks.document import terminated
from scratchpad.tasks.parity import Parity

QUESTION = tuple("1_01___=")
TASK = Parity(window=7)
TRUE = terminated(TASK.chain(QUESTION))  # [00]1,1 [02]0,1 [03]1,0 [07]_,0


def symbols(text: str, end: str = "<sep>") -> Symbols:
    return (*text, end)


def chains(
    tmp_path: Path, config: RunConfig, *lines: dict[str, Any], task_file: str | None = None
) -> list[SampleChain]:
    folder = write_run(tmp_path / "run", config, evaluation=lines)
    return [chain for _, of_size in sample_chains(read_run(folder, task_file)) for chain in of_size]


def evaluated(states: Sequence[Symbols], answer: str, question: Symbols = QUESTION, **others: Any) -> dict[str, Any]:
    """Return a line of evaluation.jsonl for an inductive chain."""
    return sample(
        question, states, check_transitions(TASK, question, states), answer, TASK.truth(question)[0], **others
    )


def text(pieces: Sequence[Piece], kind: str = "") -> str:
    return "".join(piece.text for piece in pieces if kind in ("", piece.kind))


def lines(steps: Sequence[ChainLine]) -> list[str]:
    return [f"{line.number} {line.verdict} {text(line.written)}" if not line.skipped else "..." for line in steps]


def test_a_correct_chain_is_shown_with_its_marks(tmp_path: Path) -> None:
    [chain] = chains(tmp_path, parity(), evaluated(TRUE, "0"))
    assert (chain.correct, chain.title, chain.question) == (True, "correct", "1_01___=")
    assert chain.answers == "answer 0 · 32 tokens"
    assert lines(chain.lines) == [
        "1 correct [00]1,1<sep>", "2 correct [02]0,1<sep>", "3 correct [03]1,0<sep>", "4 correct [07]_,0<end>",
    ]  # fmt: skip
    assert text(chain.lines[0].written, "mark") == "<sep>"


def test_the_first_wrong_state_has_the_true_one_beside_it(tmp_path: Path) -> None:
    states = [TRUE[0], symbols("[02]0,0"), symbols("[03]1,1"), symbols("[06]_,1", "<end>")]
    [chain] = chains(tmp_path, parity(), evaluated(states, "1"))
    assert (chain.title, chain.answers) == ("wrong", "answer 1 · true answer 0 · 32 tokens")
    assert [line.verdict for line in chain.lines] == ["correct", "wrong", "follows", "breaks"]
    wrong = chain.lines[1]
    assert text(wrong.expected) == "[02]0,1<sep>"
    assert (text(wrong.written, "differs"), text(wrong.expected, "differs")) == ("0", "1")
    assert not any(line.expected for line in chain.lines if line is not wrong)


def test_a_wrong_terminator_is_a_wrong_state(tmp_path: Path) -> None:
    [chain] = chains(tmp_path, parity(), evaluated([TRUE[0], symbols("[02]0,1", "<end>")], "1"))
    assert text(chain.lines[1].written, "differs") == "<end>"
    assert text(chain.lines[1].expected, "differs") == "<sep>"


def test_a_wrong_answer_is_preferred_to_a_correct_answer_with_wrong_work(tmp_path: Path) -> None:
    lucky = evaluated([TRUE[0], symbols("[07]_,0", "<end>")], "0")
    wrong = evaluated([symbols("[07]_,1", "<end>")], "1", index=1)
    later = evaluated([symbols("[05]_,1", "<end>")], "1", index=2)
    found = chains(tmp_path / "a", parity(), lucky, evaluated(TRUE, "0"), wrong, later)
    assert [(chain.title, lines(chain.lines)[0]) for chain in found] == [
        ("correct", "1 correct [00]1,1<sep>"), ("wrong", "1 wrong [07]_,1<end>"),
    ]  # fmt: skip
    [chain] = chains(tmp_path / "b", parity(), lucky)
    assert (chain.title, chain.correct) == ("correct answer, wrong work", False)


def test_chains_that_did_not_end_say_why(tmp_path: Path) -> None:
    line = {**evaluated([TRUE[0], TRUE[0]], "1"), "status": "loop", "answer": None}
    [chain] = chains(tmp_path, parity(), line)
    assert chain.answers == "no answer · true answer 0 · caught in a loop · 16 tokens"


def test_a_scratchpad_of_one_state_is_shown_like_a_chain(tmp_path: Path) -> None:
    states = [(*TRUE[0], *symbols("[02]0,0"), *symbols("[07]_,0", "<end>"))]
    line = sample(QUESTION, states, [False], "0", "0", format="scratchpad")
    [chain] = chains(tmp_path, parity("scratchpad"), line)
    assert lines(chain.lines) == ["1 correct [00]1,1<sep>", "2 wrong [02]0,0<sep>", "3  [07]_,0<end>"]
    assert text(chain.lines[1].expected) == "[02]0,1<sep>"


def test_a_scratchpad_that_breaks_off_lacks_a_state(tmp_path: Path) -> None:
    line = sample(QUESTION, [(*TRUE[0], *TRUE[1])], [False], "0", "0", format="scratchpad", status="max-tokens")
    [chain] = chains(tmp_path, parity("scratchpad"), line)
    assert lines(chain.lines)[2:] == ["3 wrong "]
    assert text(chain.lines[2].expected) == "[03]1,0<sep>"
    assert "(nothing was written)" in report([tmp_path / "run"])


def test_teacher_forcing_shows_the_true_text(tmp_path: Path) -> None:
    line = sample(QUESTION, [], [True, False, True, False], "", "", method="forced", right=False)
    [chain] = chains(tmp_path, parity(), line)
    assert lines(chain.lines) == [
        "1 correct [00]1,1<sep>", "2 wrong [02]0,1<sep>", "3 correct [03]1,0<sep>", "4 wrong [07]_,0<end>",
    ]  # fmt: skip
    assert chain.forced
    assert report([tmp_path / "run"]).count("the model predicts another text here") == 2


@pytest.mark.parametrize("name", ["direct", "scratchpad"])
def test_teacher_forcing_of_a_correct_text_of_one_state_marks_nothing_as_wrong(tmp_path: Path, name: str) -> None:
    line = sample(QUESTION, [], [True], "", "", method="forced", right=True, format=name)
    [chain] = chains(tmp_path, parity(name), line)
    assert {line.verdict for line in chain.lines} == {"correct"}
    assert len(chain.lines) == (1 if name == "direct" else 4)
    page = report([tmp_path / "run"])
    assert "the model predicts another text" not in page
    assert ("<h2>Sample answers</h2>" in page, "<h2>Sample chains</h2>" in page) == (
        (True, False) if name == "direct" else (False, True)
    )


def test_teacher_forcing_of_a_wrong_text_of_one_state_says_what_is_known(tmp_path: Path) -> None:
    """A sample of a scratchpad does not say which of its parts is wrong."""
    wrong: dict[str, Any] = {"method": "forced", "right": False, "exact": False}
    [answer] = chains(tmp_path / "a", parity("direct"), sample(QUESTION, [], [False], "", "", **wrong))
    [work] = chains(tmp_path / "b", parity("scratchpad"), sample(QUESTION, [], [False], "", "", **wrong))
    assert ([line.verdict for line in answer.lines], answer.unplaced) == (["wrong"], False)
    assert ([line.verdict for line in work.lines], work.unplaced) == ([""] * 4, True)
    assert "does not say in which line" in report([tmp_path / "b" / "run"])


@pytest.mark.parametrize("name", ["inductive", "scratchpad"])
@pytest.mark.parametrize("method", ["forced", "free"])
def test_a_question_beyond_the_context_has_no_chain(tmp_path: Path, name: str, method: str) -> None:
    line = {**sample(QUESTION, [], [], "", "0", method=method), "exact": False, "status": "over-context"}
    [chain] = chains(tmp_path, parity(name), line)
    assert (chain.correct, chain.lines, chain.unplaced) == (False, (), False)
    assert chain.answers == "not evaluated: the document is longer than the context of the model"


def test_generated_text_is_preferred_to_teacher_forcing(tmp_path: Path) -> None:
    forced = sample(QUESTION, [], [True] * 4, "", "", method="forced")
    [chain] = chains(tmp_path, parity(), forced, evaluated(TRUE, "0"))
    assert not chain.forced


def test_a_long_chain_is_cut_to_its_head_the_error_and_its_tail(tmp_path: Path) -> None:
    config = parity(window="31", bits="31")
    question = (*"01" * 15, "0", "=")
    task = Parity(window=31)
    states = list(terminated(task.chain(question)))
    states[17] = (*states[17][:-2], "1" if states[17][-2] == "0" else "0", "<sep>")
    line = sample(question, states, check_transitions(task, question, states), "0", "1", size=31)
    [chain] = chains(tmp_path, config, line)
    shown = [line.number or -line.skipped for line in chain.lines]
    assert shown == [1, 2, 3, -12, 16, 17, 18, 19, 20, -10, 31, 32]
    assert chain.lines[6].verdict == "wrong"


def test_a_long_state_is_cut_to_its_ends_and_the_difference(tmp_path: Path) -> None:
    problems = [{"question": name, "states": ["ab" * 250 + name], "answer": name} for name in "cde"]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    config = dataclasses.replace(parity(), task=TaskConfig("data", "inductive", data=str(tmp_path / "data.jsonl")))
    written = (*"ab" * 150, "c", *"ba" * 99, "b", "c", "<end>")
    [chain] = chains(tmp_path, config, sample(("c",), [written], [False], "c", "c"))
    head, middle, tail = ("".join(part) for part in (written[:60], written[250:351], written[442:]))
    assert text(chain.lines[0].written) == f"{head} … 190 more … {middle} … 91 more … {tail}"
    assert text(chain.lines[0].written, "differs") == "c"


def test_texts_of_other_lengths_are_marked_from_the_first_difference_on(tmp_path: Path) -> None:
    [chain] = chains(tmp_path, parity(), evaluated([TRUE[0], symbols("[02]1,11")], "1"))
    assert text(chain.lines[1].written, "differs") == "1,11<sep>"


def test_a_given_first_state_is_not_scored(tmp_path: Path) -> None:
    [chain] = chains(tmp_path, parity(), sample(QUESTION, TRUE, [True, False, True], "1", "0"))
    assert [line.verdict for line in chain.lines] == ["correct", "correct", "wrong", "follows"]


def test_symbols_of_several_characters_are_spaced(tmp_path: Path) -> None:
    cycles = dataclasses.replace(parity(), task=TaskConfig("cycles", "inductive", {"n": "2-3", "names": 11}))
    question = Cycles(names=31).parse("v01 > v02 ; v03 > v04 ; v02 > v01 ; v04 > v03 ; v01 ? v03 ;")
    line = sample(question, [("v01", "<sep>"), ("v04", ";", "<end>")], [True, False], "0", "0")
    [chain] = chains(tmp_path, cycles, line)
    assert chain.question == " ".join(question)
    assert [text(line.written) for line in chain.lines] == ["v01 <sep>", "v04 ; <end>"]
    assert text(chain.lines[1].expected) == "v02 <sep>"


def test_up_to_four_lengths_are_shown(tmp_path: Path) -> None:
    found = chains(tmp_path, parity(), *(evaluated(TRUE, "0", size=size) for size in (19, 2, 3, 5, 7, 11, 13, 17)))
    assert [chain.size for chain in found] == [2, 5, 13, 19]


OWN = """
SETTINGS = {"sizes": "1-3"}
def symbols(settings): return "ab"
def question(rng, size): return "a" * size
def first(question): return question
def step(question, state): return state[1:] if len(state) > 1 else None
def answer(question, state): return state
def truth(question): return "a"
"""


def test_a_task_from_a_file_needs_its_file(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    config = dataclasses.replace(parity(), task=TaskConfig("own", "inductive", file=str(file)))
    line = sample(("a", "a"), [("a", "b", "<end>")], [False], "b", "a", size=2)
    folder = write_run(tmp_path / "run", config, evaluation=[line])
    assert "the page shows no true states, because the task cannot be loaded" in report([folder])
    [(_, [unknown])] = sample_chains(read_run(folder))
    assert [(line.verdict, line.expected) for line in unknown.lines] == [("wrong", ())]
    [(_, [known])] = sample_chains(read_run(folder, str(file)))
    assert text(known.lines[0].expected) == "aa<sep>"
    assert "size 1-3" in report([folder])  # the lengths are known without the file
