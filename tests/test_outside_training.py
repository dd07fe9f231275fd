"""What `solve` says about a question: the truth, the first wrong state, and how training questions differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import Capture, command, tiny, trained

from scratchpad.config.lengths import Lengths
from scratchpad.evaluation.outside_training import outside_training
from scratchpad.run import Run
from scratchpad.tasks import task_named
from scratchpad.tasks.base import draws
from scratchpad.tasks.user_data import Corpus, Entry
from scratchpad.tasks.user_file import load_task_file

MY_TASK = str(Path(__file__).parent.parent / "examples" / "my_task.py")
DEMO = {"bits": "4-5", "window": 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that solves the shortest questions."""
    settings = {"train__steps": 150, "train__batch": 16, "train__learning_rate": 1e-2, "bits": "1-3", "window": 4}
    return trained(tmp_path_factory.mktemp("learned") / "run", tiny(**settings, evaluate__sizes="1,2"))


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("1_0__11_____________=", []),
        ("1010________________=", ["16 times _ in a row, trained on at most 13"]),
        ("1__1___1___1__1___1_=", ["bits=6, trained on 4-5"]),
        ("1__1__0__1=", ["11 symbols, trained on 21"]),
    ],
)
def test_questions_outside_training(question: str, says: list[str]) -> None:
    task = task_named("parity", DEMO)
    assert outside_training([task], task.parse(question), 0) == says


def test_questions_of_training_are_never_outside() -> None:
    cycles = (task_named("cycles", {"n": "3-5"}), task_named("cycles", {"n": 3, "vertices": 10}))
    for task in (task_named("parity", DEMO), *cycles, load_task_file(MY_TASK)):
        for _, question in draws(task, 3, "train", 0, 50):
            assert outside_training([task], question, 3) == []


def test_every_line_of_a_data_file_counts() -> None:
    """Lines are not drawn at random, so the first of them need not be like the others."""
    entries = tuple(Entry(("a",) * size, (("b",),), ("b",)) for size in range(1, 301))
    data = Corpus(steps=Lengths(1, 1), entries=entries, test_entries=entries[:1])
    assert outside_training([data], ("a",) * 300, 0) == []
    assert outside_training([data], ("a",) * 301, 0) == ["301 symbols, trained on 1-300"]


def test_a_missing_last_symbol_is_noticed() -> None:
    lines = [Entry((*colours, "?"), (colours,), colours) for colours in (("red",), ("red", "blue"), ("blue",))]
    data = Corpus(steps=Lengths(1, 1), entries=tuple(lines), test_entries=tuple(lines))
    assert outside_training([data], ("red", "red"), 0) == ["the last symbol red, trained on ?"]
    assert outside_training([data], ("red", "red", "?"), 0) == []


def test_each_stage_of_a_curriculum_counts() -> None:
    stages = [task_named("parity", {"bits": bits, "window": 9}) for bits in ("1", "3-4")]
    two, four = (stages[0].parse(text) for text in ("1_1______=", "1_1_1_1__="))
    assert outside_training(stages, two, 0) == ["bits=2, trained on 1, 3-4"]
    assert outside_training(stages, four, 0) == []
    assert outside_training(stages, stages[0].parse("1________="), 0) == []  # the first stage has 8 blanks in a row


def test_digits_without_blanks_are_laid_out_as_in_training(run: Run) -> None:
    task = task_named("parity", {"bits": "3", "window": 20})
    completed = task.completed(task.parse("10110"))
    assert len(completed) == 21
    assert "".join(completed).replace("_", "") == "10110="
    assert completed == task.completed(task.parse("10110")) != task.completed(task.parse("10111"))
    assert {completed.index("1"), completed.index("0")} != {0, 1}
    assert task.completed(task.parse("1_0")) == task.parse("1_0_________________=")
    assert task.completed(task.parse("1" * 20)) == task.parse("1" * 20 + "=")
    assert run.solve("1").question == run.parse_question("1")


def test_solve_says_whether_the_answer_is_correct(run: Run, capsys: Capture) -> None:
    solved = run.solve("_1__=")
    assert (solved.answer, solved.truth, solved.first_wrong) == (("1",), ("1",), None)
    status, out, err = command(capsys, "solve", run.folder, "_1__=")
    assert (status, out.splitlines()[-1], err) == (0, "the truth is 1: correct", "")
    wrong = next(one for one in map(run.solve, ("11_1=", "111_=", "1_11=", "_111=", "1111=")) if one.first_wrong)
    status, out, err = command(capsys, "solve", run.folder, "".join(wrong.question))
    verdict = "correct" if wrong.answer == wrong.truth else "wrong"
    assert wrong.first_wrong is not None
    follows = f"state {wrong.first_wrong + 1} does not follow from the question and the state before it"
    assert out.splitlines()[-1] == f"the truth is {''.join(wrong.truth or ())}: {verdict}; {follows}"


def test_solve_says_what_is_outside_training(run: Run, capsys: Capture) -> None:
    status, out, err = command(capsys, "solve", run.folder, "1111")
    assert status == 0
    assert err == "outside what was trained: bits=4, trained on 1-3\n"
    assert out.splitlines()[0] == "question: 1111="


def test_a_question_may_be_a_tuple_of_symbols(run: Run) -> None:
    symbols = run.parse_question("_1__=")
    assert run.solve(symbols) == run.solve("_1__=")
    assert run.solve([symbols, symbols]) == run.solve(["_1__=", "_1__="])
