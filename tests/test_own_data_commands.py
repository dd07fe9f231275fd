"""The commands `show` and `layout` with a user's data, before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import ROOT, Captured, objects
from tiny_runs import command, refused

DATA = ROOT / "tests" / "words.jsonl"


def test_show_prints_documents_of_data(tmp_path: Path, capsys: Captured) -> None:
    """The lines in the order of the file without those held out, and no line twice."""
    status, out, err = command(capsys, "show", "--data", DATA, "-n", "2")
    assert (status, err) == (0, "")
    assert out == "plum=<start>m<sep>mu<sep>mul<sep>mulp<end>\npear=<start>r<sep>ra<sep>rae<sep>raep<end>\n"
    few = tmp_path / "few.jsonl"
    few.write_text("".join(DATA.read_text().splitlines(keepends=True)[:5]))
    for split, count in (("train", 4), ("test", 1)):
        _, out, _ = command(capsys, "show", "--data", few, "--split", split, "-n", "99")
        assert len(out.splitlines()) == count
    status, out, _ = command(capsys, "show", "--data", DATA, "--test-data", few, "--split", "test", "-n", "99")
    assert len(out.splitlines()) == 5
    status, out, _ = command(capsys, "show", "--data", DATA, "--format", "direct", "--question", "fig=")
    assert out == "fig=gif<end>\n"


def test_layout_of_tasks_and_data_equals_the_layout_of_their_lines(tmp_path: Path, capsys: Captured) -> None:
    for words in (
        ["--data", str(DATA), "--format", "causal"],
        ["parity", "--set", "bits=2", "window=4", "--seed", "3"],
    ):
        lines = tmp_path / "lines.jsonl"
        lines.write_text(command(capsys, "show", *words, "-n", "2", "--json")[1])
        for layout in ("split", "packed"):
            more = ("--layout", layout, "--json")
            status, out, err = command(capsys, "layout", *words, "-n", "2", *more)
            assert (status, err) == (0, "")
            assert objects(out) == objects(command(capsys, "layout", "--input", lines, *more)[1])
    status, out, _ = command(capsys, "layout", "--data", DATA)
    assert out.startswith("data train 0, row 0\nindex")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "parity", "--data", "DATA"], "give only one of these: a task"),
        (["layout"], "give only one of these: a task, --task-file, --data, or --input"),
        (
            ["layout", "--input", "DATA", "--data", "DATA"],
            "give only one of these: a task, --task-file, --data, or --input",
        ),
        (["show", "mine.json"], "mine.json: the name of a file must end in .py or .jsonl. Give other data with --data"),
        (["train", "DATA.json"], "The name of a data file (JSON Lines) must end in .jsonl"),
        (["show", "parity", "--test-data", "DATA"], "needs --data, the file with the training problems"),
        (["show", "--data", "DATA", "--format", "changes"], "words.jsonl: data in the format inductive"),
        (["show", "--data", "DATA", "--set", "step=3"], "unknown setting of data 'step': did you mean 'steps'"),
        (["show", "--data", "DATA", "--source", "x"], "--source is only for the task `programs`, not for --data"),
    ],
)
def test_options_that_are_refused(words: list[str], says: str, tmp_path: Path, capsys: Captured) -> None:
    copy = shutil.copy(DATA, tmp_path / "words.json")
    paths = {"DATA": DATA, "DATA.json": copy}
    assert says in refused(capsys, *(paths.get(word, word) for word in words))
