"""A run folder holds the data on which the run was trained, wherever the folder lies and is opened from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import ROOT, Capture, command, contents, interrupted_and_resumed, refused, tiny, trained

from scratchpad.config.schema import RunConfig, read_config
from scratchpad.errors import ScratchpadError
from scratchpad.reporting.run_records import read_run
from scratchpad.run import Run
from scratchpad.tasks.user_data import Corpus

LINES = (ROOT / "tests" / "words.jsonl").read_text().splitlines(keepends=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data files."""
    monkeypatch.chdir(tmp_path)
    Path("mine.jsonl").write_text("".join(LINES[:40]))
    Path("tests.jsonl").write_text("".join(LINES[40:]))
    return tmp_path


def config(**settings: Any) -> RunConfig:
    return tiny().with_settings({"task.data": "mine.jsonl", "train.steps": 2, "evaluate.n": 3} | settings)


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def without_copies(folder: Path) -> None:
    """Make the folder one of an earlier version."""
    for path in folder.glob("*data.jsonl"):
        path.unlink()
    old = {name: value for name, value in record(folder).items() if name != "data"}
    (folder / "config.json").write_text(json.dumps(old))


def held_out(run: Run) -> set[tuple[str, ...]]:
    task = run.evaluated.task
    assert isinstance(task, Corpus)
    return {task.draw(0, "test", index) for index in range(task.count("test"))}


def test_a_run_folder_is_complete(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """All commands open a moved folder from another working directory, and the data files are gone."""
    run = trained(Path("run"), config(**{"task.data": "mine.jsonl", "task.test_data": "tests.jsonl"}))
    assert Path("run/data.jsonl").read_text() == "".join(LINES[:40])
    assert Path("run/test_data.jsonl").read_text() == "".join(LINES[40:])
    expected, questions = run.solve("plum="), held_out(run)
    (home / "elsewhere").mkdir()
    moved = Path(shutil.move("run", "elsewhere/moved"))
    for path in home.glob("*.jsonl"):
        path.unlink()
    monkeypatch.chdir(moved.parent)
    again = Run.load("moved", device="cpu")
    assert again.solve("plum=") == expected
    assert held_out(again) == questions
    for words in (
        ["solve", "moved", "fig=", "--device", "cpu"],
        ["evaluate", "moved", "-n", "2", "--method", "free", "--device", "cpu"],
        ["evaluate", "moved", "-n", "2", "--set", "task.format=causal", "--device", "cpu"],
        ["evaluate", "moved", "-n", "2", "--set", "task.test_data=moved/data.jsonl", "--device", "cpu"],
        ["diagnose", "moved"],
        ["report", "moved", "--out", "report.html"],
    ):
        status, _, err = command(capsys, *words)
        assert status == 0, err
    assert read_run("moved").task == again.evaluated.task
    status, _, err = command(capsys, "train", "moved/config.json", "--resume", "--out", "moved", "--device", "cpu")
    assert status == 0, err
    status, _, err = command(capsys, "train", "moved/config.json", "--out", "new", "--device", "cpu")
    assert status == 0, err
    assert record(Path("new"))["data"] == record(Path("moved"))["data"]


def test_the_lines_held_out_are_the_same_in_a_moved_folder(home: Path) -> None:
    run = trained(Path("run"), config())
    assert len(held_out(run)) == 4
    assert not Path("run/test_data.jsonl").exists()
    Path("mine.jsonl").write_text("".join(LINES))
    assert held_out(Run.load("run", device="cpu")) == held_out(run)


def test_training_does_not_resume_on_other_data(home: Path, capsys: Capture) -> None:
    """The symbols and settings are equal, so only the content of the file tells the data apart."""
    trained(Path("run"), config())
    before = contents(Path("run"))
    Path("mine.jsonl").write_text("".join(reversed(LINES[:40])))
    says = "run was started with other data: mine.jsonl or the test data changed since then. To resume the run, give"
    with pytest.raises(ScratchpadError, match=says):
        trained(Path("run"), config(), resume=True)
    assert contents(Path("run")) == before
    shutil.copy("run/data.jsonl", "renamed.jsonl")
    trained(Path("run"), config(**{"task.data": "renamed.jsonl"}), resume=True)
    with pytest.raises(ScratchpadError, match="was started with other data"):
        trained(Path("run"), config(**{"task.test_data": "tests.jsonl"}), resume=True)


def test_a_resumed_run_keeps_its_copy(home: Path) -> None:
    interrupted_and_resumed(Path("run"), config(**{"train.steps": 6}), 3)
    assert Path("run/data.jsonl").read_text() == "".join(LINES[:40])
    assert read_config("run/config.json").task.data == "run/data.jsonl"


def test_a_changed_copy_is_noticed(home: Path) -> None:
    trained(Path("run"), config())
    Path("run/data.jsonl").write_text("".join(LINES[:39]))
    with pytest.raises(ScratchpadError, match=r"run was not trained on the present content of run/data.jsonl"):
        Run.load("run", device="cpu")


def test_folders_of_earlier_versions_work_without_copies(home: Path, capsys: Capture) -> None:
    """They read the data file where it lies; if it is gone, the message says where to put it."""
    run = trained(Path("run"), config(**{"task.test_data": "tests.jsonl"}))
    without_copies(Path("run"))
    assert Run.load("run", device="cpu").solve("fig=") == run.solve("fig=")
    trained(Path("run"), config(**{"task.test_data": "tests.jsonl"}), resume=True)
    Path("mine.jsonl").rename("gone.jsonl")
    err = refused(capsys, "solve", "run", "fig=", "--device", "cpu")
    assert "run was trained on mine.jsonl, which does not exist here" in err
    assert "Copy the file to run/data.jsonl" in err
    assert read_run("run").task is None
    Path("gone.jsonl").rename("run/data.jsonl")
    assert Run.load("run", device="cpu").solve("fig=") == run.solve("fig=")


def test_a_built_in_task_has_no_copies(tmp_path: Path) -> None:
    trained(tmp_path / "run", tiny(train__steps=1))
    assert record(tmp_path / "run")["data"] is None
    assert not list((tmp_path / "run").glob("*data.jsonl"))
