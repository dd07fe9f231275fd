"""reproduce and sweep: one machine for both. Tiny runs on parity, through the whole of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
from pathlib import Path
from typing import Any

import pytest
from command_line import objects
from small_experiment import counting, reproduced, written
from tiny_runs import ROOT, Capture, command, contents, losses, metrics, refused

from scratchpad.evaluation.intervals import wilson
from scratchpad.experiments.catalogue import experiment, experiment_names
from scratchpad.reporting.progress import TrainingProgress
from scratchpad.run import Run


def test_runs_table_and_figure_are_there(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    rows = reproduced(capsys, written(tmp_path), out, "--seeds", "2")
    assert [(row["curve"], row["size"], row["seeds"]) for row in rows] == [
        ("direct", 1, 2), ("direct", 3, 2), ("inductive", 1, 2), ("inductive", 3, 2),
    ]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == [
        "direct", "figure.png", "inductive", "table.json", "table.md",
    ]  # fmt: skip
    for form in ("direct", "inductive"):
        for seed in (0, 1):
            config = Run.load(out / form / f"seed-{seed}", "last", "cpu").config
            assert (config.task.format, config.train.seed, config.train.steps) == (form, seed, 3)
    table = json.loads((out / "table.json").read_text())
    assert table["rows"] == rows
    assert (table["paper"], table["setup"]) == ("nothing of the kind", "as small as can be")
    assert (table["provenance"]["seeds"], table["provenance"]["versions"].keys() >= {"torch"}) == ([0, 1], True)
    assert f"scratchpad reproduce {tmp_path / 'mine.toml'}" in table["provenance"]["command"]
    assert "--seeds 2 --device cpu --out" in table["provenance"]["command"]
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_says_what_the_seeds_said(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    rows = reproduced(capsys, written(tmp_path), out, "--seeds", "3")
    seeds = json.loads((out / "table.json").read_text())["seeds"]
    assert len(seeds) == 3 * len(rows)
    for row in rows:
        own = [one for one in seeds if (one["curve"], one["size"]) == (row["curve"], row["size"])]
        assert [one["seed"] for one in own] == [0, 1, 2]
        assert row["exact"] == statistics.median(one["exact"] for one in own)
        assert (row["low"], row["high"]) == (min(one["exact"] for one in own), max(one["exact"] for one in own))
        for name in ("tokens", "seconds", "memory_bytes"):
            assert row[name] == statistics.median(one[name] for one in own)
        for one in own:
            low, high = wilson(round(one["exact"] * 7), 7)
            assert (one["exact_low"], one["exact_high"], one["n"]) == (low, high, 7)
    text = (out / "table.md").read_text()
    assert "The paper's result: nothing of the kind" in text
    assert "half of them" in text
    median, each = text.split("## Every seed")
    assert "Median over 3 seeds, lowest to highest." in median
    assert "| lowest to highest |" in median
    assert "95 %" not in median
    assert "| 95 % interval |" in each
    assert text.count("| inductive | 3 |") == 4  # the median and three seeds


def test_scores_are_those_of_the_run(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    reproduced(capsys, written(tmp_path), out)
    run = Run.load(out / "inductive" / "seed-0", "last", "cpu")
    shown = json.loads((out / "table.json").read_text())["seeds"]
    for score in run.evaluate((1, 3), 7, "free"):
        [line] = [one for one in shown if (one["curve"], one["size"]) == ("inductive", score.size)]
        assert (line["answers"], line["exact"]) == (score.accuracy, score.exact_accuracy)
        assert (line["tokens"], line["transition_accuracy"]) == (score.tokens, score.transition_accuracy)


def test_nothing_is_trained_or_evaluated_twice(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = written(tmp_path), tmp_path / "out"
    trained, evaluated = counting(monkeypatch, "train"), counting(monkeypatch, "_scores")
    rows = reproduced(capsys, file, out)
    assert trained == evaluated == [str(out / form / "seed-0") for form in ("direct", "inductive")]
    before = contents(out / "direct")
    assert reproduced(capsys, file, out) == rows
    assert len(trained) == len(evaluated) == 2
    reproduced(capsys, file, out, "--seeds", "2")
    assert trained[2:] == evaluated[2:] == [str(out / form / "seed-1") for form in ("direct", "inductive")]
    assert {name: text for name, text in contents(out / "direct").items() if name.startswith("seed-0")} == before
    more = written(tmp_path, more='[small.cases]\n"" = ""\nagain = "evaluate.n=5"\n')
    assert len(reproduced(capsys, more, out)) == 2 * len(rows)
    assert len(trained) == 4
    assert evaluated[4:] == [str(out / form / "seed-0") for form in ("direct", "inductive")]


def test_another_run_in_the_folder_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    reproduced(capsys, written(tmp_path), out)
    before, trained = contents(out), counting(monkeypatch, "train")
    words = ("reproduce", tmp_path / "mine.toml", "--out", out, "--seeds", "2", "--set", "train.batch=5")
    error = refused(capsys, *words)
    assert "train.batch: 3 -> 5" in error
    assert str(out / "direct" / "seed-0") in error
    assert (contents(out), trained) == (before, [])


def test_interrupted_it_says_how_to_go_on_and_goes_on(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second run, after its second step. What was interrupted is in the end as if it had not been."""
    file, out = written(tmp_path, steps=5), tmp_path / "out"
    reproduced(capsys, file, tmp_path / "whole")
    shown = TrainingProgress.show_metrics

    def tell(self: TrainingProgress, name: str, line: dict[str, Any]) -> None:
        shown(self, name, line)
        if name.startswith("inductive") and line["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "show_metrics", tell)
        status, printed, err = command(capsys, "reproduce", file, "--out", out, "--device", "cpu")
    assert (status, printed) == (130, "")
    assert f"resume them with: scratchpad reproduce {file} --device cpu --out {out}" in err
    assert not (out / "table.json").exists()
    assert max(line["step"] for line in metrics(out / "inductive" / "seed-0")) == 2
    trained = counting(monkeypatch, "train")
    reproduced(capsys, file, out)
    assert trained == [str(out / "inductive" / "seed-0")]
    assert losses(out / "inductive" / "seed-0") == losses(tmp_path / "whole" / "inductive" / "seed-0")


def test_side_by_side_they_are_the_same(tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path)
    reproduced(capsys, file, tmp_path / "one")
    reproduced(capsys, file, tmp_path / "two", "--jobs", "2")
    for form in ("direct", "inductive"):
        assert losses(tmp_path / "one" / form / "seed-0") == losses(tmp_path / "two" / form / "seed-0")


@pytest.mark.parametrize("form", ["steps", "bars", "progress"])
def test_every_form_is_drawn(form: str, tmp_path: Path, capsys: Capture) -> None:
    vary = '[small.cases]\nshort = "evaluate.sizes=1"\nlong = "evaluate.sizes=3"\n'
    file = written(tmp_path, form, more=vary)
    if form == "steps":
        file.write_text(file.read_text().replace("[small]\n", "[small]\nvary = 'window=5|7'\n"))
    rows = reproduced(capsys, file, tmp_path / "out")
    assert [row["case"] for row in rows[:2]] == ["short", "long"]
    assert ("learned_at" in rows[0]) == (form != "bars")
    assert (tmp_path / "out" / "figure.png").stat().st_size > 1000
    if form == "steps":
        assert [row["at"] for row in rows] == ["window=5", "window=5", "window=7", "window=7"] * 2
        assert (tmp_path / "out" / "direct-window=7" / "seed-0").is_dir()


def test_a_case_asks_in_another_format(tmp_path: Path, capsys: Capture) -> None:
    file = written(tmp_path, "bars", more='[small.cases]\nswapped = "task.format=causal evaluate.sizes=3"\n')
    file.write_text(file.read_text().replace('direct = "task.format=direct"\n', ""))
    file.write_text(file.read_text().replace('[reported]\ndirect = "half of them"\n', ""))
    [row] = reproduced(capsys, file, tmp_path / "out")
    assert (row["curve"], row["case"], row["format"]) == ("inductive", "swapped", "causal")


# seeds that vote


def test_seeds_vote_once_all_are_trained(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = written(tmp_path, more='vote = ["inductive"]\n'), tmp_path / "out"
    assert [row["curve"] for row in reproduced(capsys, file, out)] == ["direct"] * 2 + ["inductive"] * 2
    rows = reproduced(capsys, file, out, "--seeds", "3")
    name = "inductive, 3 seeds voting"
    assert [row["curve"] for row in rows] == ["direct"] * 2 + ["inductive"] * 2 + [name] * 2
    run, *others = (Run.load(out / "inductive" / f"seed-{seed}", "last", "cpu") for seed in range(3))
    scores = [result.score for result in run.voting(others).evaluate_by_size((1, 3), 7, "free")]
    for row, score in zip(rows[4:], scores, strict=True):
        shown = (row["size"], row["exact"], row["tokens"], row["seeds"], row["voters"])
        assert shown == (score.size, score.exact_accuracy, score.tokens, 1, 3)
        assert (row["low"], row["high"]) == wilson(round(score.exact_accuracy * 7), 7)
    table = json.loads((out / "table.json").read_text())
    assert {one["curve"] for one in table["seeds"]} == {"direct", "inductive"}
    text = (out / "table.md").read_text()
    assert text.count(f"| {name} |") == 2
    assert "Voting seeds give one answer together" in text
    evaluated = counting(monkeypatch, "_scores")
    assert reproduced(capsys, file, out, "--seeds", "3") == rows
    assert evaluated == []
    for seed in range(3):  # three documents a second, for three steps of three
        log = out / "inductive" / f"seed-{seed}" / "metrics.jsonl"
        slow = [line | {"documents_per_second": 3.0} if "loss" in line else line for line in objects(log.read_text())]
        log.write_text("".join(json.dumps(line) + "\n" for line in slow))
    assert [row["training_seconds"] for row in reproduced(capsys, file, out, "--seeds", "3")[2:]] == [3, 3, 9, 9]
    assert len(reproduced(capsys, file, out, "--seeds", "2")) == 6
    assert evaluated == [str(out / "inductive" / "seed-0")]


def test_seeds_trained_anew_vote_anew(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = written(tmp_path, more='vote = ["inductive"]\n'), tmp_path / "out"
    reproduced(capsys, file, out, "--seeds", "2")
    for folder in out.rglob("seed-*"):
        shutil.rmtree(folder)
    evaluated = counting(monkeypatch, "_scores")
    reproduced(capsys, file, out, "--seeds", "2", "--set", "train.learning_rate=1e-2")
    assert evaluated == [str(out / curve / f"seed-{seed}") for seed in (0, 1) for curve in ("direct", "inductive")] + [
        str(out / "inductive" / "seed-0")
    ]


@pytest.mark.parametrize(
    ("form", "more", "says"),
    [
        ("lengths", 'vote = ["inductiv"]\n', "did you mean 'inductive'"),
        ("lengths", "vote = true\n", "takes a list in which each item is a text"),
        ("steps", 'vote = ["inductive"]\n', "vote needs form = lengths or bars, not steps"),
        (
            "bars",
            'vote = ["direct"]\n[small.cases]\nforced = "evaluate.method=forced"\n',
            "voting needs evaluate.method=free and evaluate.temperature=0",
        ),
        (
            "bars",
            'vote = ["direct"]\n[small.cases]\nhot = "evaluate.temperature=0.5"\n',
            "voting needs evaluate.method=free and evaluate.temperature=0",
        ),
    ],
)
def test_votes_that_cannot_be_are_refused_before_training(
    form: str, more: str, says: str, tmp_path: Path, capsys: Capture
) -> None:
    assert says in refused(capsys, "reproduce", written(tmp_path, form, more=more), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("vary", "at"), [("", "nothing"), ("vary = 'model.positions=alibi|rotary'", "positions=alibi")]
)
def test_steps_are_drawn_over_numbers(vary: str, at: str, tmp_path: Path, capsys: Capture) -> None:
    error = refused(capsys, "reproduce", written(tmp_path, "steps", more=f"{vary}\n"), "--out", tmp_path / "out")
    assert f'needs a varied number, such as vary = "n=2|3", not {at}' in error
    assert not (tmp_path / "out").exists()


# sweep

SWEPT = ("train.steps=2", "model=tiny", "bits=1-2", "window=5", "train.batch=3|5", "evaluate.sizes=1,2", "evaluate.n=3")


def test_a_sweep_trains_every_combination(tmp_path: Path, capsys: Capture) -> None:
    words = ("--device", "cpu", "--json", "--set", *SWEPT, "model.dropout=0|0.1|0.2", "train.warmup_steps=0")
    status, out, err = command(capsys, "sweep", "parity-small", "--out", tmp_path / "out", *words)
    assert status == 0, err
    assert [(row["curve"], row["size"]) for row in objects(out)] == [
        (f"batch={batch}, dropout={dropout}", size) for batch in (3, 5) for dropout in ("0", "0.1", "0.2")
        for size in (1, 2)
    ]  # fmt: skip
    assert objects(out)[-1]["settings"] == {"train.batch": "5", "model.dropout": "0.2"}
    config = Run.load(tmp_path / "out" / "batch=5-dropout=0.1" / "seed-0", "last", "cpu").config
    assert (config.train.batch, config.model.dropout, config.model.width) == (5, 0.1, 32)
    status, again, err = command(capsys, "sweep", "parity-small", "--out", tmp_path / "out", *words)
    assert (status, again) == (0, out)
    assert "6 of them already trained" in err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_sweep_over_a_task_of_a_python_file(jobs: str, tmp_path: Path, capsys: Capture) -> None:
    file = ROOT / "examples" / "my_task.py"
    words = ("--device", "cpu", "--json", "--jobs", jobs, "--out", tmp_path / "out", "--set", *SWEPT[:2], *SWEPT[4:])
    status, out, err = command(capsys, "sweep", "parity-small", *words, "train.warmup_steps=0", f"task.file={file}")
    assert status == 0, err
    assert len(objects(out)) == 4
    config = next((tmp_path / "out").glob("*/seed-0/config.json"))
    assert "confirm the file with" in refused(capsys, "sweep", config, "--set", "train.batch=3|5")


def test_a_sweep_over_nothing_or_what_is_overwritten_is_refused(capsys: Capture) -> None:
    assert "'train.batch=64|128'" in refused(capsys, "sweep", "parity-small", "--set", "train.batch=3")
    assert "train.batsh" in refused(capsys, "sweep", "parity-small", "--set", "train.batsh=3|4")
    for given, do in (("train.seed=1|2", "--seeds N"), ("evaluate.method=free|forced", "--method forced")):
        assert do in refused(capsys, "sweep", "parity-small", "--set", given)


# lists, and asking a run otherwise


def test_experiments_are_listed(capsys: Capture) -> None:
    for words in (("reproduce",), ("reproduce", "--list")):
        status, out, _ = command(capsys, *words)
        assert status == 0
        assert [line.split()[0] for line in out.splitlines()[1:]] == experiment_names()
        times = [" ".join(line.split()[1:3]) for line in out.splitlines()[1:]]
        assert times == [f"{experiment(name).scales['small'].minutes} min" for name in experiment_names()]
    _, out, _ = command(capsys, "reproduce", "--json")
    assert all(one["result"] and one["setup"] for one in objects(out))
    assert "unknown experiment" in refused(capsys, "reproduce", "fig99")
    assert "unknown scale" in refused(capsys, "reproduce", "fig1", "--scale", "tiny")


def test_a_run_is_asked_on_other_questions(tmp_path: Path, capsys: Capture) -> None:
    reproduced(capsys, written(tmp_path), tmp_path / "out")
    folder = tmp_path / "out" / "inductive" / "seed-0"
    before = contents(folder)
    words = ("evaluate", folder, "--sizes", "2", "-n", "3", "--device", "cpu", "--json", "--set")
    status, out, err = command(capsys, *words, "task.format=direct", "window=4")
    assert status == 0, err
    assert [(one["format"], one["size"]) for one in objects(out)] == [("direct", 2)]
    assert contents(folder).keys() - before.keys() <= {"questions-3.npy"}
    assert "without the symbols" in refused(capsys, *words, "task.name=cycles")
    assert "only task settings can be changed after training" in refused(capsys, *words, "train.steps=7")
    assert "unknown setting" in refused(capsys, *words, "colour=red")
