"""The catalogue: every experiment can be planned, drawn and evaluated at both scales, with the papers' numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from scratchpad.config.parse import split_assignments
from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.experiments.catalogue import experiment, experiment_names, read_experiment
from scratchpad.experiments.execute import prepared
from scratchpad.experiments.plan import FORMS, combinations, paired_alternatives
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.tasks.formats import format_named

PLANS = [(name, scale) for name in experiment_names() for scale in experiment(name).scales]

AS_IN_THE_PAPER: dict[str, dict[str, Any]] = {
    "fig1": {"batch": 512, "context": 128, "weight_decay": 0.1, "n": 1024, "at": range(2, 8)},
    "fig4a": {"batch": 512, "at": range(2, 11)},
    "fig4b": {"batch": 512, "steps": 20_000, "context": 192, "weight_decay": 0.1, "n": 1024, "sizes": (6, 12)},
    "fig5-parity": {
        "batch": 512, "steps": 3000, "samples": 1_536_000, "context": 720, "weight_decay": 1e-3, "n": 1024,
        "sizes": (31, 35, 40, 45, 50, 55, 60),
    },
    "fig5-random-slots": {
        "batch": 512, "steps": 2250, "decay_steps": 5000, "samples": 512_000, "context": 1600, "weight_decay": 1e-3,
        "n": 1024, "temperature": 0.5, "sizes": range(12, 31, 2),
    },
    "fig5-shift": {
        "batch": 512, "steps": 2000, "decay_steps": 3000, "samples": 512_000, "context": 960, "weight_decay": 1e-3,
        "n": 1024, "temperature": 0.25, "sizes": range(12, 31, 2),
    },
    "fig7": {"batch": 4096, "steps": 8000, "context": 128, "weight_decay": 0.1},
    "fig10": {"batch": 1024, "steps": 20_000, "weight_decay": 1e-2, "n": 256, "at": (80, 160, 240, 320, 400)},
}  # fmt: skip
"""The set-ups of the figures in Abbe et al. 2024 and the official code."""
TASKS_IN_THE_PAPER: dict[str, dict[str, Any]] = {
    "fig4b": {"vertices": 24, "n": 6, "names": 1000},
    "fig5-parity": {"bits": "1-30", "window": 60},
    "fig5-random-slots": {"digits": "1-10:size", "window": 30},
    "fig5-shift": {"digits": "1-4:size", "window": 30},
    "fig7": {"vertices": 24, "edges": 24, "distance": "1-4", "unconnected": 0.5},
}


@pytest.mark.parametrize(("name", "scale"), PLANS)
def test_every_curve_draws_and_can_be_evaluated(name: str, scale: str) -> None:
    plan = experiment(name).plan(scale)
    assert plan.form in FORMS
    assert plan.curves
    for curve in plan.curves:
        task = resolve(curve.config).task
        written = format_named(curve.config.task.format)
        words = Vocabulary(task.symbols())
        words.encode_document(written.write(task, task.draw(0, "train", 0)))
        for case in plan.cases:
            asked = plan.case_config(curve.config, case)
            resolved = resolve(asked)
            other = resolved.task
            assert {*other.symbols()} <= {*words.symbols}
            for size in resolved.sizes:
                question = other.at_size(size).draw(0, "test", 0)
                words.encode_document(format_named(asked.task.format).write(other.at_size(size), question))


@pytest.mark.parametrize(("name", "scale"), PLANS)
def test_every_text_beside_a_result_exists(name: str, scale: str) -> None:
    found = experiment(name)
    plan = found.plan(scale)
    assert all((found.title, found.source, found.setup, found.result))
    assert set(found.reported) <= {curve.label for one in found.scales for curve in found.plan(one).curves}
    if plan.form in ("steps", "progress"):
        assert all(curve.config.train.evaluate_every for curve in plan.curves)
    if plan.form == "steps":
        assert all(curve.position > 0 for curve in plan.curves)


@pytest.mark.parametrize("name", AS_IN_THE_PAPER)
def test_the_settings_of_the_paper_are_its_own(name: str) -> None:
    plan, wanted = experiment(name).plan("paper"), AS_IN_THE_PAPER[name]
    for curve in plan.curves:
        asked = plan.case_config(curve.config, next(iter(plan.cases)))
        found = dataclasses.asdict(curve.config.train) | {
            "context": curve.config.model.context,
            "n": curve.config.evaluate.n,
            "temperature": asked.evaluate.temperature,
            "sizes": curve.config.evaluate.sizes,
        }
        for setting in wanted.keys() - {"at"}:
            value = tuple(wanted[setting]) if setting == "sizes" else wanted[setting]
            assert found[setting] == value, setting
        assert (found["learning_rate"], found["final_learning_rate"]) == (3e-4, 3e-5)
        assert found["betas"] == (0.9, 0.99)
        assert curve.config.model.dropout == 0.2
        assert found["question_loss"]
        task = resolve(curve.config).task.settings(everything=True)
        assert TASKS_IN_THE_PAPER.get(name, {}).items() <= task.items()
    if "at" in wanted:
        assert sorted({curve.position for curve in plan.curves}) == list(wanted["at"])


def test_the_sizes_of_models_are_those_of_figure_1() -> None:
    shapes = {c.label: (c.config.model.layers, c.config.model.width) for c in experiment("fig1").plan("paper").curves}
    assert shapes == {"10M": (6, 384), "25M": (8, 512), "85M": (12, 768)}
    steps = {
        c.label: (c.config.train.steps, c.config.train.evaluate_every) for c in experiment("fig1").plan("paper").curves
    }
    assert steps == {"10M": (120_000, 500), "25M": (100_000, 200), "85M": (100_000, 200)}


def test_every_combination_is_one_curve() -> None:
    """Counted by hand: 2 x 3, the last setting varies fastest."""
    found = combinations({"a": "1|2", "b": "x", "c": "p|q|r"})
    assert [(one["a"], one["b"], one["c"]) for one in found] == [
        ("1", "x", "p"), ("1", "x", "q"), ("1", "x", "r"), ("2", "x", "p"), ("2", "x", "q"), ("2", "x", "r"),
    ]  # fmt: skip


def test_settings_varied_together_change_together() -> None:
    assert paired_alternatives({}) == [{}]
    varied = {"a": "1|2|3", "b": "x|y|z"}
    assert paired_alternatives(varied) == [
        {"a": "1", "b": "x"},
        {"a": "2", "b": "y"},
        {"a": "3", "b": "z"},
    ]
    with pytest.raises(ScratchpadError, match="need equal numbers of alternatives; given: 2 of a, 3 of b"):
        paired_alternatives({"a": "1|2", "b": "x|y|z"})


def test_positions_of_figure_4a_are_the_papers(tmp_path: Path) -> None:
    """Appendix B: a block of 16 n + 16. In the figure and in its folder, n alone identifies a curve."""
    plan = prepared(experiment("fig4a").plan("paper"), tmp_path)
    assert plan.varied == "n"
    assert len(plan.curves) == 18
    for curve in plan.curves:
        n = resolve(curve.config).task.settings()["n"]
        assert (curve.config.model.context, curve.at) == (16 * n + 16, f"n={n}")


WRONG = {
    "form = 'circles'": "unknown form",
    "colour = 'red'": "unknown entry",
    "form = ": "Invalid value",
}


@pytest.mark.parametrize("line", WRONG)
def test_errors_name_the_file(line: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    texts = "title = 't'\nsource = 's'\nsetup = 'u'\nresult = 'r'\n"
    file.write_text(f"{texts}{line}\n[small]\nsettings = 'bits=2'\n")
    with pytest.raises(ScratchpadError, match=WRONG[line]) as caught:
        read_experiment(file)
    assert "mine.toml" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    with pytest.raises(ScratchpadError) as caught:
        experiment(str(file))
    assert str(caught.value) == f"{file}: cannot be read: No such file or directory"


def test_a_file_without_its_texts_or_scales_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("title = 't'\n[small]\nsettings = ''\n")
    with pytest.raises(ScratchpadError, match=r"mine\.toml: entries missing: source, setup, result"):
        read_experiment(file)
    with pytest.raises(ScratchpadError, match=r"unknown scale of fig1 'huge': .*small, paper"):
        experiment("fig1").plan("huge")
    with pytest.raises(ScratchpadError, match=r"unknown experiment 'fig4c': did you mean 'fig4[ab]'"):
        experiment("fig4c")


def test_another_task_drops_the_settings_of_the_first() -> None:
    """Cases with another task depend on it."""
    config = RunConfig().with_settings({"bits": "1-3", "window": "7", "evaluate.sizes": "2,3"})
    other = config.with_settings({"task.name": "cycles", "n": "2"})
    assert dict(other.task.settings) == {"n": "2"}
    assert other.evaluate.sizes == ()
    graph = other.with_settings({"sizes": "4,10", "distance": "2"})
    assert graph.task.settings == {"sizes": "4,10", "distance": "2"}  # in place of n
    assert other.with_settings({"sizes": ""}).task.settings == {"n": "2", "sizes": ""}
    assert other.with_settings({"n": "3", "sizes": "6,6"}).task.settings == {"n": "3", "sizes": "6,6"}  # to be refused
    same = config.with_settings({"task.name": "parity", "bits": "2"})
    assert dict(same.task.settings) == {"bits": "2", "window": "7"}
    assert same.evaluate.sizes == (2, 3)


OWN = """
[small]
settings = "bits=1-2 window=5 model=tiny train.steps=1"
vary = "train.batch=3|5 train.warmup_steps=0|1"
[small.cases]
longer = "evaluate.sizes=3"
[small.curves]
direct = "task.format=direct model.width=16"
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("task.format=inductive", "curve direct of mine-small sets task.format itself"),
        ("model=small", "curve direct of mine-small sets model.width itself"),
        ("train.warmup_steps=2", "vary of mine-small sets train.warmup_steps itself"),
        ("evaluate.sizes=1", "case longer of mine-small sets evaluate.sizes itself"),
        ("task.settings.bits=1", ""),
        ("bits=1", ""),
        ("model.dropout=0.1", ""),
        ("evaluate.method=free", ""),
        ("evaluate.method=forced", "experiments evaluate by free generation"),
        ("train.seed=7", "use --seeds N"),
    ],
)
def test_settings_that_an_experiment_makes_itself_are_refused(given: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "t"\nsource = "s"\nsetup = "u"\nresult = "r"\n' + OWN)
    plan = read_experiment(file).plan()
    if not message:
        assert plan.with_settings(split_assignments([given])) != plan or given == "evaluate.method=free"
        return
    with pytest.raises(ScratchpadError, match=message):
        plan.with_settings(split_assignments([given]))
