"""Experiments evaluate trained runs on other questions without training again; they refuse runs of other settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import objects
from small_experiment import counting, reproduced, written
from tiny_runs import Capture, command, contents, refused

from scratchpad.cli import sweep
from scratchpad.provenance import hardware
from scratchpad.run import Run


def test_other_questions_use_the_same_weights(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    reproduced(capsys, file, out)
    folders = [out / form / "seed-0" for form in ("direct", "inductive")]
    before, trained = [contents(folder) for folder in folders], counting(monkeypatch, "train")
    rows = reproduced(capsys, file, out, "--set", "evaluate.n=5", "evaluate.sizes=1,2,4")
    assert ([(row["size"], row["n"]) for row in rows], trained) == ([(1, 5), (2, 5), (4, 5)] * 2, [])
    for folder, was in zip(folders, before, strict=True):
        now = contents(folder)
        assert {name for name in was if now[name] != was[name]} <= {"judged.jsonl", "evaluation.jsonl", "scores.jsonl"}
        [score] = Run.load(folder, "last", "cpu").evaluate_by_size((2,), 5, "free")
        [row] = [row for row in rows if (row["curve"], row["size"]) == (folder.parent.name, 2)]
        assert (row["exact"], row["tokens"]) == (score.score.exact_accuracy, score.score.tokens)


CYCLES = "task.name=cycles n=2 names=9 task.format=direct model=tiny train.steps=2 train.batch=3 train.warmup_steps=0"


def widening(folder: Path) -> Path:
    """Cycles of 2, 3 and 4 need 22, 30 and 38 positions; if only 2 is evaluated, 32 are learned."""
    file = written(folder)
    text = file.read_text().replace('inductive = "task.format=inductive"\n', "")
    file.write_text(f"{text[: text.index('settings')]}settings = '{CYCLES} evaluate.sizes=2 evaluate.n=7'\n")
    return file


def contexts(out: Path) -> list[Any]:
    return [json.loads(path.read_text())["config"]["model"]["context"] for path in sorted(out.rglob("config.json"))]


def test_enough_learned_positions_are_kept(tmp_path: Path, capsys: Capture) -> None:
    """Seeds that are trained later have them, too: one curve has one model."""
    file, out = widening(tmp_path), tmp_path / "out"
    reproduced(capsys, file, out)
    reproduced(capsys, file, out, "--seeds", "2", "--set", "evaluate.sizes=2,3")
    assert contexts(out) == [32, 32]
    reproduced(capsys, file, tmp_path / "other", "--set", "evaluate.sizes=2,3")
    assert contexts(tmp_path / "other") == [48]
    words = ("reproduce", file, "--out", out, "--set")
    assert "model.context: 32 -> 48" in refused(capsys, *words, "evaluate.sizes=4")
    assert "model.context: 32 -> 96" in refused(capsys, *words, "model.context=96")


STAGES = "curriculum.stages=bits=1; bits=2"
STEERED = {
    "a run that stops": ("lengths", ["train.stop_at=1"], "evaluate.n=5"),
    "stages": ("lengths", [STAGES, "curriculum.threshold=0.9", "curriculum.every=3"], "evaluate.method=forced"),
    "evaluated on schedule": ("progress", [], "evaluate.n=5"),
}


@pytest.mark.parametrize("case", STEERED)
def test_evaluations_in_training_must_agree_where_they_matter(case: str, tmp_path: Path, capsys: Capture) -> None:
    form, settings, other = STEERED[case]
    file, out = written(tmp_path, form), tmp_path / "out"
    texts = " ".join(f'"{setting}"' for setting in ["evaluate.method=free", *settings])
    file.write_text(file.read_text().replace("evaluate.sizes=1,3", f"evaluate.sizes=1,3 {texts}"))
    reproduced(capsys, file, out)
    name, _, value = other.partition("=")
    old = "evaluate.n=7" if name == "evaluate.n" else "evaluate.method=free"
    file.write_text(file.read_text().replace(old, other))
    error = refused(capsys, "reproduce", file, "--out", out)
    assert f"{name}: {old.partition('=')[2]} -> {value}" in error


def test_stages_do_not_depend_on_the_number_of_evaluated_questions(tmp_path: Path, capsys: Capture) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    words = ("--set", STAGES, "curriculum.threshold=0.9", "curriculum.every=3")
    reproduced(capsys, file, out, *words)
    assert {row["n"] for row in reproduced(capsys, file, out, *words, "evaluate.n=5")} == {5}


def test_an_interrupted_run_resumes_only_with_its_evaluations(tmp_path: Path, capsys: Capture) -> None:
    """Otherwise its metrics.jsonl would hold two kinds of evaluations."""
    file, out = written(tmp_path), tmp_path / "out"
    reproduced(capsys, file, out)
    shutil.rmtree(out / "inductive" / "seed-0" / "checkpoints")
    assert "evaluate.n: 7 -> 5" in refused(capsys, "reproduce", file, "--out", out, "--set", "evaluate.n=5")


def test_sweeps_over_other_settings_have_other_folders(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[str] = []
    monkeypatch.setattr(sweep, "run_experiment", lambda args, plan, out, command: folders.append(str(out)))
    for swept in (["train.batch=4|5"], ["train.batch=4|5", "model.dropout=0|0.1", "train.steps=3"]):
        assert command(capsys, "sweep", "parity-small", "--set", *swept)[0] == 0
    assert folders == ["runs/sweep-parity-small-batch", "runs/sweep-parity-small-batch-dropout"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("evaluate.n=5|10",), "--set evaluate.n=5|10: the same weights would be trained twice"),
        (("train.batch=4|5", "evaluate.sizes=2|3"), "--set evaluate.sizes=2|3: the same weights"),
        (("train.learning_rate=1e-3|0.001",), "train.learning_rate: 0.001 is the same value as 1e-3"),
        (("bits=5|4|5-5",), "bits: 5-5 is the same value as 5"),
        (("train.batch=4|4",), "train.batch: 4 is given twice in 4|4"),
    ],
)
def test_a_sweep_trains_nothing_twice(given: tuple[str, ...], says: str, tmp_path: Path, capsys: Capture) -> None:
    assert says in refused(capsys, "sweep", "parity-small", "--out", tmp_path / "out", "--set", *given)
    assert not (tmp_path / "out").exists()


def test_samples_are_kept_for_the_diagnosis(tmp_path: Path, capsys: Capture) -> None:
    """Only those on its own task; a wider window is another task."""
    more = '[small.cases]\n"" = ""\nwider = "window=6 evaluate.sizes=2"\n'
    reproduced(capsys, written(tmp_path, more=more), tmp_path / "out")
    folder = tmp_path / "out" / "inductive" / "seed-0"
    samples = objects((folder / "evaluation.jsonl").read_text())
    assert [(sample["size"], sample["index"]) for sample in samples] == [(size, i) for size in (1, 3) for i in range(7)]
    status, out, err = command(capsys, "diagnose", folder, "--json")
    assert status == 0, err
    assert [(one["way"], one["size"], one["chains"]["n"]) for one in objects(out)] == [("free", 1, 7), ("free", 3, 7)]
    assert json.loads((folder / "config.json").read_text())["machine"]["hardware"] == hardware()


def test_damaged_scores_are_reported(tmp_path: Path, capsys: Capture) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    reproduced(capsys, file, out)
    saved = out / "direct" / "seed-0" / "judged.jsonl"
    for text, says in (("{cut\n", "Expecting"), ('{"asked": {}}\n', "it lacks scores")):
        saved.write_text(text)
        status, _, said = command(capsys, "reproduce", file, "--out", out)
        assert (status, f"error: {saved}:1 is damaged: {says}" in said) == (2, True), said
