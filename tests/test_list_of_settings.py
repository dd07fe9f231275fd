"""The list of all settings: `scratchpad settings` and docs/settings.md."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, fields

import pytest

from scratchpad.config.describe import as_written, meanings_in, run_settings, task_settings
from scratchpad.config.parse import flat_settings
from scratchpad.config.schema import RunConfig
from scratchpad.tasks import BUILT_IN, TASKS
from scratchpad.tasks.base import Task
from tests.tiny_runs import ROOT, Capture, command, refused
from tools.write_settings import page


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run `make settings`"


def test_every_setting_of_a_run_is_listed_and_explained() -> None:
    found = {setting.name: setting for setting in run_settings()}
    expected = flat_settings(RunConfig().to_json())
    assert found.keys() == {"model", *expected}
    assert all(found[name].default == as_written(value) for name, value in expected.items())
    for setting in found.values():
        assert setting.meaning.endswith("."), setting
        assert setting.values, setting


@pytest.mark.parametrize("kind", BUILT_IN.values(), ids=BUILT_IN)
def test_every_setting_of_a_task_is_explained(kind: type[Task]) -> None:
    found = {setting.name: setting for setting in task_settings(kind())}
    assert list(found) == [one.name for one in fields(kind)]
    assert meanings_in(inspect.getdoc(kind) or "").keys() == found.keys()
    for setting in found.values():
        assert setting.meaning.endswith("."), setting
        assert setting.values, setting


def test_the_defaults_are_what_set_takes() -> None:
    values = {setting.name: setting.default for setting in run_settings()}
    assert RunConfig().with_settings(values) == RunConfig()
    for kind in TASKS.values():
        values = {setting.name: setting.default for setting in task_settings(kind())}
        assert kind().changed(values).settings(everything=True) == kind().settings(everything=True)


def test_meanings_are_read_from_a_docstring() -> None:
    text = """First words.

    `a`: the number of
    a thing. It counts. `b`, `c`: two (see `a`: not this).

    Another `d`: paragraph.
    """
    assert meanings_in(inspect.cleandoc(text)) == {
        "a": "The number of a thing. It counts.",
        "b": "Two (see `a`: not this).",
        "c": "Two (see `a`: not this).",
    }


def test_the_command_prints_a_run_a_group_a_setting_and_a_task(capsys: Capture) -> None:
    def printed(*words: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in command(capsys, "settings", *words, "--json")[1].splitlines()]

    assert printed() == [asdict(setting) for setting in run_settings()]
    assert printed("train.steps")[0]["meaning"].startswith("The number of steps.")
    assert {one["name"].partition(".")[0] for one in printed("curriculum")} == {"curriculum"}
    assert printed("cycles") == [asdict(setting) for setting in task_settings(BUILT_IN["cycles"]())]
    own = printed(str(ROOT / "examples" / "my_task.py"))
    assert (own[0]["name"], own[0]["default"]) == ("sizes", "1-6")
    assert [one["name"] for one in printed(str(ROOT / "examples" / "my_data.jsonl"))] == ["steps"]


def test_the_text_of_the_command(capsys: Capture) -> None:
    status, out, _ = command(capsys, "settings", "train.warmup_steps")
    assert status == 0
    assert out.splitlines()[0] == "train.warmup_steps=0"
    assert "Values: a whole number from 0 on." in " ".join(out.split())
    _, out, _ = command(capsys, "settings", "cycles")
    assert f"`scratchpad train cycles` sets: {BUILT_IN['cycles'].small}" in " ".join(out.split())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("train.stepz", "did you mean 'train.steps'?"),
        ("cycle", "did you mean 'cycles'?"),
        ("x.jsonl", "cannot be read"),
    ],
)
def test_unknown_names(given: str, says: str, capsys: Capture) -> None:
    assert says in refused(capsys, "settings", given)
