"""Real programs as tasks: splits, documents, problems left out, data files, candidates, the user's programs.

The programs are small ones of `program_data.py`; the data sets themselves are tested in `test_program_scores.py`.
"""

from __future__ import annotations

import importlib
import json
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import ROOT, Captured, objects
from program_data import CLASS, DOUBLE, ENDLESS, MBPP, PAIRS, RAISES, run_data, write
from traces import read_trace

from scratchpad.cli.main import main
from scratchpad.config.schema import RunConfig
from scratchpad.generation.sampling import Sampling
from scratchpad.generation.solved import Solved
from scratchpad.run import Run
from scratchpad.tasks import task_named
from scratchpad.tasks.document import END, as_text, bare, letters
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.user_data import load_corpus
from scratchpad.training.setup import train

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs run only on Linux")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return write(tmp_path / "mbpp.jsonl", MBPP)


# Questions and documents


def test_the_papers_splits_and_calls(path: str) -> None:
    task = task_named("mbpp", {"path": path})
    names = ("prompt", "test", "validation", "train")
    found = {split: ["".join(task.draw(5, split, i)) for i in range(task.count(split) or 0)] for split in names}
    double = DOUBLE.replace("\r", "")
    assert found == {
        "prompt": [f"{PAIRS}\n\noutput = pairs([1], 2)", f"{CLASS}\n\noutput = two(1)"],
        "test": [
            f"{double}\n\noutput = double(3)",
            f"{double}\n\noutput = double(n=-1)",
            f"{double}\n\noutput = double('a')",
            f"{PAIRS}\n\noutput = set(pairs([1, 1], ()))",
        ],
        "validation": [*(f"{RAISES}\n\noutput = inverse({n})" for n in (2, 0)), f"{ENDLESS}\n\noutput = wait(1)"],
        "train": [f"{double}\nTEN = 10\n\noutput = double(TEN)", *(f"{CLASS}\n\noutput = two({n})" for n in (5, 6))],
    }
    assert task.draw(0, "test", 0) == task.draw(9, "test", 4)


def test_the_formats_of_a_run(path: str) -> None:
    task = task_named("mbpp", {"path": path})
    question = task.draw(0, "prompt", 0)
    texts = {name: format_named(name).write(task, question) for name in format_names(task)}
    assert as_text(texts["direct"].symbols()) == f"{''.join(question)}[(1, 2)]{END}"
    trace = read_trace("".join(bare(texts["scratchpad"].states[0])))
    assert trace.lines == (
        "def pairs(a, b):", "output = pairs([1], 2)", "    found = []", "    for x in a:",
        "        found.append((x, b))", "    for x in a:", "    return found",
    )  # fmt: skip
    assert trace.states[-2:] == (
        {"a": [1], "b": 2, "found": [[1, 2]], "x": 1},
        {"pairs": "<callable_object pairs>", "output": [[1, 2]]},
    )
    changes = read_trace("".join(bare(texts["changes"].states[0])))
    assert changes.states[-3:] == ({"found": [[1, 2]]}, {}, {"output": [[1, 2]]})
    chain = [json.loads("".join(bare(state))) for state in texts["inductive"].states]
    assert [state["frames"][-1]["line"] for state in chain[:-1]] == [1, 7, 2, 3, 4, 3, 5]
    assert chain[-1] == trace.states[-1]
    assert "".join(texts["inductive"].prompt) == (
        "1 def pairs(a, b):\n2     found = []\n3     for x in a:\n4         found.append((x, b))\n5     return found\n"
        "6\n7 output = pairs([1], 2)<start>"
    )
    for name, document in texts.items():
        assert format_named(name).answer(task, question, document.states) == letters("[(1, 2)]")


def test_each_state_leads_to_the_next(path: str) -> None:
    task = task_named("mbpp", {"path": path})
    for index in range(3):
        question = task.draw(0, "test", index)
        chain = task.chain(question)
        assert task.first(question) == chain[0]
        assert [task.step(question, state) for state in chain] == [*chain[1:], None]
        assert task.answer(question, chain[-1]) == task.truth(question)
        for torn in ((), chain[2][1:], letters("[1]"), letters('{"frames": []}'), letters("{}")):
            with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
                task.step(question, torn)


def test_wrong_outputs_stay_wrong(path: str) -> None:
    task = task_named("mbpp", {"path": path})
    question = task.draw(0, "prompt", 0)
    for written, answer in (("[[1, 2]]", "[(1, 2)]"), ("[[1, 3]]", "[[1, 3]]"), ("[[1.0, 2]]", "[[1.0, 2]]")):
        state = letters(f'{{"output": {written}}}')
        assert task.answer(question, state) == letters(answer)
        text = letters(f'line: x\nstate: {{"output": {written}}}')
        assert task.answer_in_text(question, text, format_named("scratchpad")) == letters(answer)


def test_any_program_is_a_question(capsys: Captured) -> None:
    """A question from the command line needs no data file."""
    question = r"x = 1\nx += 1\n\noutput = x"
    assert main(["show", "cruxeval", "--format", "changes", "--question", question]) == 0
    assert capsys.readouterr().out.endswith(
        'line: x += 1\nstate: {"x": 2}\nline: output = x\nstate: {"output": 2}<end>\n'
    )
    assert main(["show", "cruxeval", "--format", "direct", "--question", "x = 1"]) == 2
    assert "is left out: no output: the program does not set `output`" in capsys.readouterr().err


# Problems that are left out


@pytest.mark.parametrize(
    ("split", "form", "more", "numbers", "said"),
    [
        ("train", "scratchpad", [], [0, 1, 2], "3 documents"),
        ("train", "inductive", [], [0], "1 documents; left out 2: 2 refused: class"),
        ("train", "direct", [], [0, 1, 2], "3 documents"),
        ("validation", "direct", ["steps=37"], [0], "1 documents; left out 2: 1 exception, 1 steps: the program ran"),
        ("test", "direct", ["most_characters=237"], [], "nothing to write; left out 4: 4 a trace over 237 characters"),
        ("test", "direct", ["most_characters=238"], [0, 1, 2], "3 documents; left out 1: 1 a trace over 238"),
        ("test", "direct", ["lines=7"], [0], "1 documents"),
    ],
)  # fmt: skip
def test_problems_left_out_are_counted_by_reason(
    split: str, form: str, more: list[str], numbers: list[int], said: str, path: str, tmp_path: Path, capsys: Captured
) -> None:
    """The longest trace of `double` has 238 characters: a limit below leaves out all runs of the problem."""
    out = tmp_path / "out.jsonl"
    command = ["data", "mbpp", "--split", split, "--format", form, "--set", f"path={path}", *more, "--out", str(out)]
    assert main(command) == (0 if numbers else 2)
    assert said in capsys.readouterr().err
    assert [line["index"] for line in (objects(out.read_text()) if numbers else [])] == numbers


def test_a_context_leaves_out_longer_documents(path: str, tmp_path: Path, capsys: Captured) -> None:
    """The inductive form needs room for the question and two states, whatever the number of steps."""
    base, out = ["mbpp", "--split", "test", "--set", f"path={path}"], tmp_path / "out.jsonl"
    whole, _ = run_data(capsys, *base, "--format", "scratchpad", out=out)
    sizes = [len(line["prompt"]) + len(line["states"][0]) for line in whole]
    found, said = run_data(capsys, *base, "--format", "scratchpad", "--context", str(sorted(sizes)[1]), out=out)
    assert [line["index"] for line in found] == sorted(sorted(range(4), key=sizes.__getitem__)[:2])
    assert said.endswith(f"2 documents; left out 2: 2 over {sorted(sizes)[1]} positions\n")
    chains, _ = run_data(capsys, *base, "--format", "inductive", out=out)
    states = [list(map(len, line["states"])) for line in chains]
    needs = [len(line["prompt"]) + max(map(sum, pairwise(s))) for line, s in zip(chains, states, strict=True)]
    found, _ = run_data(capsys, *base, "--format", "inductive", "--context", str(max(needs) - 1), out=out)
    assert [line["index"] for line in found] == [i for i in range(4) if needs[i] < max(needs)]


def test_problems_of_a_data_set_are_not_repeated(path: str, tmp_path: Path, capsys: Captured) -> None:
    """Drawn problems have no such limit."""
    base, out = ["mbpp", "--split", "test", "--format", "direct", "--set", f"path={path}"], tmp_path / "o.jsonl"
    assert len(run_data(capsys, *base, "-n", "4", out=out)[0]) == 4
    assert main(["data", *base, "-n", "5", "--out", str(out), "--force"]) == 2
    assert "-n 5: the test split of mbpp has only 4 questions" in capsys.readouterr().err
    assert len(run_data(capsys, "programs", "-n", "401", "--format", "direct", out=out)[0]) == 401


def test_show_and_prompt_count_what_they_leave_out(path: str, capsys: Captured) -> None:
    base = ["mbpp", "--split", "validation", "-n", "3", "--format", "direct", "--set", f"path={path}", "steps=37"]
    assert main(["show", *base, "--json"]) == 0
    out, err = capsys.readouterr()
    assert [line["index"] for line in objects(out)] == [0]
    assert "3 documents requested; left out 2: 1 exception, 1 steps" in err
    assert main(["prompt", *base, "--shots", "2", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [line["index"] for line in objects(out)] == [0]
    assert "1 prompts; left out 2: 1 exception, 1 steps" in err


# Data files


@pytest.mark.parametrize("form", ["direct", "scratchpad", "changes", "inductive"])
def test_training_and_evaluation_on_traces_in_a_file(form: str, path: str, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out.jsonl"
    run_data(capsys, "mbpp", "--split", "test", "--format", form, "--set", f"path={path}", out=out)
    settings = {
        "task.data": str(out), "task.test_data": str(out), "task.format": form, "model": "tiny",
        "model.positions": "rotary", "train.steps": 1, "train.batch": 2, "evaluate.n": 1,
    }  # fmt: skip
    run: Run = train(RunConfig().with_settings(settings), tmp_path / "run", "cpu")
    assert {score.format for score in run.evaluate(n=1, method="forced")} == {form}


def test_the_answer_in_a_file_of_traces_is_the_value_of_output(path: str, tmp_path: Path, capsys: Captured) -> None:
    for form, output in (("scratchpad", "\nstate: "), ("inductive", "")):
        out = tmp_path / f"{form}.jsonl"
        run_data(capsys, "mbpp", "--split", "prompt", "--format", form, "--set", f"path={path}", "-n", "1", out=out)
        run_data(capsys, "mbpp", "--split", "test", "--format", form, "--set", f"path={path}", out=tmp_path / "t.jsonl")
        data = load_corpus(str(tmp_path / "t.jsonl"), str(out))
        question = data.draw(0, "test", 0)
        for written, answer in (('{"output":[[1,2]]}', "[(1, 2)]"), ('{"output": 7}', "7")):
            states = [letters(f"line: nothing{output}{written}") if output else letters(written)]
            assert format_named(form).answer(data, question, [(*states[0], END)]) == letters(answer)


# Candidates


def test_candidates_run_on_their_tasks_inputs(path: str, tmp_path: Path, capsys: Captured) -> None:
    """Runs with wrong outputs are kept, runs that raise are left out; the same command writes the same file."""
    programs = {"wrong": "def double(n):\n  return n * 3", "raises": "def double(n):\n  return n + 0"}
    lines = [{"task_id": 11, "program": text} for text in (*programs.values(), "def double(n)", "def other(n): ...")]
    settings = [f"path={path}", f"candidates={write(tmp_path / 'c.jsonl', lines)}"]
    command = ["mbpp", "--split", "test", "--format", "direct", "--set", *settings]
    found, said = run_data(capsys, *command, out=tmp_path / "out.jsonl")
    assert said.endswith("5 documents; left out 7: 4 exception, 3 syntax\n")
    assert ["".join(line["answer"]) for line in found] == ["9", "-3", "'aaa'", "3", "-1"]
    assert "".join(found[0]["question"]) == f"{programs['wrong']}\n\noutput = double(3)"
    first = (tmp_path / "out.jsonl").read_bytes()
    run_data(capsys, *command, out=tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == first


# The user's programs


def test_a_folder_of_programs(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "mine"
    (folder / "more").mkdir(parents=True)
    (folder / "b.py").write_text("# call: f(3)\n# call: f('x')\ndef f(n):\n  return n * 2  # twice\n")
    (folder / "more" / "a.py").write_text("x = 2\noutput = x + 1\n")
    (folder / "c.py").write_text("x = 2\n")
    (folder / "d.py").write_text("# call: f(3\ndef f(n):\n  return n\n")
    (folder / "notes.txt").write_text("no program")
    base = ["programs", "--source", str(folder), "--format", "scratchpad"]
    found, said = run_data(capsys, *base, out=tmp_path / "out.jsonl")
    assert said.endswith("3 documents; left out 2: 1 no output: the program does not set `output`, 1 syntax\n")
    assert ["".join(line["question"]) for line in found] == [
        "def f(n):\n  return n * 2  # twice\n\noutput = f(3)",
        "def f(n):\n  return n * 2  # twice\n\noutput = f('x')",
        "x = 2\noutput = x + 1",
    ]
    assert ["".join(line["answer"]) for line in found] == ["6", "'xx'", "3"]
    assert [line["task"] for line in found] == ["own-programs"] * 3
    assert main(["prompt", *base, "--shots", "1", "-n", "2", "--split", "test", "--json"]) == 0
    prompts = objects(capsys.readouterr().out)
    assert all("x = 2\noutput = x + 1" in line["prompt"] for line in prompts)


def test_calls_are_comments_on_lines_of_their_own(tmp_path: Path, capsys: Captured) -> None:
    text = """def f(n):
    #call: f(3)
    return n * len('''
# call: f(4)
''')  # call: f(5)
#   call:  f(6)"""
    (tmp_path / "a.py").write_text(text)
    found, _ = run_data(capsys, "programs", "--source", str(tmp_path), "--format", "direct", out=tmp_path / "o.jsonl")
    program = "def f(n):\n    return n * len('''\n# call: f(4)\n''')  # call: f(5)"
    calls = [f"{program}\n\noutput = {call}" for call in ("f(3)", "f(6)")]
    assert ["".join(line["question"]) for line in found] == calls
    assert ["".join(line["answer"]) for line in found] == [str(3 * 14), str(6 * 14)]


def test_a_file_that_is_not_text_counts_as_a_syntax_error(tmp_path: Path, capsys: Captured) -> None:
    contents = {"a": b"output = '\xff'", "b": b"# coding: none\noutput = 1", "c": b"output = (\n# call: 1"}
    for name, content in contents.items():
        (tmp_path / f"{name}.py").write_bytes(content)
    (tmp_path / "d.py").mkdir()
    (tmp_path / "d.py" / "e.py").write_text("output = 7")
    base = ["programs", "--source", str(tmp_path), "--format", "direct"]
    found, said = run_data(capsys, *base, out=tmp_path / "o.jsonl")
    assert ["".join(line["answer"]) for line in found] == ["7"]
    assert said.endswith("1 documents; left out 3: 3 syntax\n")
    assert main(["show", "programs", "--source", str(tmp_path / "a.py")]) == 2
    assert "a.py is not text in its declared encoding" in capsys.readouterr().err


def test_json_lines_of_programs(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "p.jsonl", [{"program": DOUBLE, "call": "double(7)"}, {"program": "output = 1"}])
    found, _ = run_data(capsys, "programs", "--source", file, "--format", "inductive", out=tmp_path / "o.jsonl")
    assert ["".join(line["answer"]) for line in found] == ["14", "1"]


def test_candidates_sampled_from_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured) -> None:
    """Run the example script with a stand-in for a run: odd seeds give a program, even seeds give none."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    example = importlib.import_module("sample_programs")

    def solve(question: str, sampling: Sampling) -> Solved:
        program = f"def double(n):\n  return n * {sampling.seed}"
        assert (question, sampling.temperature) == ("Twice.", 0.25)
        return Solved((), letters(program) if sampling.seed % 2 else None, "done", 1)

    tasks = [{**line, "text": "Twice."} for line in MBPP if line["task_id"] == 601]
    lines = list(example.sampled(SimpleNamespace(solve=solve), tasks, 5, 0.25))
    assert capsys.readouterr().err == "left out 3 of 5 samples: unfinished programs\n"
    settings = [f"path={write(tmp_path / 'm.jsonl', MBPP)}", f"candidates={write(tmp_path / 'c.jsonl', lines)}"]
    found, _ = run_data(capsys, "mbpp", "--format", "direct", "--set", *settings, out=tmp_path / "out.jsonl")
    assert ["".join(line["answer"]) for line in found] == ["10", "30"]
    other = {"question": "Thrice.", "states": ["x"], "answer": "x"}
    texts = load_corpus(write(tmp_path / "t.jsonl", [*map(example.text_line, tasks), other]))
    assert texts.truth(texts.parse("Twice.")) == letters(DOUBLE.replace("\r", ""))
