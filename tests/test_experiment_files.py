"""Mistakes in an experiment file: each is reported in one line, before any training."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import objects
from small_experiment import counting, reproduced, written
from tiny_runs import Capture, command, refused

from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.experiments.catalogue import read_experiment
from scratchpad.experiments.plan import Curve, Plan, sweep
from scratchpad.recipes import recipe

PARTS = {
    "top": 'title = "t"\nsource = "s"\nsetup = "u"\nresult = "r"\nform = "bars"\n',
    "curves": '[curves]\ndirect = "task.format=direct"\ninductive = "task.format=inductive"\n',
    "small": '[small]\nsettings = "bits=1-2 window=5 model=tiny train.steps=2 train.batch=3 evaluate.n=3"\n',
    "cases": "",
}


def experiment_file(folder: Path, **parts: str) -> Path:
    """Write an experiment file with the given curves and cases, and with additions at its top and in its scale."""
    texts = PARTS | {name: parts[name] for name in parts.keys() & {"curves", "cases"}}
    more = {name: parts.get(name, "") for name in ("top", "small")}
    file = folder / "mine.toml"
    file.write_text("".join(texts[name] + more.get(name, "") for name in PARTS))
    return file


TYPES = [
    ("curves", "[curves]\ndirect = 3\n", "curves.direct: settings must be one text"),
    ("curves", '[curves]\ndirect = "direct"\n', "curves.direct: settings: takes name=value, not 'direct'"),
    ("curves", '[curves]\ndirect = "\'task.format=direct"\n', "curves.direct: No closing quotation"),
    ("curves", "", "the scale small has no curves"),
    ("top", 'curves = "x"\n', "curves takes a table such as {label = \"text\"}, not 'x'"),
    ("top", 'cases = ["x"]\n', "cases takes a table such as {label = \"text\"}, not ['x']"),
    ("top", 'learned = "0.9"\n', "learned takes a finite number, not '0.9'"),
    ("top", "learned = true\n", "learned takes a finite number, not True"),
    ("top", "scales = 3\n", "FILE: unknown entry 'scales'"),
    ("top", "[reported]\ndirect = 3\n", "reported.direct takes a text, not 3"),
    ("small", "vary = 3\n", "small.vary: settings must be one text"),
    ("small", "vote = [3]\n", "small.vote takes a text, not 3"),
    ("small", 'without = "direct"\n', "small.without takes a list in which each item is a text"),
    ("small", 'without = ["direct", "inductive"]\n', "the scale small has no curves"),
    ("cases", "[small.cases]\nx = 3\n", "small.cases.x: settings must be one text"),
]


@pytest.mark.parametrize(("part", "text", "says"), TYPES)
def test_entries_of_the_wrong_type_are_refused(
    part: str, text: str, says: str, tmp_path: Path, capsys: Capture
) -> None:
    curves = "" if text.startswith("curves =") else PARTS["curves"]  # a file has one `curves` only
    file = experiment_file(tmp_path, **{"curves": curves, part: text})
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert says.replace("FILE", str(file)) in error
    assert str(file) in error
    assert not (tmp_path / "out").exists()


def test_tables_of_the_wrong_type_are_refused(tmp_path: Path, capsys: Capture) -> None:
    file = experiment_file(tmp_path)
    text = file.read_text()
    for before, after, says in (
        (PARTS["small"], "", "the file has no scale. Add a table [small] or [paper]"),
        ('title = "t"\n', "", "entries missing: title"),
        ('title = "t"\n', "title = 3\n", "title takes a text, not 3"),
        ("settings = ", "settings = [", "small.settings: settings must be one text"),
    ):
        file.write_text(text.replace(before, after) + ("]\n" if after.endswith("[") else ""))
        assert f"{file}: {says}" in refused(capsys, "reproduce", file)
    file.write_text('small = "x"\n' + text.replace(PARTS["small"], ""))
    assert f"{file}: small takes a table of entries (settings, " in refused(capsys, "reproduce", file)


WITHOUT_EFFECT = [
    ("small", 'vary = "train.seed=1|2"\n', "small.vary: train.seed=1|2: use --seeds N"),
    ("curves", '[curves]\ndirect = "task.format=direct train.seed=5"\n', "curves.direct: train.seed=5: use --seeds N"),
    ("cases", '[small.cases]\nx = "train.steps=50"\n', "small.cases.x: train.steps=50: a case evaluates a trained run"),
    ("cases", '[small.cases]\nx = "model=small"\n', "small.cases.x: model=small: a case evaluates a trained run"),
    ("cases", '[small.cases]\nx = "curriculum.n=5"\n', "small.cases.x: curriculum.n=5: a case"),
    (
        "small",
        'vary = "task.format=direct|causal"\n',
        "small.vary would replace task.format=direct of the curve direct",
    ),
    ("small", 'without = ["zzz"]\n', "unknown curve in small.without of FILE 'zzz': known: direct, inductive"),
    ("top", '[reported]\nzzz = "x"\n', "unknown curve in reported of FILE 'zzz': known: direct, inductive"),
    ("top", "learned = 95\n", "learned = 95 must be above 0 and at most 1"),
    ("top", "learned = 0\n", "learned = 0 must be above 0"),
    ("top", "learned = nan\n", "learned takes a finite number, not nan"),
]


@pytest.mark.parametrize(("part", "text", "says"), WITHOUT_EFFECT)
def test_entries_without_effect_are_refused(part: str, text: str, says: str, tmp_path: Path, capsys: Capture) -> None:
    file = experiment_file(tmp_path, **{part: text})
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert says.replace("FILE", str(file)) in error
    assert str(file) in error
    assert not (tmp_path / "out").exists()


def test_a_seed_in_the_settings_is_refused(tmp_path: Path) -> None:
    file = experiment_file(tmp_path)
    file.write_text(file.read_text().replace("evaluate.n=3", "evaluate.n=3 train.seed=5"))
    with pytest.raises(ScratchpadError, match=r"small\.settings: train\.seed=5: use --seeds N"):
        read_experiment(file)


def test_reported_may_name_voting_seeds_and_curves_of_another_scale(tmp_path: Path) -> None:
    reported = '[reported]\n"inductive, 3 seeds voting" = "x"\nmore = "y"\n'
    paper = '[paper]\nsettings = "bits=2"\n[paper.curves]\nmore = "task.format=causal"\n'
    assert read_experiment(experiment_file(tmp_path, top=reported, cases=paper)).reported.keys() >= {"more"}


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("task.format=direct", "direct and again would train the same weights twice. Remove one of the two curves"),
        ("task.format=direct task.settings.bits=1-2", "direct and again would train the same weights twice"),
        ("task.format=direct evaluate.sizes=1", "direct and again would train the same weights twice"),
        ("task.format=direct bits=2", ""),
        ("task.format=direct train.start=direct", ""),
    ],
)
def test_the_same_weights_are_not_trained_twice(second: str, says: str, tmp_path: Path, capsys: Capture) -> None:
    file, out = (
        experiment_file(tmp_path, curves=f'[curves]\ndirect = "task.format=direct"\nagain = "{second}"\n'),
        tmp_path / "o",
    )
    if says:
        assert says in refused(capsys, "reproduce", file, "--out", out)
        assert not out.exists()
    else:
        assert len({row["curve"] for row in reproduced(capsys, file, out)}) == 2


def test_curves_with_other_evaluations_during_training_differ(tmp_path: Path, capsys: Capture) -> None:
    """The number of steps to learn depends on the sizes of the scheduled evaluations."""
    file = written(tmp_path, "steps")
    file.write_text(file.read_text().replace("[small]\n", "[small]\nvary = 'evaluate.sizes=1|3'\n"))
    text = file.read_text().replace("evaluate.sizes=1,3", "")
    file.write_text(text.replace('direct = "task.format=direct"\n', "", 1).replace('direct = "half of them"', ""))
    assert [row["at"] for row in reproduced(capsys, file, tmp_path / "out")] == ["sizes=1", "sizes=3"]


def test_a_case_with_symbols_outside_the_curves_vocabulary_is_refused(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = counting(monkeypatch, "train")
    file = experiment_file(tmp_path, cases='[small.cases]\nx = "task.name=cycles sizes=4,10,10 distance=2"\n')
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert "mine-small, curve inductive, case x: the curve is trained without the symbols" in error
    assert (trained, (tmp_path / "out").exists()) == ([], False)


@pytest.mark.parametrize("form", ["steps", "progress"])
def test_forms_over_training_need_a_schedule(form: str, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, form)
    file.write_text(file.read_text().replace("train.evaluate_every=2", "train.evaluate_every=0"))
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert f'mine-small, curve direct: form = "{form}" needs train.evaluate_every' in error
    config = RunConfig().with_settings({"train.evaluate_every": "5"})
    plan = Plan("p", "t", (Curve("mine", config, "n=3"),), {"": {}}, form)
    with pytest.raises(ScratchpadError, match=r"p, curve mine, n=3: form = .* needs train\.evaluate_every"):
        plan.with_settings({"train.evaluate_every": "0"})


# sampled answers


def test_a_temperature_is_enough_to_sample(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained runs are evaluated again, not trained again."""
    file, out = experiment_file(tmp_path, curves='[curves]\ndirect = "task.format=direct"\n'), tmp_path / "out"
    trained = counting(monkeypatch, "train")
    reproduced(capsys, file, out)
    reproduced(capsys, file, out, "--set", "evaluate.temperature=0.5")
    saved = objects((out / "direct" / "seed-0" / "judged.jsonl").read_text())
    found = [(line["asked"]["evaluate"]["method"], line["asked"]["evaluate"]["temperature"]) for line in saved]
    assert (found, len(trained)) == ([("free", 0.0), ("free", 0.5)], 1)
    plan = read_experiment(file).plan()
    for zero in ("0", "0.0"):
        assert plan.with_settings({"evaluate.temperature": zero}) == plan
    file.write_text(file.read_text().replace("evaluate.n=3", "evaluate.n=3 evaluate.temperature=0.25"))
    assert read_experiment(file).plan().curves[0].config.evaluate.temperature == 0.25


def test_a_sweep_may_sample() -> None:
    plan = sweep("s", recipe("parity-small"), {"train.batch": "3|5", "evaluate.temperature": "0.5"})
    assert {curve.config.evaluate.temperature for curve in plan.curves} == {0.5}
    with pytest.raises(ScratchpadError, match=r"evaluate\.temperature=0\|0\.5: the same weights"):
        sweep("s", recipe("parity-small"), {"evaluate.temperature": "0|0.5"})


# error messages name the curve and the case


@pytest.mark.parametrize(
    ("part", "text", "says"),
    [
        ("curves", '[curves]\na = "task.format=nope"\n', "mine-small, curve a: unknown format 'nope'"),
        ("curves", '[curves]\na = "bits=4-6"\n', "mine-small, curve a: parity: bits=4-6"),
        ("small", 'vary = "train.batch=3|0"\n', "mine-small, curve direct: train.batch=0"),
        ("cases", '[small.cases]\nx = "task.format=nope"\n', "mine-small, curve direct, case x: unknown format 'nope'"),
        ("cases", '[small.cases]\nx = "bits=4-6"\n', "mine-small, curve inductive, case x: parity: bits=4-6"),
    ],
)
def test_errors_name_the_curve_and_the_case(part: str, text: str, says: str, tmp_path: Path, capsys: Capture) -> None:
    assert says in refused(capsys, "reproduce", experiment_file(tmp_path, **{part: text}), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_errors_name_the_settings_and_the_combination(tmp_path: Path, capsys: Capture) -> None:
    file = experiment_file(tmp_path)
    file.write_text(file.read_text().replace("train.batch=3", "train.batch=0"))
    assert "mine-small, settings: train.batch=0" in refused(capsys, "reproduce", file)
    words = ("--out", tmp_path / "out", "--set", "bits=7", "model=tiny", "window=5|9", "train.steps=1")
    status, _, error = command(capsys, "sweep", "parity-small", *words)
    assert status == 2
    assert "sweep-parity-small, curve window=5: parity: bits=7" in error
