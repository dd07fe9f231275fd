"""Scores and prompts of real programs and their single lines, data from the hub, mistakes, and the data sets."""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import Captured, objects
from program_data import MBPP, run_data, write

from scratchpad.cli.main import main
from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.evaluation.few_shot import few_shot_prompt, question_and_work
from scratchpad.evaluation.text_scoring import score_text
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task
from scratchpad.tasks.document import as_text, letters
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.user_data import load_corpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs run only on Linux")

DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return write(tmp_path / "mbpp.jsonl", MBPP)


# Single lines


def test_single_lines_are_what_python_makes_of_them(path: str, tmp_path: Path, capsys: Captured) -> None:
    base = ["mbpp", "--set", f"path={path}", "--single-lines"]
    found, said = run_data(capsys, *base, "--split", "test", out=tmp_path / "s.jsonl")
    asked = [line["question"].split("\n") for line in found]
    assert [line for _, line in asked if "double" not in line] == ["line: n *= 2"] * 3 + [
        "line: found = []", *["line: found.append((x, b))"] * 2
    ]  # fmt: skip
    for (state, line), one in zip(asked, found, strict=True):
        names = json.loads(state.removeprefix("state: "))
        exec(line.removeprefix("line: "), {}, names)
        assert one["states"] == [one["answer"]] == [f"state: {json.dumps(names)}"]
    assert "lines that call or return" in said
    data = load_corpus(str(tmp_path / "s.jsonl"))
    assert data.truth(letters(found[0]["question"])) == letters(found[0]["answer"])


def test_a_line_that_depends_on_more_than_its_state_is_reported(tmp_path: Path, capsys: Captured) -> None:
    program = "k = [1]\ndef f():\n  x = k[0]\n  k[0] += 1\n  return x\noutput = f() + f()"
    file = write(tmp_path / "p.jsonl", [{"program": program}, {"program": "output = [x for x in (1, 2)]\nclass"}])
    found, said = run_data(capsys, "programs", "--source", file, "--single-lines", out=tmp_path / "s.jsonl")
    assert Counter(line["question"] for line in found)["state: {}\nline: x = k[0]"] == 1
    assert "1 lines that depend on more than their state" in said
    assert "1 syntax" in said


SEVERAL_LINES = """\
x = dict(
    a=1,
    b=2,
)
y = 3 + \\
    4; z = 5
def f(
    n=7,
):
    if (
        n
    ):
        n += 1; n *= 2
    else: n = 0
    return n
z -= 1
output = f()"""


def test_lines_of_longer_statements_are_no_single_lines(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "p.jsonl", [{"program": SEVERAL_LINES}])
    found, said = run_data(capsys, "programs", "--source", file, "--single-lines", out=tmp_path / "s.jsonl")
    asked = [line["question"].split("\n") for line in found]
    assert [line for _, line in asked] == ["line: n += 1; n *= 2", "line: z -= 1"][::-1]
    assert "lines that are not a complete simple statement" in said


def test_single_lines_are_of_programs_alone(tmp_path: Path, capsys: Captured) -> None:
    assert main(["data", "parity", "-n", "1", "--single-lines", "--out", str(tmp_path / "s.jsonl")]) == 2
    assert "--single-lines needs a task that runs programs (mbpp, --source), not parity" in capsys.readouterr().err


# Prompts and scores


def test_the_examples_of_a_prompt_are_the_papers_split(path: str) -> None:
    task, form = task_named("mbpp", {"path": path}), format_named("scratchpad")
    question = task.draw(0, "test", 0)
    prompt = few_shot_prompt(task, form, question, 2)
    shown = [question_and_work(task, form.write(task, task.draw(0, "prompt", index))) for index in range(2)]
    begins = "Consider the following Python function:\n\n"
    asks = "\n\nWhat is the execution trace?\n\n[BEGIN]\n\n"
    texts = [f"{begins}{program}{asks}{trace}\n\n[DONE]\n\n" for program, trace in shown]
    assert prompt.text == "".join(texts) + f"{begins}{''.join(question)}{asks}"
    inductive = few_shot_prompt(task, format_named("inductive"), question, 1)
    assert "pairs" in inductive.examples[0][0]  # the other one has a class
    with pytest.raises(ScratchpadError, match="2 questions drawn from mbpp come from only 1 problems other"):
        few_shot_prompt(task, format_named("inductive"), question, 2)


def test_seeds_show_examples_of_data_in_other_orders(tmp_path: Path) -> None:
    """Seed 0 in the data's own."""
    lines = [{"code": f"def f(n):\n  return n + {k}", "input": "1", "output": str(k + 1)} for k in range(23)]
    task = task_named("cruxeval", {"path": write(tmp_path / "c.jsonl", lines)})
    question, form = task.draw(0, "test", 3), format_named("direct")

    def shown(seed: int, shots: int = 7) -> list[int]:
        return [int(work.split()[0]) - 1 for _, work in few_shot_prompt(task, form, question, shots, seed).examples]

    assert shown(0) == [0, 1, 2, 4, 5, 6, 7]
    assert len({tuple(shown(seed)) for seed in (0, 1, 2)}) == 3
    assert shown(1) == shown(1, 22)[:7]
    assert sorted(shown(2, 22)) == [k for k in range(23) if k != 3]


def test_the_question_is_no_example(tmp_path: Path) -> None:
    lines = [{"code": f"def f(n):\n  return n + {k}", "input": "1", "output": str(k + 1)} for k in range(3)]
    task = task_named("cruxeval", {"path": write(tmp_path / "c.jsonl", lines)})
    prompt = few_shot_prompt(task, format_named("direct"), task.draw(0, "test", 0), 2)
    assert [work.removesuffix("\n\n[DONE]") for _, work in prompt.examples] == ["2", "3"]


@pytest.mark.parametrize(
    ("form", "written", "expected"),
    [
        ("direct", "[(1, 2)]", "+. +."),
        ("direct", "[(1,2)]", "-. +."),
        ("direct", "output = [[1, 2]]", "-. +."),
        ("direct", "Therefore:\n\noutput == [(1, 2)]", "-. -."),
        ("direct", "[(1, 3)]", "-. -."),
        ("direct", "2)]", "-. -."),
        ("scratchpad", "T", "++ ++"),
        ("scratchpad", "T without found", "+- +-"),
        ("scratchpad", 'state: {"output": [[1, 2]]}', "-- +-"),
        ("scratchpad", 'line: x\nstate: {"v0": [[1, 2]]}', "-- +-"),
        ("scratchpad", "[(1, 2)]", "-- +-"),
        ("scratchpad", 'line: x\nstate: {"output": [[1, "2"]]}', "-- --"),
    ],
)
def test_outputs_are_compared_as_values(form: str, written: str, expected: str, path: str) -> None:
    task = task_named("mbpp", {"path": path})
    question = task.draw(0, "prompt", 0)
    _, target = question_and_work(task, format_named(form).write(task, question))
    text = target.replace('"found": []', '"found": 0') if "without" in written else written.replace("T", target)
    verdicts = score_text(task, format_named(form), question, text if form == "scratchpad" else written)
    shown = {True: "+", False: "-", None: "."}
    assert " ".join(shown[verdicts[s].output] + shown[verdicts[s].trace] for s in ("strict", "relaxed")) == expected


@pytest.mark.parametrize("form", ["direct", "scratchpad", "inductive"])
@pytest.mark.parametrize(
    ("ending", "strict"),
    [
        ("", True),
        ("\n\n[DONE]", True),
        ("\n [DONE] \n\nConsider 5", True),
        ("\n[DONE]and so on", True),
        (" [DONE]\n\nConsider 5", False),
    ],
)
def test_a_stop_within_a_string_ends_nothing(form: str, ending: str, strict: bool, path: str) -> None:
    task = task_named("mbpp", {"path": path})
    question = letters("def f(x):\n    return x + '\\n[DONE]'\n\noutput = f('a')")
    _, target = question_and_work(task, format_named(form).write(task, question))
    verdicts = score_text(task, format_named(form), question, target + ending)
    rights = {scoring: {verdict.output, verdict.trace} - {None} for scoring, verdict in verdicts.items()}
    assert rights == {"strict": {strict}, "relaxed": {True}}


def test_a_comment_that_ends_as_the_work_does_ends_nothing(path: str) -> None:
    task, form = task_named("mbpp", {"path": path}), format_named("scratchpad")
    question = letters("x = 5  # [DONE]\noutput = x")
    _, target = question_and_work(task, form.write(task, question))
    for verdict in score_text(task, form, question, f"{target}\n[DONE]").values():
        assert (verdict.output, verdict.trace) == (True, True)


def test_states_of_a_chain_are_compared_as_values(path: str) -> None:
    task, form = task_named("mbpp", {"path": path}), format_named("inductive")
    question = task.draw(0, "test", 0)
    _, target = question_and_work(task, form.write(task, question))
    names = '"double": "<callable_object double>"'
    turned = target.replace(f"{names}, ", "").replace('{"output": 6', f'{{"output": 6,  {names}')
    assert turned != target
    for text in (target, turned):
        verdicts = score_text(task, form, question, text)["strict"]
        assert (verdicts.output, verdicts.trace, set(verdicts.states or ())) == (True, True, {True})
    assert not score_text(task, form, question, target.replace('"n": 6', '"n": 7'))["strict"].trace


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("?", "?", "+++++"),
        ('{"v0": 12}', '{"v0": 13}', "+++-+"),
        ("line:   v0 *= 2", "line: ?", "+++++"),
        ("state: {}\n", "", "-----"),
        ('\nstate: {"v0": 12}\nline:   return v0', "", "+++--"),
    ],
)
def test_states_are_scored_one_by_one_in_their_places(old: str, new: str, expected: str) -> None:
    task, form = task_named("programs"), format_named("scratchpad")
    question = task.parse(r"def f(v0):\n  v0 *= 2\n  return v0\n\noutput = f(6)")
    _, target = question_and_work(task, form.write(task, question))
    assert (old in target) is (old != "?")
    verdicts = score_text(task, form, question, target.replace(old, new))["strict"].states
    assert verdicts is not None
    assert "".join("-+"[right] for right in verdicts) == expected


def test_a_task_is_correct_if_all_its_runs_are(path: str, tmp_path: Path, capsys: Captured) -> None:
    command = ["prompt", "mbpp", "--format", "direct", "--shots", "0", "-n", "4", "--set", f"path={path}", "--json"]
    assert main(command) == 0
    lines = objects(capsys.readouterr().out)
    answers = [{**line, "completion": line["target"] if i else "0"} for i, line in enumerate(lines)]
    assert main(["score", write(tmp_path / "a.jsonl", answers), "--json"]) == 0
    found = objects(capsys.readouterr().out)
    assert {one["unit"]: (one["correct"], one["n"]) for one in found} == {"example": (3, 4), "problem": (1, 2)}


# The hub


def test_without_the_package_of_the_hub(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    for name in ("mbpp", "cruxeval"):
        assert main(["show", name, "--split", "test"]) == 2
        err = capsys.readouterr().err
        assert "the package `datasets` is not installed. Install it with pip install 'scratchpad[hub]', or" in err
        assert "with the setting path=FILE.jsonl" in err


def test_data_by_name_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(name: str, config: str | None) -> dict[str, list[dict[str, Any]]]:
        asked.append((name, config))
        if name.startswith("cruxeval"):
            raise ConnectionError("no route")
        return {"test": MBPP[2:4], "train": MBPP[6:]}  # the hub's own splits are not looked at

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    task = task_named("mbpp")
    assert [task.count(split) for split in ("prompt", "train", "validation", "test")] == [0, 3, 0, 4]
    says = r"cruxeval-org/cruxeval could not be loaded .* ConnectionError: no route. You can load the data from"
    with pytest.raises(RunFailure, match=says):
        task_named("cruxeval").count("test")
    assert asked == [("google-research-datasets/mbpp", "full"), ("cruxeval-org/cruxeval", None)]


# Mistakes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"code": None}, "mbpp.jsonl:1: an MBPP task must have `task_id`"),
        ({"task_id": "1"}, "mbpp.jsonl:1: an MBPP task must have `task_id`"),
        ({"task_id": 975}, "task_id 975 must be from 1 to 974"),
        ({"test_list": ["f(1)"]}, "a test must have the form `assert f"),
        ({"test_list": ["assert ("]}, "a test must have the form `assert f"),
    ],
)
def test_lines_that_are_no_mbpp(change: dict[str, Any], says: str, tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "mbpp.jsonl", [{**MBPP[2], **change}])
    assert main(["show", "mbpp", "--set", f"path={file}"]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "mbpp", "--set", "path=none.jsonl"], "none.jsonl: cannot be read"),
        (["show", "mbpp", "--set", "path=P", "lines=99"], "no train program has lines=99; in other splits: none"),
        (["show", "cruxeval", "--set", "path=C"], "no train program has lines=1-100000; in other splits: test (1)"),
        (
            ["show", "mbpp", "--set", "path=P", "candidates=C"],
            "a candidate must have a `program` and the `task_id` of one of the 8 tasks",
        ),
        (
            ["show", "mbpp", "--set", "path=P", "steps=0"],
            "mbpp: steps=0 most_characters=0: steps must be at least 1, and most_characters must be at least 0",
        ),
        (["show", "mbp", "--set", "path=P"], "unknown task 'mbp': did you mean 'mbpp'"),
        (["show", "own-programs"], "own-programs needs the setting path=FOLDER"),
        (["show", "parity", "--source", "P"], "--source is only for the task `programs`, not for parity"),
        (["show", "programs", "--source", "P"], "P: a line must be {"),
        (["show", "programs", "--source", "EMPTY"], "the folder has no .py file"),
        (["data", "parity", "--out", "x.jsonl"], "parity can draw any number of documents; choose a number with -n"),
    ],
)
def test_mistakes(arguments: list[str], says: str, path: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").mkdir()
    crux = write(tmp_path / "crux.jsonl", [{"code": "def f(n): return n", "input": "1"}])
    named = {"path=P": f"path={path}", "path=C": f"path={crux}", "candidates=C": f"candidates={crux}", "P": path}
    named["EMPTY"] = str(tmp_path / "empty")
    assert main([named.get(argument, argument) for argument in arguments]) == 2
    assert says.replace("P:", f"{path}:1:") in capsys.readouterr().err


# The data sets themselves


def there(name: str) -> Task:
    if not (file := DATA / f"{name}.jsonl").exists():
        pytest.skip(f"{name}.jsonl is not in ../shared/data: the data sets are no part of the repository")
    return task_named(name, {"path": str(file)})


def test_mbpp_itself() -> None:
    task = there("mbpp")
    assert {split: task.count(split) for split in ("prompt", "test", "validation", "train")} == {
        "prompt": 30, "test": 1500, "validation": 270, "train": 1122
    }  # fmt: skip
    expected = [json.loads(line) for line in (DATA / "mbpp.jsonl").read_text().splitlines()]
    for index in range(0, 1500, 101):
        (statement,) = ast.parse(expected[10 + index // 3]["test_list"][index % 3]).body
        assert isinstance(statement, ast.Assert)
        assert isinstance(statement.test, ast.Compare)
        try:
            value = ast.literal_eval(statement.test.comparators[0])
        except ValueError:
            continue
        assert ast.literal_eval("".join(task.truth(task.draw(0, "test", index)))) == value


def test_cruxeval_itself() -> None:
    task = there("cruxeval")
    outputs = [json.loads(line)["output"] for line in (DATA / "cruxeval.jsonl").read_text().splitlines()]
    assert task.count("test") == len(outputs) == 800
    for index in range(0, 800, 101):
        question = task.draw(0, "test", index)
        assert as_text(task.truth(question)) == outputs[index]
        assert task.answer(question, task.chain(question)[-1]) == task.truth(question)
