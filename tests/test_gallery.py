"""docs/gallery.md shows the documents that the tasks write now."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scratchpad.cli.main import main
from scratchpad.tasks import TASKS
from scratchpad.tasks.formats import format_names
from tools.write_gallery import page

GALLERY = Path(__file__).parent.parent / "docs" / "gallery.md"


def test_the_gallery_is_current() -> None:
    assert GALLERY.read_text() == page(), "run `make gallery`"


def test_every_task_and_format_has_its_examples() -> None:
    text = page()
    for name, task in TASKS.items():
        assert f"## {name}\n" in text
        assert len(task.examples) >= 2
    for format_name in [*format_names(), "changes"]:
        having = [task for task in TASKS.values() if format_name in format_names(task)]
        assert text.count(f"`{format_name}`: ") == sum(len(task.examples) for task in having) > 0


def test_its_commands_print_its_texts(capsys: pytest.CaptureFixture[str]) -> None:
    text = page()
    commands = [line.strip("`") for line in text.splitlines() if line.startswith("`scratchpad show")]
    assert len(commands) == sum(len(task.examples) for task in TASKS.values())
    for command in commands:
        _, *arguments = shlex.split(command.removesuffix(" --format ..."))
        for format_name in format_names(TASKS[arguments[1]]):
            assert main([*arguments, "--format", format_name]) == 0
            assert main([*arguments, "--format", format_name, "--marks", "paper"]) == 0
            assert f"```\n{capsys.readouterr().out}```\n" in text
