"""Parity and cycles against what the authors' own code wrote (official.jsonl, beside the repository)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scratchpad.cli import main
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks import task_named
from scratchpad.tasks.document import Document, in_paper_marks
from scratchpad.tasks.formats import format_named

OFFICIAL = Path(__file__).parent.parent.parent / "shared" / "golden" / "official.jsonl"
NEEDED = pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"{OFFICIAL} is not there")

Line = dict[str, Any]


def official() -> list[Line]:
    """The lines of the two tasks; a placeholder where the file is not there, for a skipped test to show."""
    if not OFFICIAL.is_file():
        return [{"task": "parity", "format": "inductive", "packed": {}}]
    lines = map(json.loads, OFFICIAL.read_text().splitlines())
    return [line for line in lines if line["task"] in ("parity", "cycles")]


def name_of(line: Line) -> str:
    size = line.get("bits", line.get("sizes"))
    return f"{line['task']}-{line['format']}-{size}"


LINES = official()
PACKED = [line for line in LINES if "packed" in line]


def settings_of(line: Line) -> dict[str, Any]:
    return {"window": line["window"]} if line["task"] == "parity" else {}


def document_of(line: Line) -> Document[str]:
    task, question = task_named(line["task"], settings_of(line)), tuple(line["question"])
    task.check(question)
    return format_named(line["format"]).write(task, question)


def assert_official(row: dict[str, Any], packed: dict[str, Any]) -> None:
    """Tokens in the paper's marks, positions, visible ranges, and what is scored beside token 0."""
    assert list(in_paper_marks(row["tokens"])) == packed["tokens"]
    assert row["positions"] == packed["positions"]
    assert row["visible"] == packed["visible"]
    assert row["scored"][1:] == packed["scored"][1:]
    assert row["scored"][0] == 0


@NEEDED
def test_the_file_holds_what_is_expected_of_it() -> None:
    assert len(LINES) == 46
    assert len(PACKED) == 22


@NEEDED
@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_the_text_is_the_official_one(line: Line) -> None:
    assert list(in_paper_marks(document_of(line).symbols())) == line["text"]


@NEEDED
@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_settings_are_read_off_the_question(line: Line) -> None:
    """bits, or sizes and distance, as the official code was called."""
    task = task_named(line["task"], settings_of(line))
    found = task.fitted(tuple(line["question"])).settings()
    assert found == {name: line[name] for name in ("bits", "window", "sizes", "distance") if name in line}


@NEEDED
@pytest.mark.parametrize("line", PACKED, ids=name_of)
def test_the_packed_row_is_the_official_one(line: Line) -> None:
    (row,) = rows(document_of(line), "packed", question_loss=True)
    assert_official(plain(row), line["packed"])


def plain(row: Row[str]) -> dict[str, Any]:
    scored = [int(scored) for scored in row.scored]
    return {"tokens": row.tokens, "positions": row.positions, "visible": row.visible(), "scored": scored}


@NEEDED
@pytest.mark.parametrize("marks", ["names", "paper"])
@pytest.mark.parametrize("line", LINES[::7], ids=name_of)
def test_the_commands_write_the_official_text_and_row(
    line: Line, marks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show --question`, whose line `layout` reads, as a user calls them."""
    separator = " " if line["task"] == "cycles" else ""
    window = ["--set", f"window={line['window']}"] if line["task"] == "parity" else []
    show = ["show", line["task"], "--format", line["format"], "--question", separator.join(line["question"])]
    assert main([*show, *window, "--marks", "paper"]) == 0
    assert capsys.readouterr().out == separator.join(line["text"]) + "\n"

    assert main([*show, *window, "--marks", marks, "--json"]) == 0
    file = tmp_path / "line.jsonl"
    file.write_text(capsys.readouterr().out)
    if "packed" in line:
        assert main(["layout", "--input", str(file), "--layout", "packed", "--question-loss", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert_official(row, line["packed"])
