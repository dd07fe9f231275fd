"""Runs are resolved once: how often a data file is read, and settings that name files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_runs import ROOT, Capture, command, refused

from scratchpad.config.resolve import TaskLoader, resolve
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.recipes import recipe
from scratchpad.tasks.user_data import Corpus

MY_TASK, MY_DATA = ROOT / "examples" / "my_task.py", ROOT / "tests" / "words.jsonl"
SMALL = ["model=tiny", "train.batch=3", "train.warmup_steps=0"]

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_note)  # it stays until the process ends; outside of `opened` it does nothing


@contextmanager
def opened() -> Iterator[list[str]]:
    """The paths that this process opens within the block."""
    global _opened
    _opened = []
    try:
        yield _opened
    finally:
        _opened = None


@pytest.mark.parametrize("swept", ["train.steps=1|2|3", "task.format=inductive|direct|causal"])
def test_a_sweep_reads_its_data_file_once(swept: str, tmp_path: Path, capsys: Capture) -> None:
    """Three curves: the file was once read for every check, training, loading and figure, 31 times in all.

    Each run reads its own copy once, when the trained run is loaded.
    """
    data, config, out = tmp_path / "data.jsonl", tmp_path / "config.json", tmp_path / "out"
    shutil.copy(MY_DATA, data)
    config.write_text(json.dumps({"task": {"data": str(data)}}))
    steps = [] if "steps" in swept else ["train.steps=1"]
    words = ("sweep", config, "--out", out, "--device", "cpu", "--json", "--set", swept, *steps, *SMALL)
    with opened() as paths:
        status, _, err = command(capsys, *words)
    assert status == 0, err
    runs = [path.parent for path in out.glob("*/seed-0/config.json")]
    assert len(runs) == 3
    assert [paths.count(str(path)) for path in (data, *(run / "data.jsonl" for run in runs))] == [1, 1, 1, 1]


def test_seeds_read_their_data_file_once(tmp_path: Path, capsys: Capture) -> None:
    data = tmp_path / "data.jsonl"
    shutil.copy(MY_DATA, data)
    words = ("train", "parity-small", "--data", data, "--seeds", "2", "--out", tmp_path / "out", "--device", "cpu")
    with opened() as paths:
        status, _, err = command(capsys, *words, "--set", "train.steps=1", *SMALL)
    assert status == 0, err
    assert paths.count(str(data)) == 1
    runs = sorted((tmp_path / "out").iterdir())
    assert len(runs) == 2
    with opened() as paths:
        status, _, err = command(capsys, "evaluate", *runs, "-n", "2", "--device", "cpu")
    assert status == 0, err
    assert [paths.count(str(path)) for path in (data, *(run / "data.jsonl" for run in runs))] == [0, 1, 1]


def test_equal_data_files_are_parsed_once(tmp_path: Path) -> None:
    tasks = TaskLoader()
    paths = [str(shutil.copy(MY_DATA, tmp_path / name)) for name in ("a.jsonl", "b.jsonl")]
    first, second = (tasks.load(TaskConfig(data=path)) for path in paths)
    assert isinstance(first, Corpus)
    assert isinstance(second, Corpus)
    assert first.entries is second.entries


def test_a_loader_keeps_tasks_apart() -> None:
    """By settings and files; the format is no part of a task."""
    tasks, parity = TaskLoader(), TaskConfig("parity", settings={"bits": "3"})
    first = tasks.load(parity)
    assert tasks.load(TaskConfig("parity", "direct", {"bits": "3"})) is first
    assert tasks.load(TaskConfig("parity", settings={"bits": "5"})) != first
    data, file = tasks.load(TaskConfig(data=str(MY_DATA))), tasks.load(TaskConfig(file=str(MY_TASK)))
    assert (data.name, file.name) == ("data", "own")
    assert tasks.load(TaskConfig(data=str(MY_DATA), settings={"steps": "3"})) != data


def test_a_resolved_run_has_the_values_of_its_task() -> None:
    config = RunConfig(TaskConfig("cycles", "direct", {"n": "7"}))
    run = resolve(config)
    assert run.config.task.settings == {"n": 7}
    assert (run.format.name, run.curriculum, run.sizes) == ("direct", None, (7,))
    assert run.codec.to_json()[-len(run.task.symbols()) :] == list(run.task.symbols())
    stages = {"curriculum.stages": "bits=1; bits=2-4", "curriculum.threshold": 0.9}
    staged = resolve(recipe("parity-small").with_settings(stages))
    assert staged.curriculum is not None
    assert [stage.size_distribution().to_json() for stage in staged.curriculum.tasks] == [1, "2-4"]


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--data", "data.jsonl"], ["task.data=data.jsonl"]),
        (["--data", "data.jsonl", "--test-data", "test.jsonl"], ["task.data=data.jsonl", "task.test_data=test.jsonl"]),
        (["--task-file", "task.py"], ["task.file=task.py"]),
    ],
)
def test_files_may_be_named_as_options_or_settings(
    options: list[str], settings: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both drop the recipe's own task settings and sizes, and give the same run."""
    monkeypatch.chdir(tmp_path)
    lines = MY_DATA.read_text().splitlines(keepends=True)
    Path("data.jsonl").write_text("".join(lines[:40]))
    Path("test.jsonl").write_text("".join(lines[40:]))
    shutil.copy(MY_TASK, "task.py")
    words = ("train", "parity-small", "--device", "cpu", "--set", "train.steps=1", "evaluate.n=3", *SMALL)
    for out, more in (("option", (*words, *options)), ("setting", (*words, *settings))):
        status, _, err = command(capsys, *more, "--out", out)
        assert status == 0, err
    records = [json.loads(Path(out, "config.json").read_text()) for out in ("option", "setting")]
    assert records[0]["config"] == records[1]["config"]
    assert records[0]["vocabulary"] == records[1]["vocabulary"]
    twice = refused(capsys, *words, settings[0], *options, "--out", "twice")
    assert f"{settings[0].partition('=')[0]} is given twice" in twice
