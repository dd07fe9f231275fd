"""Mistakes in an experiment's file: each is told in one line, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import objects
from small_experiment import counting, reproduced, written
from tiny_runs import Capture, refused

from scratchpad.errors import ScratchpadError
from scratchpad.experiments.plan import Curve, Plan, sweep
from scratchpad.experiments.registry import read_experiment
from scratchpad.recipes import recipe
from scratchpad.train.config import RunConfig

PARTS = {
    "top": 'title = "t"\nsource = "s"\nsetup = "u"\nresult = "r"\nform = "bars"\n',
    "curves": '[curves]\ndirect = "task.format=direct"\ninductive = "task.format=inductive"\n',
    "small": '[small]\nsettings = "bits=1-2 window=5 model=tiny train.steps=2 train.batch=3 evaluate.n=3"\n',
    "cases": "",
}


def made_of(folder: Path, **parts: str) -> Path:
    """A file with other curves and cases, and with more at the top and in its scale."""
    told = PARTS | {name: parts[name] for name in parts.keys() & {"curves", "cases"}}
    more = {name: parts.get(name, "") for name in ("top", "small")}
    file = folder / "mine.toml"
    file.write_text("".join(told[name] + more.get(name, "") for name in PARTS))
    return file


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("task.format=direct", "direct and again would train the same weights twice: leave one out"),
        ("task.format=direct task.settings.bits=1-2", "direct and again would train the same weights twice"),
        ("task.format=direct evaluate.sizes=1", "direct and again would train the same weights twice"),
        ("task.format=direct bits=2", ""),
        ("task.format=direct train.start=direct", ""),
    ],
)
def test_the_same_weights_are_not_trained_twice(second: str, told: str, tmp_path: Path, capsys: Capture) -> None:
    file, out = (
        made_of(tmp_path, curves=f'[curves]\ndirect = "task.format=direct"\nagain = "{second}"\n'),
        tmp_path / "o",
    )
    if told:
        assert told in refused(capsys, "reproduce", file, "--out", out)
        assert not out.exists()
    else:
        assert len({row["curve"] for row in reproduced(capsys, file, out)}) == 2


def test_curves_that_are_judged_otherwise_in_training_are_others(tmp_path: Path, capsys: Capture) -> None:
    """Steps to learn hang on the sizes that are judged on schedule."""
    file = written(tmp_path, "steps")
    file.write_text(file.read_text().replace("[small]\n", "[small]\nvary = 'evaluate.sizes=1|3'\n"))
    text = file.read_text().replace("evaluate.sizes=1,3", "")
    file.write_text(text.replace('direct = "task.format=direct"\n', "", 1).replace('direct = "half of them"', ""))
    assert [row["at"] for row in reproduced(capsys, file, tmp_path / "out")] == ["sizes=1", "sizes=3"]


def test_a_case_with_symbols_that_the_curve_lacks_is_refused_before_training(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = counting(monkeypatch, "train")
    file = made_of(tmp_path, cases='[small.cases]\nx = "task.name=cycles sizes=4,10,10 distance=2"\n')
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert "mine-small, curve inductive, case x: it is trained without the symbols" in error
    assert (trained, (tmp_path / "out").exists()) == ([], False)


@pytest.mark.parametrize("form", ["steps", "progress"])
def test_forms_over_training_need_a_schedule(form: str, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, form)
    file.write_text(file.read_text().replace("train.evaluate_every=2", "train.evaluate_every=0"))
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert f"mine-small, curve direct: the form {form} needs train.evaluate_every" in error
    config = RunConfig().with_settings({"train.evaluate_every": "5"})
    plan = Plan("p", "t", (Curve("mine", config, "n=3"),), {"": {}}, form)
    with pytest.raises(ScratchpadError, match=r"p, curve mine, n=3: the form .* needs train\.evaluate_every"):
        plan.with_settings({"train.evaluate_every": "0"})


# sampled answers


def test_a_temperature_is_enough_to_sample(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is trained already is judged anew."""
    file, out = made_of(tmp_path, curves='[curves]\ndirect = "task.format=direct"\n'), tmp_path / "out"
    trained = counting(monkeypatch, "train")
    reproduced(capsys, file, out)
    reproduced(capsys, file, out, "--set", "evaluate.temperature=0.5")
    judged = objects((out / "direct" / "seed-0" / "judged.jsonl").read_text())
    found = [(line["asked"]["evaluate"]["method"], line["asked"]["evaluate"]["temperature"]) for line in judged]
    assert (found, len(trained)) == ([("free", 0.0), ("free", 0.5)], 1)
    plan = read_experiment(file).plan()
    assert plan.with_settings({"evaluate.temperature": "0"}) == plan


def test_a_sweep_may_sample() -> None:
    plan = sweep("s", recipe("parity-small"), {"train.batch": "3|5", "evaluate.temperature": "0.5"})
    assert {curve.config.evaluate.temperature for curve in plan.curves} == {0.5}
    with pytest.raises(ScratchpadError, match=r"evaluate\.temperature=0\|0\.5: the same weights"):
        sweep("s", recipe("parity-small"), {"evaluate.temperature": "0|0.5"})
