"""The commands `prompt` and `score`: JSON lines, verdicts, shares, and mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import TASK_FILE, Captured, objects

from scratchpad.cli.main import main
from scratchpad.evaluation.few_shot import few_shot_prompt
from scratchpad.evaluation.intervals import wilson
from scratchpad.tasks import task_named
from scratchpad.tasks.formats import format_named

SUM = "2 9 + 5 7"
PROGRAM = "def f(v0):\n  v0 *= 2\n  return v0\n\noutput = f(6)"


def run_prompt(capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    assert main(["prompt", *arguments, "--json"]) == 0
    return objects(capsys.readouterr().out)


def write(path: Path, lines: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_prompt_prints_the_text_as_it_is(capsys: Captured) -> None:
    assert main(["prompt", "long-addition", "--shots", "1", "--question", SUM]) == 0
    out = capsys.readouterr().out
    task = task_named("long-addition")
    assert out == few_shot_prompt(task, format_named("scratchpad"), task.parse(SUM), 1).text
    assert main(["prompt", "long-addition", "--shots", "0", "-n", "2"]) == 0
    assert capsys.readouterr().out.count("Input:\n") == 2
    assert main(["prompt", "programs", "--shots", "0", "--question", PROGRAM, "--chat"]) == 0
    assert capsys.readouterr().out.startswith("[user]\nConsider the following Python function:\n\ndef f(v0):\n")


def test_lines_of_prompts(capsys: Captured) -> None:
    line, other = run_prompt(capsys, "long-addition", "--shots", "2", "-n", "2", "--size", "9", "--seed", "5")
    assert list(line) == [
        "id", "task", "format", "settings", "shots", "size", "seed", "split", "index", "question", "prompt", "messages",
        "stop", "target",
    ]  # fmt: skip
    assert line["id"] == "long-addition/scratchpad/2-shot/size-9/test/seed-5/0"
    assert line["settings"] == {"digits": "1-8", "law": "uniform"}  # the examples' own
    assert line["question"] == list(task_named("long-addition", {"digits": 9}).draw(5, "test", 0))
    assert line["prompt"].split("Input:\n")[:3] == other["prompt"].split("Input:\n")[:3]
    assert line["messages"][-1]["content"] in line["prompt"]
    assert line["target"].endswith("</scratch>\n" + line["target"].rpartition("\n")[2])
    (asked,) = run_prompt(capsys, "long-addition", "--shots", "1", "--question", SUM, "--seed", "5")
    assert asked["id"] == "long-addition/scratchpad/1-shot/question"
    assert (asked["split"], asked["index"]) == (None, None)


def test_prompt_ids_distinguish_settings(tmp_path: Path, capsys: Captured) -> None:
    def name(*arguments: str) -> str:
        return str(run_prompt(capsys, *arguments, "--shots", "1")[0]["id"])

    other = [name("long-addition", "--set", f"digits={digits}") for digits in (2, 5, 2)]
    assert re.fullmatch(r"long-addition/settings-[0-9a-f]{8}/scratchpad/1-shot/test/seed-0/0", other[0])
    assert other[0] == other[2] != other[1]
    assert name("long-addition") == name("long-addition", "--set", "digits=1-8") not in other
    mine = [write(tmp_path / f"{k}.jsonl", [{"program": f"output = {n}"} for n in (k, 7)]) for k in (2, 3)]
    assert len({name("programs", "--source", source) for source in mine}) == 2
    own = [name("--task-file", TASK_FILE, "--set", f"sizes={size}") for size in (3, 5)]
    assert own[0] != own[1]


def test_prompts_longer_than_a_context_are_left_out_and_counted(capsys: Captured) -> None:
    base = ["prompt", "long-addition", "--shots", "1", "--json"]
    assert main([*base, "-n", "7"]) == 0
    lines = objects(capsys.readouterr().out)
    sizes = [len(line["prompt"]) + len(line["target"]) for line in lines]
    most = sorted(sizes)[3]
    assert sizes.count(most) == 1
    assert main([*base, "-n", "7", "--context", str(most)]) == 0
    out, err = capsys.readouterr()
    assert objects(out) == [line for line, size in zip(lines, sizes, strict=True) if size <= most]
    assert err == f"4 prompts; left out 3: 3 over {most} characters\n"
    assert main([*base, "--question", SUM, "--context", "29"]) == 2
    assert "characters: over 29 characters" in capsys.readouterr().err


def test_answers_of_a_batch_are_scored(tmp_path: Path, capsys: Captured) -> None:
    """Two programs, three inputs each. One completion is wrong; its answer is correct only under relaxed scoring."""
    lines = run_prompt(capsys, "programs", "--shots", "1", "-n", "6", "--set", "runs=3")
    answers = [{"id": line["id"], "text": line["target"]} for line in reversed(lines)]
    answers[2]["text"] = answers[2]["text"].replace(": ", ":").replace('"output"', '"v0"')
    files = [write(tmp_path / "answers.jsonl", answers), write(tmp_path / "prompts.jsonl", lines)]
    out = str(tmp_path / "out.jsonl")
    assert main(["score", files[0], "--prompts", files[1], "--field", "text", "--json", "--out", out]) == 0
    found = objects(capsys.readouterr().out)
    states = sum(line["target"].count("state: ") for line in lines)
    counts = {(one["scoring"], one["metric"], one["unit"]): (one["correct"], one["n"]) for one in found}
    assert counts == {
        ("strict", "output", "example"): (5, 6), ("strict", "output", "problem"): (1, 2),
        ("strict", "trace", "example"): (5, 6), ("strict", "trace", "problem"): (1, 2),
        ("relaxed", "output", "example"): (6, 6), ("relaxed", "output", "problem"): (2, 2),
        ("relaxed", "trace", "example"): (5, 6), ("relaxed", "trace", "problem"): (1, 2),
        ("strict", "state", "step"): (states - 1, states), ("relaxed", "state", "step"): (states - 1, states),
    }  # fmt: skip
    first = found[0]
    assert (first["task"], first["format"], first["size"]) == ("programs", "scratchpad", None)
    assert (first["accuracy"], first["low"], first["high"]) == (5 / 6, *wilson(5, 6))
    scored = objects(Path(out).read_text())
    assert [line["strict"]["output"] for line in scored] == [True] * 3 + [False] + [True] * 2
    assert (scored[3]["relaxed"]["output"], scored[3]["relaxed"]["trace"]) == (True, False)
    assert scored[3]["relaxed"]["states"] == [True] * (lines[3]["target"].count("state: ") - 1) + [False]


def test_scores_as_a_table(tmp_path: Path, capsys: Captured) -> None:
    lines = run_prompt(capsys, "long-addition", "--format", "direct", "--shots", "0", "-n", "3")
    lines += run_prompt(capsys, "polynomials", "--format", "scratchpad", "--shots", "0", "-n", "2", "--size", "2")
    file = write(tmp_path / "a.jsonl", [{**line, "completion": line["target"]} for line in lines])
    assert main(["score", file]) == 0
    out = capsys.readouterr().out
    assert out.count("100 %") == 4 + 10
    assert "problems" in out
    assert "43.9\N{EN DASH}100.0" in out


def test_a_missing_answer_is_wrong_and_reported(tmp_path: Path, capsys: Captured) -> None:
    lines = run_prompt(capsys, "long-addition", "--format", "direct", "--shots", "0", "-n", "3")
    prompts = write(tmp_path / "p.jsonl", lines)
    answers = [{"id": line["id"], "completion": line["target"]} for line in lines[:2]]
    assert main(["score", write(tmp_path / "a.jsonl", answers), "--prompts", prompts, "--json"]) == 0
    out, err = capsys.readouterr()
    assert [(one["correct"], one["n"]) for one in objects(out)] == [(2, 3)] * 4
    assert "1 prompts have no completion and count as wrong" in err


def test_a_user_task(tmp_path: Path, capsys: Captured) -> None:
    lines = run_prompt(capsys, "--task-file", TASK_FILE, "--shots", "1", "-n", "2")
    file = write(tmp_path / "a.jsonl", [{**line, "completion": line["target"]} for line in lines])
    assert main(["score", file, "--task-file", TASK_FILE, "--json"]) == 0
    assert {one["accuracy"] for one in objects(capsys.readouterr().out)} == {1.0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"completion": None}, "`task`, `format` and 'completion' must be texts"),
        ({"task": 5}, "a.jsonl:1: `settings` must be an object; `task`, `format`"),
        ({"format": 5}, "a.jsonl:1: `settings` must be an object; `task`, `format`"),
        ({"size": [1]}, "`size` must be a whole number or null"),
        ({"settings": {"digits": [1]}}, "digits"),
        ({"settings": {"digits": {"a": 1}}}, "digits"),
        ({"settings": {"law": 5}}, "law"),
        ({"question": None}, "question must be a text or a list of symbols"),
        ({"question": "1+1"}, "a question is two numbers"),
        ({"task": "long-adition"}, "unknown task 'long-adition': did you mean 'long-addition'"),
        ({"format": "scratch"}, "unknown format 'scratch'"),
        ({"settings": {"digit": 3}}, "unknown setting of long-addition 'digit'"),
        ({"settings": []}, "`settings` must be an object"),
    ],
)
def test_lines_that_are_refused(change: dict[str, Any], says: str, tmp_path: Path, capsys: Captured) -> None:
    (line,) = run_prompt(capsys, "long-addition", "--shots", "0")
    file = write(tmp_path / "a.jsonl", [{**line, "completion": "", **change}])
    assert main(["score", file]) == 2
    assert says in capsys.readouterr().err
    file = write(tmp_path / "b.jsonl", [{"id": line["id"], "completion": ""}])
    assert main(["score", file]) == 2
    assert "b.jsonl:1: missing task, format, settings, question; add the model's text as" in capsys.readouterr().err


def test_answers_without_a_prompt_are_refused(tmp_path: Path, capsys: Captured) -> None:
    prompts = write(tmp_path / "p.jsonl", run_prompt(capsys, "long-addition", "--shots", "0"))
    for answers, says in (
        ([{"id": "b", "completion": ""}], "p.jsonl has no prompt with the id 'b'"),
        (
            [{"id": "a", "completion": ""}] * 2,
            "a.jsonl:2: each completion needs the `id` of its prompt, and no `id` may occur twice",
        ),
        ([{"completion": ""}], "a.jsonl:1: each completion needs the `id`"),
        ([{"id": "a"}], "a.jsonl:1: 'completion' must be a text"),
        ([{"id": "a", "completion": 5}], "a.jsonl:1: 'completion' must be a text"),
    ):
        assert main(["score", write(tmp_path / "a.jsonl", answers), "--prompts", prompts]) == 2
        assert says in capsys.readouterr().err


def test_prompts_that_share_an_id_are_refused(tmp_path: Path, capsys: Captured) -> None:
    lines = run_prompt(capsys, "long-addition", "--shots", "0", "-n", "2")
    answers = write(tmp_path / "a.jsonl", [{"id": lines[0]["id"], "completion": lines[0]["target"]}])
    for again, said in ((lines[0], json.dumps(lines[0]["id"])), ({**lines[1], "id": None}, "null")):
        prompts = write(tmp_path / "p.jsonl", [*lines, again])
        assert main(["score", answers, "--prompts", prompts]) == 2
        assert (
            f"p.jsonl:3: each prompt needs an `id`, and no `id` may occur twice; given: {said}"
            in capsys.readouterr().err
        )
