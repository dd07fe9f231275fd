"""The commands evaluate and solve: JSON, files, errors in one line, and damaged run folders."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import Capture, command, contents, refused, tiny, trained

from scratchpad.run import Run
from scratchpad.tasks.document import MARKS
from scratchpad.training.trainer import Interrupted


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that solves the shortest questions."""
    settings = {"train__steps": 150, "train__batch": 16, "train__learning_rate": 1e-2, "bits": "1-3", "window": 4}
    return trained(tmp_path_factory.mktemp("learned") / "run", tiny(**settings, evaluate__sizes="1,2"))


@pytest.fixture
def run(learned: Run, tmp_path: Path) -> Path:
    return shutil.copytree(learned.folder, tmp_path / "run")


# evaluate


def test_evaluate_prints_and_keeps_the_documented_fields(run: Path, capsys: Capture) -> None:
    status, out, err = command(capsys, "evaluate", run, "--sizes", "1,3", "-n", "17", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, [line["size"] for line in lines]) == (0, [1, 3]), err
    promised = {"task", "format", "size", "n", "correct", "accuracy", "low", "high", "method", "seed"}
    assert promised | {"transition_accuracy"} <= set(lines[0])
    assert (lines[0]["task"], lines[0]["format"], lines[0]["n"], lines[0]["seed"]) == ("parity", "inductive", 17, 0)
    assert lines[0]["low"] < lines[0]["accuracy"] == lines[0]["correct"] / 17 > lines[1]["accuracy"]
    samples = [json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines()]
    assert len(samples) == 34
    assert sum(sample["exact"] for sample in samples if sample["size"] == 1) == lines[0]["correct"]
    kept = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    assert kept == [{"step": 150, **line} for line in lines]


def test_evaluating_again_replaces_only_the_same_scores(run: Path, capsys: Capture) -> None:
    def kept() -> list[tuple[str, int, int, int]]:
        lines = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
        return [(line["method"], line["size"], line["seed"], line["n"]) for line in lines]

    assert command(capsys, "evaluate", run, "-n", "5")[0] == 0
    assert kept() == [("forced", 1, 0, 5), ("forced", 2, 0, 5)]
    assert command(capsys, "evaluate", run, "-n", "3", "--sizes", "2", "--method", "free")[0] == 0
    assert command(capsys, "evaluate", run, "-n", "7", "--sizes", "1")[0] == 0
    assert kept() == [("forced", 2, 0, 5), ("free", 2, 0, 3), ("forced", 1, 0, 7)]
    assert len((run / "evaluation.jsonl").read_text().splitlines()) == 15


def test_sampled_scores_are_kept_beside_greedy_ones(run: Path, capsys: Capture) -> None:
    words = ("evaluate", run, "-n", "3", "--sizes", "2,2", "--method", "free")
    for more in ([], ["--temperature", "0.5"], ["--temperature", "0.5", "--top-k", "3"], []):
        assert command(capsys, *words, *more)[0] == 0
    kept = [json.loads(line)["sampling"] for line in (run / "scores.jsonl").read_text().splitlines()]
    assert kept == ["temperature 0.5", "temperature 0.5, top-k 3", ""]
    assert command(capsys, "report", run, "--out", run / "report.html", "--plot", run / "plot.png")[0] == 0
    assert (run / "plot.png").read_bytes().startswith(b"\x89PNG")
    page = (run / "report.html").read_text()
    assert "Correct answers, temperature 0.5, top-k 3" in page


def test_evaluate_prints_a_table(run: Path, capsys: Capture) -> None:
    """The name of a run and its checkpoint come before the table; several runs have a column of names."""
    status, out, err = command(capsys, "evaluate", run, "-n", "5", "--method", "free")
    assert (status, err) == (0, f"{run}: best checkpoint, step 150 of 150\n")
    assert [line.split()[0] for line in out.splitlines()] == ["size", "1", "2"]
    other = shutil.copytree(run, run.with_name("other"))
    status, out, _ = command(capsys, "evaluate", run, other, "-n", "5", "--method", "free")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[:5]] == ["run", str(run), str(run), str(other), str(other)]


def test_evaluate_says_where_training_stopped(tmp_path: Path, capsys: Capture) -> None:
    def stop(line: dict[str, Any]) -> None:
        if line["step"] == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        trained(tmp_path / "run", tiny(train__checkpoint_every=4), on_metrics=stop)
    for checkpoint, step in (("last", 6), ("4", 4)):
        words = ("evaluate", tmp_path / "run", "--sizes", "1", "-n", "2", "--checkpoint", checkpoint)
        says = f": {checkpoint} checkpoint, step {step} of 13; training stopped at step 6\n"
        assert says in command(capsys, *words)[2]


def test_evaluations_report_progress(run: Path) -> None:
    """The count of each size grows to the number of questions; the training questions are counted as well."""

    def noted(seen: list[tuple[str, int, int]], unit: str, count: int, total: int) -> None:
        seen.append((unit, count, total))

    for method in ("forced", "free"):
        seen: list[tuple[str, int, int]] = []
        results = Run.load(run, device="cpu").evaluate_by_size([1, 3], 17, method, on_progress=partial(noted, seen))
        assert len(list(results)) == 2
        for size in (1, 3):
            counts = [count for unit, count, total in seen if (unit, total) == (f"questions of size {size}", 17)]
            assert counts == sorted(counts)
            assert counts[-1] == 17
        for file in run.glob("questions-*.npy"):
            file.unlink()
        assert [one for one in seen if one[0].startswith("training")] == [
            ("training questions compared", count, 150 * 16) for count in range(150 * 16)
        ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sizes", "1,99"], "bits=99 does not fit window=4"),
        (["--sizes", "1,x"], "a whole number of at least 1"),
        (["--method", "forces"], "did you mean 'forced'"),
        (["--temperature", "1"], "only for generated text. Use --method free."),
        (["--method", "free", "--top-p", "2"], "top-p=2.0"),
        (["--checkpoint", "7"], "has no checkpoint '7'"),
        (["--device", "tpu"], "auto, cpu or cuda"),
        (["-n", "0"], "a whole number of at least 1"),
    ],
)
def test_mistakes_of_evaluate(words: list[str], says: str, run: Path, capsys: Capture) -> None:
    before = contents(run)
    assert says in refused(capsys, "evaluate", run, *words)
    assert contents(run) == before


def test_a_plot_that_cannot_be_made_leaves_no_report(run: Path, tmp_path: Path, capsys: Capture) -> None:
    (run / "metrics.jsonl").write_text("")
    words = ("report", run, "--out", tmp_path / "report.html", "--plot", tmp_path / "plot.png")
    assert "none of the runs is evaluated. Give evaluated runs on one task." in refused(capsys, *words)
    assert list(tmp_path.glob("*.*")) == []


# solve


def test_solve_prints_states_and_answer(run: Path, capsys: Capture) -> None:
    status, out, err = command(capsys, "solve", run, "_1__=", "0", "--json")
    assert status == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    first, second = lines[:3], lines[3:]
    assert first[:2] == [{"index": 0, "state": list("[01]1,1")}, {"index": 1, "state": list("[04]_,1")}]
    assert list(first[2]) == ["answer", "status", "states", "tokens", "seconds", "truth"]
    assert (first[2]["answer"], first[2]["status"], first[2]["states"], first[2]["tokens"]) == (["1"], "done", 2, 16)
    assert first[2]["truth"] == ["1"]
    assert (second[0]["state"], second[-1]["answer"]) == (list("[00]0,0"), ["0"])
    status, out, err = command(capsys, "solve", run, "_1__=")
    assert out.startswith("    1  [01]1,1\n    2  [04]_,1\nanswer: 1  (done: 2 states, 16 tokens, ")


@pytest.mark.parametrize(
    ("words", "status"),
    [(["--max-states", "1"], "max-states"), (["--max-tokens", "3"], "max-tokens"), (["--temperature", "9"], "")],
)
def test_limits_are_statuses_without_an_answer(words: list[str], status: str, run: Path, capsys: Capture) -> None:
    code, out, _ = command(capsys, "solve", run, "_1__=", "--json", *words)
    last = json.loads(out.splitlines()[-1])
    assert (code, last["status"] if status else "") == (0, status)
    assert not status or last["answer"] is None


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("101010=", "6 slots, but the window holds only 4"),
        ("1x", "'x' at place 1"),
        (" ", "is empty"),
        ("2_", "slots (each 0 or 1 or _) and '='"),
    ],
)
def test_invalid_questions_are_refused_before_any_is_solved(
    question: str, says: str, run: Path, capsys: Capture
) -> None:
    assert says in refused(capsys, "solve", run, "_1__=", question)


# Damaged run folders.


def remove(path: Path) -> None:
    path.unlink()


def write(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (remove, "is not a run folder: it has no config.json"),
        (write("{"), "config.json is damaged"),
        (write("[]"), "config.json is damaged"),
        (write("{}"), "config.json is damaged: 'config'"),
        (write('{"config": {}, "vocabulary": []}'), "no config or no vocabulary"),
        (write(json.dumps({"config": {"model": {"width": "w"}}, "vocabulary": MARKS})), "model.width takes a whole"),
    ],
)
def test_a_folder_without_a_valid_run(damage: Callable[[Path], object], says: str, run: Path, capsys: Capture) -> None:
    damage(run / "config.json")
    assert says in refused(capsys, "evaluate", run)
    assert says in refused(capsys, "solve", run, "1")


def test_a_damaged_checkpoint_is_named_and_another_offered(run: Path, capsys: Capture) -> None:
    shutil.copytree(run / "checkpoints" / "step-150", run / "checkpoints" / "step-100")
    (run / "checkpoints" / "step-150" / "model.safetensors").write_bytes(b"")
    for words in (["evaluate", run], ["solve", run, "1"]):
        said = refused(capsys, *words)
        assert "step-150/model.safetensors is missing, truncated or altered" in said
        assert "The checkpoint of step 100 is intact: choose it with --checkpoint" in said
    assert command(capsys, "evaluate", run, "--checkpoint", "100", "-n", "1")[0] == 0


@pytest.mark.parametrize("name", ["scores.jsonl", "evaluation.jsonl"])
def test_damaged_lines_of_earlier_evaluations_are_reported_before_any_work(
    name: str, run: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scratchpad.run.evaluate", lambda *_: pytest.fail("evaluated anyway"))
    for text, says in (("{cut\n", "Expecting"), ("[]\n", "the line is not a JSON object")):
        (run / name).write_text(text)
        assert f"{name}:1 is damaged: {says}" in refused(capsys, "evaluate", run, "-n", "1")
        assert (run / name).read_text() == text
    monkeypatch.undo()
    assert command(capsys, "evaluate", run, "-n", "1", "--set", "window=6")[0] == 0  # its scores are not kept
    assert (run / name).read_text() == text
    (run / name).write_text('{"cut')
    assert command(capsys, "evaluate", run, "-n", "1")[0] == 0
