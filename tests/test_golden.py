"""Every task of the authors against the output of their code (official.jsonl, outside of the repository)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scratchpad.cli.main import main
from scratchpad.layout.rows import Row, rows
from scratchpad.tasks import task_named
from scratchpad.tasks.document import Document, in_paper_marks
from scratchpad.tasks.formats import format_named

OFFICIAL = Path(__file__).parent.parent.parent / "shared" / "golden" / "official.jsonl"
NEEDED = pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"{OFFICIAL} is not there")

Line = dict[str, Any]


def official() -> list[Line]:
    """Return all lines; without the file, a placeholder for the skipped tests."""
    if not OFFICIAL.is_file():
        return [{"task": "parity", "format": "inductive", "packed": {}}]
    return list(map(json.loads, OFFICIAL.read_text().splitlines()))


def name_of(line: Line) -> str:
    size = line.get("bits", line.get("sizes", line.get("a")))
    return f"{line['task']}-{line['format']}-{size}"


LINES = official()
PACKED = [line for line in LINES if "packed" in line]
ONCE = [*LINES[:10:7], *LINES[10:16:2], *LINES[16:32:3], *LINES[35::7]]
"""Some lines of every task and format, for slower tests."""


def settings_of(line: Line) -> dict[str, Any]:
    """The settings that a question does not determine."""
    return {name: line[name] for name in ("window", "jump") if name in line}


def question_of(line: Line) -> tuple[str, ...]:
    """Return the question as this package takes it: with the buffer or the whole first state that follows it."""
    text, mark = tuple(line["text"]), {"addition-random-space": ":", "addition-shift": "#"}.get(line["task"])
    question = text[: text.index(mark)] if mark else tuple(line["question"])
    assert question[: len(line["question"])] == tuple(line["question"])
    return question


def document_of(line: Line) -> Document[str]:
    task, question = task_named(line["task"], settings_of(line)), question_of(line)
    task.check(question)
    return format_named(line["format"]).write(task, question)


def assert_official(row: dict[str, Any], packed: dict[str, Any]) -> None:
    """Return tokens in the paper's marks, positions, visible ranges, and the scored tokens except token 0."""
    assert list(in_paper_marks(row["tokens"])) == packed["tokens"]
    assert row["positions"] == packed["positions"]
    assert row["visible"] == packed["visible"]
    assert row["scored"][1:] == packed["scored"][1:]
    assert row["scored"][0] == 0


@NEEDED
def test_the_file_has_every_task_and_format() -> None:
    assert len(LINES) == 68
    assert len(PACKED) == 30
    assert {(line["task"], line["format"]) for line in ONCE} == {(line["task"], line["format"]) for line in LINES}


@NEEDED
@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_the_text_is_the_official_one(line: Line) -> None:
    assert list(in_paper_marks(document_of(line).symbols())) == line["text"]


@NEEDED
@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_settings_are_read_off_the_question(line: Line) -> None:
    """They are bits, digits, or sizes and distance, as in the call of the official code."""
    task = task_named(line["task"], settings_of(line))
    found = task.fitted_to(question_of(line)).settings()
    expected = {name: line[name] for name in ("bits", "window", "sizes", "distance") if name in line}
    expected |= {"digits": len(str(line["a"]))} if "a" in line else {}
    assert found == expected | ({"jump": line["jump"]} if line.get("jump", 1) > 1 else {})


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
@pytest.mark.parametrize("line", ONCE, ids=name_of)
def test_the_commands_write_the_official_text_and_row(
    line: Line, marks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`layout` reads the line that `show --question` prints."""
    separator = " " if line["task"] == "cycles" else ""
    assigned = [f"{name}={value}" for name, value in settings_of(line).items()]
    settings = ["--set", *assigned] if assigned else []
    show = ["show", line["task"], "--format", line["format"], "--question", separator.join(question_of(line))]
    assert main([*show, *settings, "--marks", "paper"]) == 0
    assert capsys.readouterr().out == separator.join(line["text"]) + "\n"

    assert main([*show, *settings, "--marks", marks, "--json"]) == 0
    file = tmp_path / "line.jsonl"
    file.write_text(capsys.readouterr().out)
    if "packed" in line:
        assert main(["layout", "--input", str(file), "--layout", "packed", "--question-loss", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert_official(row, line["packed"])
