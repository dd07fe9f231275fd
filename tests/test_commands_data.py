"""The commands that need no model: what they print, what they refuse, how they end, and what they do not import."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scratchpad.cli import COMMANDS, main
from scratchpad.commands import show as show_command
from scratchpad.errors import RunFailure
from scratchpad.tasks import TASKS
from scratchpad.tasks.formats import format_names

ROOT = Path(__file__).parent.parent
TASK_FILE = str(ROOT / "examples" / "my_task.py")
FIVE_BITS = ["parity", "--format", "inductive", "--set", "bits=5", "window=8"]
PAPERS_LINE = "0_1_101_=:[00]0,0#[02]1,1#[04]1,0#[05]0,0#[06]1,1#[08]_,1."

Captured = pytest.CaptureFixture[str]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def joined(line: dict[str, Any]) -> str:
    """The text of a document's line."""
    return "".join("".join(part) for part in (line["prompt"], *line["states"]))


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}  # with a buffer, as for most people
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, "-m", "scratchpad", *arguments], env=environment, **pipes)


# What is imported


def modules_after(*command_lines: list[str]) -> set[str]:
    """Which of the slow modules a process holds after running these command lines."""
    code = f"""
import sys
from scratchpad.cli import main
for line in {command_lines!r}:
    assert main(line) == 0, line
print(sorted({{"torch", "matplotlib", "networkx", "rich", "jinja2"}} & set(sys.modules)), file=sys.stderr)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1].replace("'", '"')))


def test_no_slow_module_is_imported(tmp_path: Path) -> None:
    file = str(tmp_path / "out.jsonl")
    lines = [["--help"], *([name, "--help"] for name in COMMANDS), ["tasks"], ["tasks", "--json"]]
    lines += [["show", *FIVE_BITS], ["show", *FIVE_BITS, "--json"], ["show", "cycles", "--format", "scratchpad"]]
    lines += [["data", *FIVE_BITS, "-n", "3", "--out", file], ["layout", "--input", file], ["--version"]]
    assert modules_after(*lines) <= {"rich"}  # for the tables of commands that have a model, and quick


def test_pictures_alone_import_matplotlib(tmp_path: Path) -> None:
    file, image = str(tmp_path / "out.jsonl"), str(tmp_path / "out.png")
    lines = [["data", *FIVE_BITS, "-n", "1", "--out", file], ["layout", "--input", file, "--image", image]]
    assert modules_after(*lines) == {"matplotlib"}


# Help


def test_help_lists_every_command_in_a_line(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert out.count(f"\n  {name:10}{summary}\n") == 1
    assert "example:\n  scratchpad show parity" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_ends_with_an_example(name: str, capsys: Captured) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: scratchpad {name} ")
    examples = out.partition("\nexample:\n")[2].splitlines()
    assert examples
    assert all(f"scratchpad {name} " in f"{example} " for example in examples)


def test_without_a_command_help_goes_to_stderr(capsys: Captured) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: scratchpad COMMAND")


def test_the_command_of_the_module() -> None:
    process = start("--version")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("scratchpad ")


# tasks


def test_tasks_as_json(capsys: Captured) -> None:
    assert main(["tasks", "--json"]) == 0
    found = objects(capsys.readouterr().out)
    assert [one["task"] for one in found] == list(TASKS)
    parity = found[0]
    assert parity == {
        "task": "parity",
        "formats": ["direct", "scratchpad", "causal", "filler", "inductive"],
        "settings": {"bits": "1-30", "window": 60, "modulus": 2},
        "source": "Abbe et al. 2024, section 5.1",
    }


def test_tasks_as_text(capsys: Captured) -> None:
    assert main(["tasks"]) == 0
    out = capsys.readouterr().out
    for task in TASKS.values():
        assert f"{task.name}\n  {task.summary}\n  source    {task.source}\n" in out
    assert "bits=1-30 window=60 modulus=2" in out
    assert all(f"\n  {name} " in out for name in format_names())


# show


def test_show_json_is_the_designs(capsys: Captured) -> None:
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


def test_show_prints_a_document_a_line(capsys: Captured) -> None:
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


def test_a_task_file_takes_the_place_of_a_task(capsys: Captured) -> None:
    assert main(["show", "--task-file", TASK_FILE, "--question", "2716=", "--marks", "paper"]) == 0
    assert capsys.readouterr().out == "2716=:[0]2#[1]7#[2]7#[3]7.\n"
    assert main(["show", "--task-file", TASK_FILE, "--set", "sizes=3", "-n", "1", "--json"]) == 0
    (line,) = objects(capsys.readouterr().out)
    assert (line["task"], line["settings"]) == ("own", {"sizes": 3, "largest": 9})


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


def test_data_refuses_what_is_there_unless_forced(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("precious")
    command = ["data", *FIVE_BITS, "-n", "1", "--out", str(file)]
    assert main(command) == 2
    assert "is there already: name another file, or --force" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert main([*command, "--force"]) == 0
    assert len(objects(file.read_text())) == 1


def test_data_that_fails_leaves_what_was_there(tmp_path: Path, capsys: Captured) -> None:
    """The task ends in an error after two documents."""
    file, task = tmp_path / "out.jsonl", tmp_path / "task.py"
    source = (
        Path(TASK_FILE).read_text().replace("return max(question[:-1])", "return max(question[:-1])\n\n\nCALLS = []")
    )
    task.write_text(
        source.replace(
            '    return f"[0]{question[0]}"',
            '    CALLS.append(1)\n    1 / (len(CALLS) < 9)\n    return f"[0]{question[0]}"',
        )
    )
    file.write_text("precious")
    assert main(["data", "--task-file", str(task), "-n", "9", "--out", str(file), "--force"]) == 2
    assert "first: ZeroDivisionError" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".jsonl", ".py"]


def test_a_link_keeps_its_place(tmp_path: Path) -> None:
    """What it points to is replaced, not the link."""
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    target.write_text("old")
    link.symlink_to(target)
    assert main(["data", *FIVE_BITS, "-n", "1", "--out", str(link), "--force"]) == 0
    assert link.is_symlink()
    assert len(objects(target.read_text())) == 1


def test_a_full_disk_ends_with_status_1_and_no_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""

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


# layout


def lay_out(text: str, *options: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> list[dict[str, Any]]:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["layout", "--input", "-", "--json", *options]) == 0
    return objects(capsys.readouterr().out)


BARE = json.dumps({"prompt": ["Q", "<start>"], "states": [["a", "<sep>"], ["b", "c", "<end>"]]})


def test_layout_of_a_bare_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """By hand: the prompt once, s[1] written, then again as context at its own positions, then s[2]."""
    (found,) = lay_out(BARE, "--layout", "packed", monkeypatch=monkeypatch, capsys=capsys)
    assert found == {
        "rows": [
            {
                "tokens": ["Q", "<start>", "a", "<sep>", "a", "<sep>", "b", "c", "<end>"],
                "positions": [0, 1, 2, 3, 2, 3, 4, 5, 6],
                "visible": [
                    [[0, 1]],
                    [[0, 2]],
                    [[0, 3]],
                    [[0, 4]],
                    [[0, 2], [4, 5]],
                    [[0, 2], [4, 6]],
                    [[0, 2], [4, 7]],
                    [[0, 2], [4, 8]],
                    [[0, 2], [4, 9]],
                ],
                "scored": [0, 0, 1, 1, 0, 0, 1, 1, 1],
            }
        ]
    }


def test_layouts_of_one_document(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def tokens(*options: str) -> list[str]:
        (found,) = lay_out(line, *options, monkeypatch=monkeypatch, capsys=capsys)
        return ["".join(row["tokens"]) for row in found["rows"]]

    line = json.dumps({"prompt": "Q:", "states": ["a#", "b#", "c#", "d."]})
    assert tokens("--layout", "packed") == ["Q:a#a#b#b#c#c#d."]
    assert tokens("--layout", "split") == ["Q:a#", "Q:a#b#", "Q:b#c#", "Q:c#d."]
    assert tokens("--layout", "mixed", "--budget", "11") == ["Q:a#a#b#", "Q:b#c#c#d."]
    assert tokens("--layout", "mixed", "--budget", "12") == ["Q:a#a#b#b#c#", "Q:c#d."]


def test_question_loss_and_preamble(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def scored(line: dict[str, Any], *options: str) -> list[list[int]]:
        (found,) = lay_out(json.dumps(line), *options, monkeypatch=monkeypatch, capsys=capsys)
        return [row["scored"] for row in found["rows"]]

    line = {"prompt": "Qxyz:", "states": ["a#", "b."]}
    split = ["--layout", "split"]
    assert scored(line, *split) == [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1, 1]]
    assert scored(line, *split, "--question-loss") == [[0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1, 1]]
    preamble = {**line, "preamble": 3}
    assert scored(preamble, *split) == [[0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1, 1]]


def test_layout_reads_what_show_prints(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert main(["show", *FIVE_BITS, "--json"]) == 0
    shown = capsys.readouterr().out
    found = lay_out(shown, monkeypatch=monkeypatch, capsys=capsys)
    assert len(found) == 3
    for line, made in zip(objects(shown), found, strict=True):
        (row,) = made["rows"]
        assert len(row["tokens"]) == len(line["prompt"]) + 2 * sum(map(len, line["states"])) - len(line["states"][-1])


def test_layout_as_a_table(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(BARE))
    assert main(["layout", "--input", "-"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "standard input:1, row 0"
    assert out[1].split() == ["place", "token", "position", "scored", "sees"]
    assert out[2].split() == ["0", "Q", "0", ".", "0"]
    assert out[10].split() == ["8", "<end>", "6", "yes", "0-1", "4-8"]


def test_layout_draws_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    image = tmp_path / "row.png"
    (found,) = lay_out(BARE, "--image", str(image), monkeypatch=monkeypatch, capsys=capsys)
    assert len(found["rows"]) == 1
    first = image.read_bytes()
    assert first.startswith(b"\x89PNG")
    assert main(["layout", "--input", "-", "--image", str(image)]) == 2
    assert "is there already" in capsys.readouterr().err
    lay_out(BARE, "--layout", "split", "--image", str(image), "--force", monkeypatch=monkeypatch, capsys=capsys)
    assert image.read_bytes() != first


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shwo"], "unknown command 'shwo': did you mean 'show'?"),
        (["--hepl"], "unknown option of scratchpad '--hepl': did you mean '--help'?"),
        (["show"], "name a task (`scratchpad tasks` lists them) or give a --task-file"),
        (["show", "parity", "--task-file", TASK_FILE], "one of the two"),
        (["show", "party"], "unknown task 'party': did you mean 'parity'?"),
        (["show", "parity", "--format", "inductiv"], "unknown format 'inductiv': did you mean 'inductive'?"),
        (
            ["show", "parity", "--fromat", "direct"],
            "unknown option of scratchpad show '--fromat': did you mean '--format'",
        ),
        (["show", "parity", "cycles"], "not understood: cycles"),
        (["show", "parity", "--set", "window"], "--set takes name=value, not 'window'"),
        (["show", "parity", "--set", "window=8", "window=9"], "--set window is given twice: '8' and '9'"),
        (["show", "parity", "--set", "windw=8"], "did you mean 'window'?"),
        (["show", "parity", "--set", "bits=9", "window=8"], "bits=9 do not fit window=8"),
        (["show", "parity", "-n", "0"], "a whole number from 1 on is needed, not '0'"),
        (["show", "parity", "-n", "many"], "a whole number from 1 on is needed, not 'many'"),
        (["show", "parity", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["show", "parity", "--split", "tset"], "argument --split: invalid choice: 'tset'"),
        (["show", "parity", "--question", "01x="], "symbol 'x' at place 2 of the question"),
        (["show", "parity", "--question", ""], "the question is empty"),
        (["show", "parity", "--question", "0101=", "--set", "window=3"], "the window holds 3"),
        (["show", "--task-file", "nowhere.py"], "nowhere.py: no such file"),
        (["data", "parity", "--out", "x.jsonl"], "the following arguments are required: -n"),
        (["data", "parity", "-n", "1", "--out", "nowhere/x.jsonl"], "nowhere/x.jsonl cannot be written"),
        (["data", "parity", "-n", "1", "--out", "/dev/null", "--force"], "/dev/null is there and is not a file"),
        (["layout", "--input", "nowhere.jsonl"], "nowhere.jsonl: cannot be read: No such file"),
        (["layout", "--input", "-", "--layout", "mixed"], "--layout mixed needs --budget"),
        (["layout", "--input", "-", "--layout", "packed", "--budget", "9"], "--budget belongs to --layout mixed"),
        (["layout", "--input", "-", "--layout", "split", "--budget", "9"], "--budget belongs to --layout mixed"),
        (["layout", "--input", "-", "--image", "nowhere/x.png"], "nowhere/x.png cannot be written"),
    ],
)
def test_mistakes_end_with_status_2_and_one_line(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(BARE))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scratchpad: error: ")
    assert err.count("\n") == 1
    assert says in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{}", "standard input:2: a document line has `prompt` and `states`"),
        ("nonsense", "standard input:2: not JSON"),
        ('{"prompt": "Q", "states": []}', "standard input:2: a document has at least one state"),
        ('{"prompt": "Q", "states": [[]]}', "standard input:2: state 0 is empty"),
        (
            '{"prompt": [1], "states": ["a"]}',
            "standard input:2: prompt: a text or a list of symbols is needed, not [1]",
        ),
        ('{"prompt": "", "states": ["a"]}', "standard input:2: a document without a prompt needs two states"),
        ('{"prompt": "Q", "states": ["a", "b"], "preamble": 1}', "standard input:2: a preamble of 1 symbols"),
        ('{"prompt": "QQQQQQ", "states": ["aaa", "bb"]}', "standard input:2: a budget of 10 tokens is too small"),
    ],
)
def test_lines_that_are_refused(line: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{BARE}\n{line}\n"))
    assert main(["layout", "--input", "-", "--layout", "mixed", "--budget", "10"]) == 2
    assert f"scratchpad: error: {says}" in capsys.readouterr().err


def test_no_lines_at_all(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["layout", "--input", "-"]) == 2
    assert "standard input: no lines" in capsys.readouterr().err


# How commands end


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RunFailure("the loss is not finite"), 1, "scratchpad: error: the loss is not finite\n"),
        (OSError(28, "No space left on device", "x"), 1, "scratchpad: error: x: No space left on device\n"),
        (PermissionError(13, "Permission denied", "x"), 2, "scratchpad: error: x: Permission denied\n"),
        (KeyboardInterrupt(), 130, "scratchpad: interrupted\n"),
        (KeyboardInterrupt("resume with --resume"), 130, "scratchpad: interrupted: resume with --resume\n"),
    ],
)
def test_errors_and_their_status(
    error: BaseException, status: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(args: object) -> None:
        raise error

    monkeypatch.setattr(show_command, "run", fail)
    assert main(["show", "parity"]) == status
    assert capsys.readouterr() == ("", text)


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(show_command, "run", fail)
    with pytest.raises(AssertionError, match="a bug"):
        main(["show", "parity"])


@pytest.mark.parametrize("arguments", [["show", *FIVE_BITS, "-n", "100000"], ["tasks"], ["show", "--help"]])
def test_a_reader_that_stops_early_ends_it_silently(arguments: list[str]) -> None:
    process = start(*arguments)
    assert process.stdout
    assert process.stderr
    if "-n" in arguments:
        assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_ends_with_status_1() -> None:
    with Path("/dev/full").open("w") as full:
        process = start("show", *FIVE_BITS, stdout=full)
        _, err = process.communicate()
    assert (process.returncode, err) == (1, "scratchpad: error: No space left on device\n")
