"""The commands that need no model: output, refusals, exit statuses, and what they do not import."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import FIVE_BITS, PAPERS_LINE, ROOT, TASK_FILE, Captured, joined, objects, start

from scratchpad.cli import _output
from scratchpad.cli._output import print_table, table_lines
from scratchpad.cli.main import COMMANDS, main
from scratchpad.tasks import DATA_SETS, TASKS
from scratchpad.tasks.formats import format_names

PROGRAM = "def f(v0):\n  v0 += 1\n  return v0\n\noutput = f(1)"

# What is imported


def modules_after(*command_lines: list[str]) -> set[str]:
    """Return the slow modules that a process has imported after running these command lines."""
    code = f"""
import sys
from scratchpad.cli.main import main
for line in {command_lines!r}:
    assert main(line) == 0, line
print(sorted({{"torch", "matplotlib", "networkx", "rich", "jinja2"}} & set(sys.modules)), file=sys.stderr)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1].replace("'", '"')))


def test_no_slow_module_is_imported(tmp_path: Path) -> None:
    file, answers = str(tmp_path / "out.jsonl"), tmp_path / "answers.jsonl"
    line = {"task": "programs", "format": "direct", "settings": {}, "question": PROGRAM, "completion": "2"}
    answers.write_text(json.dumps(line))
    lines = [["--help"], *([name, "--help"] for name in COMMANDS), ["tasks"], ["tasks", "--json"]]
    lines += [["show", *FIVE_BITS], ["show", *FIVE_BITS, "--json"], ["show", "cycles", "--format", "scratchpad"]]
    lines += [["data", *FIVE_BITS, "-n", "3", "--out", file], ["layout", "--input", file], ["--version"]]
    prompt = ["prompt", "programs", "--shots", "1"]
    lines += [[*prompt, "--json"], ["score", str(answers), "--json"]]
    lines += [["reproduce"], ["settings"], ["settings", "cycles"]]
    assert modules_after(*lines) <= {"rich"}  # for the tables of commands that have a model, and quick


def test_only_images_import_matplotlib(tmp_path: Path) -> None:
    file, image = str(tmp_path / "out.jsonl"), str(tmp_path / "out.png")
    lines = [["data", *FIVE_BITS, "-n", "1", "--out", file], ["layout", "--input", file, "--image", image]]
    assert modules_after(*lines) == {"matplotlib"}


# Help


def test_help_lists_every_command_on_one_line(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert out.count(f"\n  {name:11}{summary}\n") == 1
    assert "example:\n  scratchpad show parity" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_ends_with_an_example(name: str, capsys: Captured) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: scratchpad {name} ")
    _, heading, rest = re.split(r"\n(examples?):\n", out)
    examples = rest.splitlines()
    assert examples
    assert (heading == "example") == (len(examples) == 1)
    assert all(f"scratchpad {name} " in f"{example} " for example in examples)


def test_without_a_command_help_goes_to_stderr(capsys: Captured) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: scratchpad COMMAND")


def test_the_module_runs_as_a_command() -> None:
    process = start("--version")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("scratchpad ")


# tasks


def test_tasks_as_json(capsys: Captured) -> None:
    assert main(["tasks", "--json"]) == 0
    found = objects(capsys.readouterr().out)
    assert [one["task"] for one in found] == [*TASKS, *DATA_SETS]
    parity = found[0]
    assert parity == {
        "task": "parity",
        "formats": list(format_names(TASKS["parity"])),
        "settings": {"bits": "1-30", "window": 60, "modulus": 2},
        "source": "Abbe et al. 2024, section 5.1",
    }
    shipped = ["direct", "scratchpad", "causal", "filler", "inductive"]
    assert [name for name in parity["formats"] if name in shipped] == shipped


def test_tasks_as_text(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["tasks"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for task in TASKS.values():
        assert f"{task.name}\n  {task.summary}\n  source    {task.source}\n" in out
    assert "bits=1-30 window=60 modulus=2" in out
    assert all(f"\n  {name} " in out for name in format_names())


# show


def test_show_json_has_the_documented_fields(capsys: Captured) -> None:
    assert main(["show", *FIVE_BITS, "-n", "2", "--seed", "3", "--split", "test", "--json"]) == 0
    found = objects(capsys.readouterr().out)
    for index, line in enumerate(found):
        keys = ["task", "format", "settings", "seed", "split", "index", "question", "prompt", "states", "answer"]
        assert list(line) == keys
        assert line["settings"] == {"bits": 5, "window": 8}
        assert (line["task"], line["format"]) == ("parity", "inductive")
        assert (line["seed"], line["split"], line["index"]) == (3, "test", index)
        assert line["prompt"] == [*line["question"], "<start>"]
        assert [state[-1] for state in line["states"]] == ["<sep>"] * 5 + ["<end>"]
        assert line["states"][-1][:-1] == list(f"[08]_,{line['answer'][0]}")
    assert found[0]["question"] != found[1]["question"]


def test_show_prints_one_document_per_line(capsys: Captured) -> None:
    assert main(["show", *FIVE_BITS, "--json"]) == 0
    lines = objects(capsys.readouterr().out)
    assert main(["show", *FIVE_BITS]) == 0
    texts = capsys.readouterr().out.splitlines()
    assert texts == [joined(line) for line in lines]
    assert len(texts) == 3


@pytest.mark.parametrize("other", [["--seed", "1"], ["--split", "test"], ["--set", "bits=4"]])
def test_seed_split_and_settings_change_what_is_shown(other: list[str], capsys: Captured) -> None:
    base = ["show", "parity", "--set", "window=30"]
    assert main(base) == 0
    before = capsys.readouterr().out
    assert main([*base, *other]) == 0
    assert not set(capsys.readouterr().out.splitlines()) & set(before.splitlines())


def test_show_a_question(capsys: Captured) -> None:
    assert main(["show", "parity", "--question", "0_1_101_=", "--marks", "paper"]) == 0
    assert capsys.readouterr().out == PAPERS_LINE + "\n"
    assert main(["show", "parity", "--question", "0_1_101_=", "--set", "window=8", "--marks", "paper", "--json"]) == 0
    (line,) = objects(capsys.readouterr().out)
    assert (line["seed"], line["split"], line["index"]) == (None, None, None)
    assert line["settings"] == {"bits": 5, "window": 8}
    assert joined(line) == PAPERS_LINE


def test_settings_may_be_given_several_times(capsys: Captured) -> None:
    apart = ["show", "parity", "--set", "bits=5", "--set", "window=8", "--json"]
    assert main(apart) == 0
    assert objects(capsys.readouterr().out)[0]["settings"] == {"bits": 5, "window": 8}


def test_a_task_file_replaces_a_task(capsys: Captured) -> None:
    assert main(["show", "--task-file", TASK_FILE, "--question", "9[2716]059=", "--marks", "paper"]) == 0
    assert capsys.readouterr().out == "9[2716]059=:c2,2#d7,7#e1,7#f6,7#g],7.\n"
    assert main(["show", "--task-file", TASK_FILE, "--set", "sizes=3", "-n", "1", "--json"]) == 0
    (line,) = objects(capsys.readouterr().out)
    assert (line["task"], line["settings"]) == ("own", {"sizes": 3, "largest": 9, "window": 20, "fill": "0123456789"})


# data


def test_data_writes_what_show_prints(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "out.jsonl"
    draw = [*FIVE_BITS, "-n", "7", "--seed", "5", "--split", "test"]
    assert main(["data", *draw, "--out", str(file)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{file}: 7 documents\n")
    assert main(["show", *draw, "--json"]) == 0
    assert file.read_text() == capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_data_from_a_task_file(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert main(["data", "--task-file", TASK_FILE, "-n", "5", "--out", str(file)]) == 0
    assert {line["task"] for line in objects(file.read_text())} == {"own"}


def test_data_refuses_an_existing_file_unless_forced(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("precious")
    command = ["data", *FIVE_BITS, "-n", "1", "--out", str(file)]
    assert main(command) == 2
    assert "already exists: choose another file, or overwrite it with --force" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert main([*command, "--force"]) == 0
    assert len(objects(file.read_text())) == 1


def test_data_that_fails_keeps_the_old_file(tmp_path: Path, capsys: Captured) -> None:
    """The task raises an error after two documents."""
    file, task = tmp_path / "out.jsonl", tmp_path / "task.py"
    source, start = Path(TASK_FILE).read_text(), '    slot = question.index("[") + 1\n'
    assert source.count(start) == 1
    task.write_text(
        source.replace(start, f"{start}    CALLS.append(1)\n    1 / (len(CALLS) < 14)\n") + "\n\nCALLS = []\n"
    )
    file.write_text("precious")
    assert main(["data", "--task-file", str(task), "-n", "9", "--out", str(file), "--force"]) == 2
    assert "raised ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".jsonl", ".py"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Its target is overwritten."""
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    target.write_text("old")
    link.symlink_to(target)
    assert main(["data", *FIVE_BITS, "-n", "1", "--out", str(link), "--force"]) == 0
    assert link.is_symlink()
    assert len(objects(target.read_text())) == 1


def test_a_full_disk_ends_with_status_1_and_no_file(tmp_path: Path) -> None:
    """A limit on file size simulates the full disk."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    process = start("data", *FIVE_BITS, "-n", "1000", "--out", str(tmp_path / "o.jsonl"), preexec_fn=limit)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err == "scratchpad: error: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_with_status_130_and_no_file(tmp_path: Path) -> None:
    process = start("data", *FIVE_BITS, "-n", "10000000", "--out", str(tmp_path / "out.jsonl"))
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, "scratchpad: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_right_after_opening_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(unfinished: Path, mode: str) -> None:
        unfinished.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), _output.new_file(str(tmp_path / "out.jsonl")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_prompts_that_are_refused(capsys: Captured) -> None:
    assert main(["prompt", "polynomials", "-n", "2001"]) == 2
    assert "-n 2001: the test split of polynomials has only 2000 questions" in capsys.readouterr().err
    assert main(["prompt", "long-addition", "--question", "29+57"]) == 2
    assert "a question is two numbers" in capsys.readouterr().err
    assert main(["prompt", "long-addition", "--question", "12+x"]) == 2
    err = capsys.readouterr().err
    assert "symbol 'x' at place 3 of the question is not in the alphabet" in err
    assert "' '" in err
    assert "'\\n'" in err
    assert err.count("\n") == 1
    assert main(["prompt", "parity", "--format", "changes"]) == 2
    assert "parity has no format changes, only direct, scratchpad" in capsys.readouterr().err


def test_tables_are_aligned(capsys: Captured) -> None:
    """Words are left-aligned, numbers right-aligned, also in columns with missing values."""
    print_table(("name", "n", "source"), [("a", 11, "ours"), ("bcd", "not in 7", "theirs, too")])
    assert capsys.readouterr().out.splitlines() == [
        "name         n  source",
        "a           11  ours",
        "bcd   not in 7  theirs, too",
    ]


def test_wide_tables_are_wrapped_and_divided() -> None:
    columns = ("run", "what it shows", "exact match", "time")
    rows = [("runs/a", "a long text", "100 %", "3 s"), ("runs/b", "another text", "0.5 %", "2.5 s")]
    assert (
        table_lines(columns, rows, 44)
        == table_lines(columns, rows)
        == [
            "run     what it shows  exact match   time",
            "runs/a  a long text          100 %    3 s",
            "runs/b  another text         0.5 %  2.5 s",
        ]
    )
    assert table_lines(columns, rows, 32) == [
        "run     what it  exact   time",
        "        shows    match",
        "runs/a  a long   100 %    3 s",
        "        text",
        "runs/b  another  0.5 %  2.5 s",
        "        text",
    ]
    assert table_lines(columns, rows, 19) == [
        "run     what it",
        "        shows",
        "runs/a  a long",
        "        text",
        "runs/b  another",
        "        text",
        "",
        "run     exact",
        "        match",
        "runs/a  100 %",
        "runs/b  0.5 %",
        "",
        "run      time",
        "runs/a    3 s",
        "runs/b  2.5 s",
    ]
