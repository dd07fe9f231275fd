"""The command `layout`, and the errors and exit statuses of the commands that need no model."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import FIVE_BITS, TASK_FILE, Captured, objects, start

from scratchpad.cli import show as show_command
from scratchpad.cli.main import main
from scratchpad.errors import RunFailure

# layout


def lay_out(text: str, *options: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> list[dict[str, Any]]:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["layout", "--input", "-", "--json", *options]) == 0
    return objects(capsys.readouterr().out)


BARE = json.dumps({"prompt": ["Q", "<start>"], "states": [["a", "<sep>"], ["b", "c", "<end>"]]})


def test_layout_of_a_bare_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """By hand: the prompt once, s[1] as written, s[1] as context at its own positions, s[2]."""
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
    assert out[1].split() == ["index", "token", "position", "scored", "sees"]
    assert out[2].split() == ["0", "Q", "0", ".", "0"]
    assert out[10].split() == ["8", "<end>", "6", "yes", "0-1", "4-8"]


def test_layout_draws_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    image = tmp_path / "row.png"
    (found,) = lay_out(BARE, "--image", str(image), monkeypatch=monkeypatch, capsys=capsys)
    assert len(found["rows"]) == 1
    first = image.read_bytes()
    assert first.startswith(b"\x89PNG")
    assert main(["layout", "--input", "-", "--image", str(image)]) == 2
    assert "already exists" in capsys.readouterr().err
    lay_out(BARE, "--layout", "split", "--image", str(image), "--force", monkeypatch=monkeypatch, capsys=capsys)
    assert image.read_bytes() != first


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shwo"], "unknown command 'shwo': did you mean 'show'?"),
        (["--hepl"], "unknown option of scratchpad '--hepl': did you mean '--help'?"),
        (["show"], "give only one of these: a task (`scratchpad tasks` lists the names), MY_TASK.py or MY_DATA.jsonl"),
        (
            ["show", "parity", "--task-file", TASK_FILE],
            "give only one of these: a task (`scratchpad tasks` lists the names), MY_TASK.py or MY_DATA.jsonl",
        ),
        (["show", "party"], "unknown task 'party': did you mean 'parity'?"),
        (["show", "parity", "--format", "inductiv"], "unknown format 'inductiv': did you mean 'inductive'?"),
        (
            ["show", "parity", "--fromat", "direct"],
            "unknown option of scratchpad show '--fromat': did you mean '--format'",
        ),
        (["show", "parity", "cycles"], "unexpected arguments: cycles"),
        (["show", "parity", "--set", "window"], "--set takes name=value, not 'window'"),
        (["show", "parity", "--set", "window=8", "window=9"], "--set window is given twice: '8' and '9'"),
        (["show", "parity", "--set", "windw=8"], "did you mean 'window'?"),
        (["show", "parity", "--set", "bits=9", "window=8"], "bits=9 does not fit window=8"),
        (
            ["show", "random-graphs", "--set", "probability=0.001"],
            (
                "random-graphs: none of 1,000 drawn graphs with vertices=24 and probability=0.001 has two vertices at "
                "distance 3: change one of these settings, or the distance"
            ),
        ),
        (["show", "cycles", "--set", "vertices=3"], "vertices=3 must be at least 4, or 0 for 2n vertices"),
        (["show", "cycles", "--set", "n.low=9"], "n of cycles is a single setting: write n=..."),
        (["show", "parity", "-n", "0"], "expected a whole number of at least 1, not '0'"),
        (["show", "parity", "-n", "many"], "expected a whole number of at least 1, not 'many'"),
        (["show", "parity", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["show", "parity", "--split", "tset"], "argument --split: invalid choice: 'tset'"),
        (["show", "parity", "--question", "01x="], "symbol 'x' at place 2 of the question"),
        (["show", "parity", "--question", ""], "the question is empty"),
        (["show", "parity", "--question", "0101=", "--set", "window=3"], "the window holds only 3"),
        (["show", "--task-file", "nowhere.py"], "nowhere.py: no such file"),
        (["data", "parity", "--out", "x.jsonl"], "parity can draw any number of documents; choose a number with -n"),
        (["data", "parity", "-n", "1", "--out", "nowhere/x.jsonl"], "nowhere/x.jsonl cannot be written"),
        (["layout", "--input", "nowhere.jsonl"], "nowhere.jsonl: cannot be read: No such file"),
        (["layout", "--input", "-", "--layout", "mixed"], "--layout mixed needs --budget"),
        (["layout", "--input", "-", "--layout", "packed", "--budget", "9"], "--budget is only for --layout mixed"),
        (["layout", "--input", "-", "--layout", "split", "--budget", "9"], "--budget is only for --layout mixed"),
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


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_overwritten(make: Callable[[Path], None], tmp_path: Path, capsys: Captured) -> None:
    """A pipe and a folder replace /dev/null, which no test may endanger."""
    out = tmp_path / "out"
    make(out)
    kind = out.stat().st_mode
    assert main(["data", "parity", "-n", "1", "--out", str(out), "--force"]) == 2
    assert "exists but is not a regular file" in capsys.readouterr().err
    assert out.stat().st_mode == kind


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{}", "standard input:2: a document needs `prompt` and a list `states`"),
        ("nonsense", "standard input:2: not JSON"),
        ('{"prompt": "Q", "states": []}', "standard input:2: a document must have at least one state"),
        ('{"prompt": "Q", "states": [[]]}', "standard input:2: state 0 is empty"),
        (
            '{"prompt": [1], "states": ["a"]}',
            "standard input:2: prompt must be a text or a list of symbols, not [1]",
        ),
        ('{"prompt": "", "states": ["a"]}', "standard input:2: a document without a prompt needs at least two states"),
        ('{"prompt": "Q", "states": ["a", "b"], "preamble": 1}', "standard input:2: a preamble of 1 symbols"),
        ('{"prompt": "QQQQQQ", "states": ["aaa", "bb"]}', "standard input:2: a budget of 10 tokens is too small"),
    ],
)
def test_lines_that_are_refused(line: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{BARE}\n{line}\n"))
    assert main(["layout", "--input", "-", "--layout", "mixed", "--budget", "10"]) == 2
    assert f"scratchpad: error: {says}" in capsys.readouterr().err


def test_an_empty_input(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
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
def test_exit_statuses_of_errors(
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
def test_a_reader_that_stops_early_ends_the_command_silently(arguments: list[str]) -> None:
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
