"""Runs that start from the weights of another run."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import objects
from tiny_runs import Capture, command, contents, dotted, losses, metrics, refused, tiny, trained

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.experiments.plan import slug
from scratchpad.run import Run, step_data
from scratchpad.training.checkpoint import Checkpoints
from scratchpad.training.loss import count_targets, summed_loss
from scratchpad.training.run_folder import is_trained
from scratchpad.training.setup import measure

WORK: dict[str, Any] = {"train__steps": 7}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that wrote scratchpads."""
    return trained(tmp_path_factory.mktemp("base") / "run", tiny(**WORK)).folder


def after(base: Path, **settings: Any) -> RunConfig:
    """A run that answers directly and starts from these weights."""
    usual = {"task__format": "direct", "train__steps": 5, "train__checkpoint_every": 2, "model__dropout": 0.1}
    return tiny(**(usual | {"train__start": str(base)} | settings))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return Checkpoints(folder).load().model


def same(one: Path, other: Path) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def test_the_first_weights_are_the_other_runs_last(base: Path, tmp_path: Path) -> None:
    """A learning rate of 0 keeps the weights; the optimizer starts new."""
    still = {"train__learning_rate": 0, "train__final_learning_rate": 0}
    run = trained(tmp_path / "run", after(base, **still))
    assert same(run.folder, base)
    assert Checkpoints(run.folder).load().optimizer["step.norm.weight"] == 5
    record = json.loads((run.folder / "config.json").read_text())
    assert record["config"]["train"]["start"] == str(base)
    assert record["start"] == {"step": 7, "digest": Checkpoints(base).load().digest}
    assert json.loads((base / "config.json").read_text())["start"] is None


def test_the_first_loss_is_that_of_the_other_runs_model(base: Path, tmp_path: Path) -> None:
    config = after(base, model__dropout=0)
    run, other = trained(tmp_path / "run", config), Run.load(base, "last", "cpu")
    batches = step_data(run.resolved)[0]
    with torch.no_grad():
        total = sum(float(summed_loss(other.evaluated.model, batch, "dense")) for batch in batches)
    assert losses(run.folder)[1] == pytest.approx(total / count_targets(batches), rel=1e-5)  # single precision
    assert not same(run.folder, base)


def test_it_has_the_learned_positions_of_its_start(tmp_path: Path) -> None:
    wide = tiny(model__positions="learned", model__context=96, **WORK)
    start = trained(tmp_path / "base", wide).folder
    run = trained(tmp_path / "run", after(start, model__positions="learned"))
    assert run.config.model.context == 96


def test_resuming_is_exact_even_when_the_start_is_gone(base: Path, tmp_path: Path) -> None:
    start = shutil.copytree(base, tmp_path / "base")
    whole = trained(tmp_path / "run", after(start))
    cut = shutil.copytree(whole.folder, tmp_path / "cut")
    shutil.rmtree(start)
    trained(cut, whole.config, resume=True, checkpoint="4")
    assert losses(cut) == losses(whole.folder)
    assert same(cut, whole.folder)
    assert is_trained(measure(resolve(whole.config)), cut)


def test_a_run_that_saved_nothing_starts_again_from_its_start(base: Path, tmp_path: Path) -> None:
    whole = trained(tmp_path / "run", after(base))
    cut = shutil.copytree(whole.folder, tmp_path / "cut")
    shutil.rmtree(cut / "checkpoints")
    trained(cut, after(base), resume=True)
    assert losses(cut) == losses(whole.folder)
    assert same(cut, whole.folder)


def test_the_start_may_move_but_not_change(base: Path, tmp_path: Path) -> None:
    whole = trained(tmp_path / "run", after(base))
    moved = shutil.copytree(base, tmp_path / "moved")
    trained(whole.folder, after(moved), resume=True)
    other = trained(tmp_path / "other", tiny(train__seed=1, **WORK)).folder
    with pytest.raises(ScratchpadError, match=rf"other settings \(train.start: {base} -> {other}\)"):
        trained(whole.folder, after(other), resume=True)
    with pytest.raises(ScratchpadError, match=rf"train.start: {base} -> None"):
        is_trained(measure(resolve(after(base, train__start="none"))), whole.folder)


CYCLES = {"task__name": "cycles", "n": 2, "names": 7}
MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "symbols": (CYCLES, r"base/run was trained with other symbols \(.*\)\. Start from"),
    "width": ({"model__width": 64}, r"has another model \(model.width: 32 there, 64 here\)\. Use equal model settings"),
    "positions": ({"model__positions": "rotary"}, r"model.positions: learned there, rotary here"),
    "no run": ({"train__start": "nowhere"}, r"nowhere is not a run folder"),
}


@pytest.mark.parametrize("mistake", MISFITS)
def test_a_start_that_does_not_fit_is_refused_before_writing(mistake: str, base: Path, tmp_path: Path) -> None:
    settings, says = MISFITS[mistake]
    says = says.replace("base/run", str(base))
    with pytest.raises(ScratchpadError, match=says):
        trained(tmp_path / "run", after(base).with_settings(dotted(settings)))
    assert not (tmp_path / "run").exists()


def test_a_start_is_not_replaced(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new run overwrites its start: if it stopped before it saved, no weights would be left."""
    start = shutil.copytree(base, tmp_path / "base")
    before = contents(start)
    monkeypatch.chdir(tmp_path)
    for named in (str(start), "base", "./base"):
        with pytest.raises(ScratchpadError, match=r"train.start=.*base lies in .*base, which would be replaced"):
            trained(start, after(Path(named)), force=True)
    assert contents(start) == before
    trained(tmp_path / "run", after(start))
    trained(tmp_path / "run", after(start), force=True)


def test_a_start_without_weights_is_refused(base: Path, tmp_path: Path) -> None:
    start = shutil.copytree(base, tmp_path / "base")
    shutil.rmtree(start / "checkpoints")
    with pytest.raises(ScratchpadError, match="has no checkpoint: train the run first"):
        trained(tmp_path / "run", after(start))
    assert not (tmp_path / "run").exists()


# Curves that start from other curves

TEXT = """
title = "Work, then none"
source = "a test"
setup = "as small as can be"
result = "nothing of the kind"
form = "FORM"

[curves]
"with work" = "task.format=inductive"
"then none" = "task.format=direct 'train.start=with work' MORE"
"then some" = "task.format=causal 'train.start=then none'"

[small]
settings = '''
bits=1-2 window=5 model=tiny
train.steps=3 train.batch=3 train.warmup_steps=0 train.checkpoint_every=0 train.log_every=1 train.threads=1
evaluate.sizes=1,3 evaluate.n=7
'''
"""


def written(folder: Path, more: str = "", form: str = "lengths") -> Path:
    file = folder / "mine.toml"
    file.write_text(TEXT.replace("MORE", more).replace("FORM", form))
    return file


def start_of(folder: Path) -> tuple[str, str]:
    """The start that a run records: its folder and the digest of its weights."""
    record = json.loads((folder / "config.json").read_text())
    return record["config"]["train"]["start"], record["start"]["digest"]


@pytest.mark.parametrize(("jobs", "seeds"), [("1", 2), ("3", 1)])
def test_a_curve_starts_from_another_curves_run_of_the_same_seed(
    jobs: str, seeds: int, tmp_path: Path, capsys: Capture
) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    curves = ["with work", "then none", "then some"]
    if jobs != "1":  # one process per run, slow to start
        file.write_text(file.read_text().replace('"then some" =', "# "))
        curves.pop()
    words = ("reproduce", file, "--out", out, "--device", "cpu", "--json", "--seeds", str(seeds), "--jobs", jobs)
    status, text, err = command(capsys, *words)
    assert status == 0, err
    assert [row["curve"] for row in objects(text)][::2] == curves
    for seed in (f"seed-{number}" for number in range(seeds)):
        for of, heir in pairwise(map(slug, curves)):
            last = Checkpoints(out / of / seed).load()
            assert start_of(out / heir / seed) == (str(out / of / seed), last.digest)
    before = contents(out)
    assert command(capsys, *words)[:2] == (0, text)
    changed = {name for name, content in contents(out).items() if content != before[name]}
    assert changed <= {"table.json", "table.md", "figure.png"}


def test_curves_share_the_learned_positions_that_any_of_them_needs(tmp_path: Path, capsys: Capture) -> None:
    file, out = written(tmp_path, "evaluate.sizes=4"), tmp_path / "out"
    status, _, err = command(capsys, "reproduce", file, "--out", out, "--device", "cpu", "--json")
    assert status == 0, err
    found = {Run.load(out / name / "seed-0").config.model.context for name in ("with-work", "then-none", "then-some")}
    assert len(found) == 1


def test_a_varied_curve_starts_from_the_curve_with_the_same_value(tmp_path: Path, capsys: Capture) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    file.write_text(file.read_text().replace("[small]\n", "[small]\nvary = 'train.batch=3|5'\n"))
    status, _, err = command(capsys, "reproduce", file, "--out", out, "--device", "cpu", "--json")
    assert status == 0, err
    assert start_of(out / "then-none-batch=5" / "seed-0")[0] == str(out / "with-work-batch=5" / "seed-0")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("model.width=64", "with work has another model (model.width: 32 there, 64 here)"),
        ("task.name=cycles n=2 names=7", "with work was trained with other symbols"),
        ("'train.start=then none'", "train.start is given twice"),
    ],
)
def test_curves_that_do_not_fit_are_refused_first(more: str, says: str, tmp_path: Path, capsys: Capture) -> None:
    assert says in refused(capsys, "reproduce", written(tmp_path, more), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", ["then none", "then some", "with wrok"])
def test_a_curve_starts_from_one_above_it(start: str, tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text().replace("train.start=with work", f"train.start={start}"))
    error = refused(capsys, "reproduce", file, "--out", tmp_path / "out")
    assert f"then none has train.start={start}, which must be an earlier curve (with work) or a run folder" in error


def test_all_curves_may_start_from_a_folder(base: Path, tmp_path: Path, capsys: Capture) -> None:
    """The symbols must match; errors come before any training."""
    file = written(tmp_path)
    words = ("reproduce", file, "--out", tmp_path / "out", "--device", "cpu")
    error = refused(capsys, *words, "--set", f"train.start={base}")
    assert "curve then some of mine-small sets train.start itself" in error
    file.write_text(file.read_text().replace("'train.start=with work'", "").replace("'train.start=then none'", ""))
    error = refused(capsys, *words, "--set", f"train.start={base}", "task.name=cycles", "n=2", "names=7")
    assert f"{base} was trained with other symbols" in error
    error = refused(capsys, *words, "--set", "train.start=nowhere")
    assert "train.start=nowhere, which must be an earlier curve (there is none) or a run folder" in error
    assert not (tmp_path / "out").exists()
    status, _, err = command(capsys, *words, "--set", f"train.start={base}")
    assert status == 0, err
    assert {start_of(path.parent)[0] for path in (tmp_path / "out").rglob("config.json")} == {str(base)}
    assert metrics(tmp_path / "out" / "then-none" / "seed-0")
