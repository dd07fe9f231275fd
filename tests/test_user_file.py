"""A user's task file: the example, its settings, and errors with the file's name."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.base import Task, draws
from scratchpad.tasks.document import as_text
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.user_file import load_task_file

TASK_FILE = str(Path(__file__).parent.parent / "examples" / "my_task.py")
DIGITS = "0123456789"


def test_the_example_of_a_task_file() -> None:
    task = load_task_file(TASK_FILE)
    question = task.parse("9[2716]059=")
    inductive, direct = (format_named(name).write(task, question) for name in ("inductive", "direct"))
    assert as_text(inductive.symbols(), paper=True) == "9[2716]059=:c2,2#d7,7#e1,7#f6,7#g],7."
    assert as_text(direct.symbols(), paper=True) == "9[2716]059=7."
    assert task.settings() == {"sizes": "1-6", "largest": 9, "window": 20, "fill": DIGITS}
    for _, drawn in draws(task, 0, "train", 0, 23):
        assert task.answer(drawn, task.chain(drawn)[-1]) == task.truth(drawn)
        assert len(drawn) == 21
        assert 1 <= drawn.index("]") - drawn.index("[") - 1 <= 6


def test_settings_reach_the_functions_of_the_file() -> None:
    task = load_task_file(TASK_FILE, {"largest": "1", "sizes": "13"})
    assert task.settings() == {"sizes": 13, "largest": 1, "window": 20, "fill": DIGITS}
    drawn = [question for _, question in draws(task, 0, "train", 0, 23)]
    lists = [question[question.index("[") + 1 : question.index("]")] for question in drawn]
    assert {symbol for items in lists for symbol in items} == {"0", "1"}
    assert {question.index("]") - question.index("[") for question in drawn} == {14}
    assert load_task_file(TASK_FILE).settings()["largest"] == 9
    three = task.at_size(3).draw(0, "test", 0)
    assert three.index("]") - three.index("[") == 4


def test_a_typed_question_is_completed_by_the_file(tmp_path: Path) -> None:
    task = load_task_file(TASK_FILE)
    completed = task.completed(task.parse("27160"))
    assert "[27160]" in "".join(completed)
    assert task.read_question("27160") == completed
    assert len(completed) == 21
    assert task.completed(completed) == completed == load_task_file(TASK_FILE).completed(task.parse("27160"))
    file = tmp_path / "mine.py"
    file.write_text(COUNTDOWN)
    assert load_task_file(str(file)).completed(("7",)) == ("7",)


def test_a_task_of_a_file_can_be_sent_to_another_process() -> None:
    task = load_task_file(TASK_FILE, {"largest": 3}).at_size(11)
    again = pickle.loads(pickle.dumps(task))
    assert again.settings() == task.settings() == {"sizes": 11, "largest": 3, "window": 20, "fill": DIGITS}
    assert again.draw(5, "train", 7) == task.draw(5, "train", 7)


def test_where_the_file_lies_does_not_change_its_draws(tmp_path: Path) -> None:
    copy = tmp_path / "other_name.py"
    copy.write_text(Path(TASK_FILE).read_text())
    assert load_task_file(str(copy)).draw(0, "train", 3) == load_task_file(TASK_FILE).draw(0, "train", 3)


COUNTDOWN = """
def symbols(settings): return "0123456789"
def question(rng, size): return str(rng.below(10))
def first(question): return question
def step(question, state): return None if state == ("0",) else str(int(state[0]) - 1)
def answer(question, state): return state
def truth(question): return "0"
"""


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("def truth", "def other", "no function truth; a task needs symbols, question"),
        ('return "0"', 'return "1"', "for the question ., `answer` returns 0, but `truth` returns 1"),
        ('return "0123456789"', 'return "012"', "`symbols` lacks '[3-9]'"),
        ('return "0123456789"', 'return "00123456789"', "must not return a symbol twice"),
        ('return "0123456789"', 'return ["<end>", *"0123456789"]', r"must not return a symbol twice, or marks \(<pad>"),
        ("return question", "return missing", r":4: `first` for the question \d raised NameError: name 'missing'"),
        (
            "return question",
            "return None",
            r"`first` for the question \d returned None, but it must return a text or a list of symbols",
        ),
        ("def answer", "def answer(", "SyntaxError"),
        ("\ndef answer", "\n1 / 0\ndef answer", "ZeroDivisionError"),
        (
            'state == ("0",)',
            "False",
            r":5: `step` for the question \d and the state -1 raised ValueError: invalid literal",
        ),
        (
            "\ndef answer",
            "\nSETTINGS = {'words': ['a']}\ndef answer",
            r"SETTINGS\['words'\] must be a number, a text, True or False, not \['a'\]",
        ),
        ("\ndef answer", "\nSETTINGS = {'sizes': 'long'}\ndef answer", "sizes=long: a length must be a number"),
    ],
)
def test_mistakes_in_a_task_file(tmp_path: Path, before: str, after: str, says: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(COUNTDOWN)
    load_task_file(str(file))
    broken = tmp_path / "broken.py"
    assert COUNTDOWN.count(before) == 1
    broken.write_text(COUNTDOWN.replace(before, after))
    with pytest.raises(ScratchpadError, match=f"(?s)broken.py.*({says})|^{says}"):
        load_task_file(str(broken))


def test_files_without_a_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScratchpadError, match=r"nowhere.py: no such file"):
        load_task_file(str(tmp_path / "nowhere.py"))
    (tmp_path / "task.txt").write_text(COUNTDOWN)
    with pytest.raises(ScratchpadError, match=r"the name of a Python file must end in .py"):
        load_task_file(str(tmp_path / "task.txt"))
    with pytest.raises(ScratchpadError, match=r"unknown setting of .*'lagest': did you mean 'largest'"):
        load_task_file(TASK_FILE, {"lagest": "3"})
    with pytest.raises(ScratchpadError, match="largest takes a whole number, not 'many'"):
        load_task_file(TASK_FILE, {"largest": "many"})


DICE = """
import itertools, random
SETTINGS = {"sizes": "2-5"}
SIDES, TURNS = "123456", itertools.cycle([1, 2])
def symbols(settings): return SIDES + "="
def question(rng, size): return "".join(rng.choice(SIDES) for _ in range(size)) + "="
def first(question): return question[:1]
def step(question, state): return None if after(question, state) == "=" else [*state, after(question, state)]
def after(question, state): return question[len(state)]
def answer(question, state): return state
def truth(question): return question[:-1]
"""
"""The chain copies the question roll by roll."""


def dice(folder: Path, before: str = "truth", after: str = "truth") -> Task:
    """Load the task with `after` in place of `before`."""
    assert DICE.count(before) == 1
    file = folder / "dice.py"
    file.write_text(DICE.replace(before, after))
    return load_task_file(str(file))


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "rng.choice(SIDES)",
            "random.choice(SIDES)",
            "It must draw only with its argument `rng`, not with `random`",
        ),
        (
            "question[:1]",
            "question[:next(TURNS)]",
            "the chain of the question .* differs each time. `first` and `step`",
        ),
        ('SIDES + "="', '{*SIDES, "="}', r"`symbols` returned \{.*\}, but it must return a text or a list of symbols$"),
        (
            "rng.choice(SIDES)",
            "rng.wrong()",
            r"dice.py:6: `question` for the size \d raised AttributeError: .* `rng` has below\(n\)",
        ),
        ("return question[:-1]", "return [0]", "each symbol must be a text, such as '0', not 0"),
        (
            "[*state, after(question, state)]",
            "7",
            r"`step` for the question \d+= and the state \d returned 7, but .*, or None after the last state",
        ),
        (
            "question[len(state)]",
            "question[len(state) + 9]",
            r"dice.py:9: `step` for the question \d+= and the state \d+ raised IndexError: tuple index",
        ),
    ],
)
def test_mistakes_are_told_with_line_question_and_state(tmp_path: Path, before: str, after: str, says: str) -> None:
    with pytest.raises(ScratchpadError, match=says) as refused:
        dice(tmp_path, before, after)
    assert "\n" not in str(refused.value)


def test_typed_questions_are_checked_with_the_functions(tmp_path: Path) -> None:
    task = dice(tmp_path)
    assert task.read_question("1 2 =") == ("1", "2", "=")
    with pytest.raises(ScratchpadError) as refused:
        task.read_question("12")
    place, _, example = str(refused.value).partition(". An example of a question: ")
    path = tmp_path / "dice.py"
    assert place == f"{path}:9: `step` for the question 12 and the state 12 raised IndexError: tuple index out of range"
    assert task.read_question(example) == task.draw(0, "train", 0)
    with pytest.raises(ScratchpadError, match="for the question 1=2=, `answer` returns 1, but `truth` returns 1=2"):
        task.read_question("1=2=")
