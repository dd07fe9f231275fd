"""The command `train`: the files it writes, and its one-line error messages, which come before any file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from tiny_runs import ROOT, Capture, command, contents, losses, metrics, refused, tiny, train_arguments, trained

from scratchpad.config.schema import RunConfig
from scratchpad.run import Run
from scratchpad.training import checkpoint

MY_TASK, MY_DATA = ROOT / "examples" / "my_task.py", ROOT / "tests" / "words.jsonl"
FEW = ["--device", "cpu", "--set", "model=tiny", "train.steps=2", "train.batch=3", "train.warmup_steps=0"]

# train


def test_the_contents_of_a_run_folder(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "run"
    status, out, err = command(capsys, *train_arguments(folder, train__evaluate_every=5))
    assert (status, out) == (0, ""), err
    assert f"scratchpad evaluate {folder}" in err
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.json", "metrics.jsonl"]
    record = json.loads((folder / "config.json").read_text())
    assert record["config"]["model"]["context"] == 48
    assert record["vocabulary"][:5] == ["<pad>", "<start>", "<sep>", "<end>", "<filler>"]
    assert {"torch", "numpy", "python", "scratchpad"} <= set(record["versions"])
    assert "git" in record
    logged = [line for line in metrics(folder) if "loss" in line]
    assert [line["step"] for line in logged] == list(range(1, 14))
    assert set(logged[0]) == {"step", "loss", "lr", "tokens_per_second", "documents_per_second"}
    evaluations = [line for line in metrics(folder) if "evaluation" in line]
    assert [line["step"] for line in evaluations] == [5, 10, 13]
    assert [score["size"] for score in evaluations[0]["evaluation"]] == [3, 7]


def test_a_run_can_be_repeated_from_its_config(tmp_path: Path, capsys: Capture) -> None:
    first = trained(tmp_path / "first", tiny(model__dropout=0.1, train__samples=7))
    status, _, err = command(capsys, "train", first.folder / "config.json", "--out", tmp_path / "again")
    assert status == 0, err
    assert losses(tmp_path / "again") == losses(first.folder)
    configs = [json.loads((tmp_path / name / "config.json").read_text())["config"] for name in ("first", "again")]
    assert configs[0] == configs[1] == first.config.to_json()
    assert RunConfig.from_json(configs[0], "") == first.config


def test_each_seed_is_a_run_of_its_own(tmp_path: Path, capsys: Capture) -> None:
    status, _, err = command(capsys, *train_arguments(tmp_path / "runs", "--seeds", "2", train__steps=3))
    assert status == 0, err
    assert [Run.load(tmp_path / "runs" / f"seed-{i}").config.train.seed for i in (0, 1)] == [0, 1]
    assert losses(tmp_path / "runs" / "seed-0") != losses(tmp_path / "runs" / "seed-1")
    whole = trained(tmp_path / "one", tiny(train__steps=3, train__seed=1))
    assert losses(tmp_path / "runs" / "seed-1") == losses(whole.folder)
    status, out, _ = command(capsys, "evaluate", *(tmp_path / "runs").iterdir(), "--sizes", "3", "-n", "2")
    assert status == 0
    assert "median accuracy" in out


def test_an_existing_run_is_never_overwritten(tmp_path: Path, capsys: Capture) -> None:
    run = trained(tmp_path / "run", tiny(train__steps=3, bits="1-3")).folder
    before = contents(run)
    arguments = train_arguments(run)
    assert "--resume, or replace it with --force" in refused(capsys, *arguments)
    assert "give only one of the two" in refused(capsys, *arguments, "--resume", "--force")
    said = refused(capsys, *arguments, "--resume")
    assert "task.settings.bits: 1-3 -> 1-4" in said
    assert "train.steps: 3 -> 13" in said
    assert "is only for --resume; add --resume" in refused(capsys, *arguments, "--checkpoint", "3", "--force")
    assert contents(run) == before
    assert command(capsys, *arguments, "--force")[0] == 0
    assert len(losses(run)) == 13


def test_overwriting_a_run_keeps_what_its_links_point_to(tmp_path: Path, capsys: Capture) -> None:
    """For example checkpoints on another disk."""
    run, elsewhere = trained(tmp_path / "run", tiny(train__steps=3)).folder, tmp_path / "elsewhere"
    (run / "checkpoints").rename(elsewhere)
    (run / "checkpoints").symlink_to(elsewhere)
    before = contents(elsewhere)
    assert command(capsys, *train_arguments(run), "--force")[0] == 0
    assert contents(elsewhere) == before
    assert not (run / "checkpoints").is_symlink()


def test_a_folder_that_holds_no_run_is_never_overwritten(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear")
    (tmp_path / "file").write_text("text")
    before = contents(tmp_path)
    for name in ("letters", "file"):
        assert "--resume, or replace it with --force" in refused(capsys, *train_arguments(tmp_path / name))
        assert "is not a run folder" in refused(capsys, *train_arguments(tmp_path / name, "--force"))
        assert "is not a run folder" in refused(capsys, *train_arguments(tmp_path / name, "--resume"))
    assert "cannot be written" in refused(capsys, *train_arguments(tmp_path / "file" / "run"))
    assert contents(tmp_path) == before


def test_an_empty_folder_can_be_trained_in(tmp_path: Path, capsys: Capture) -> None:
    assert command(capsys, *train_arguments(tmp_path, train__steps=1))[0] == 0


def test_a_run_is_not_resumed_with_changed_data(tmp_path: Path, capsys: Capture) -> None:
    data = tmp_path / "data.jsonl"
    shutil.copy(MY_DATA, data)
    arguments = ["train", "parity-small", "--data", str(data), "--out", str(tmp_path / "run"), *FEW]
    assert command(capsys, *arguments)[0] == 0
    data.write_text(data.read_text().replace("plum=", "Plum="))
    assert "was started with other data" in refused(capsys, *arguments, "--resume")


MISTAKES: dict[str, tuple[list[str], str]] = {
    "recipe": (["parity-smal"], "did you mean 'parity-small'"),
    "setting": (["parity-small", "--set", "train.stepz=5"], "did you mean 'train.steps'"),
    "setting of the task": (["parity-small", "--set", "bitz=5"], "did you mean 'bits'"),
    "value": (["parity-small", "--set", "train.steps=many"], "takes a whole number, not 'many'"),
    "format": (["parity-small", "--set", "task.format=inductiv"], "did you mean 'inductive'"),
    "preset": (["parity-small", "--set", "model=smal"], "did you mean 'small'"),
    "method": (["parity-small", "--set", "evaluate.method=forces"], "did you mean 'forced'"),
    "device": (["parity-small", "--device", "tpu"], "choose auto, cpu or cuda"),
    "option": (["parity-small", "--dvice", "cpu"], "did you mean '--device'"),
    "seeds": (["parity-small", "--seeds", "0"], "a whole number of at least 1"),
    "sizes": (["parity-small", "--set", "evaluate.sizes=4,99"], "bits=99 does not fit window=24"),
    "sizes, rotary": (["parity-small", "--set", "evaluate.sizes=99", "model.positions=rotary"], "bits=99 does not fit"),
    "budget": (["parity-small", "--set", "train.layout=mixed", "train.budget=9"], "budget of 9 tokens is too small"),
    "context": (
        ["parity-small", "--set", "model.context=9"],
        "more than the 9 positions of the model. Set model.context=42",
    ),
    "context of data": (
        ["parity-small", "--data", "good.jsonl", "--set", "model.context=22"],
        "12 of the 60 documents checked need more than the 22 positions of the model. Set model.context=30",
    ),
    "states": (
        ["parity-small", "--set", "task.format=causal", "train.max_states=9"],
        "train.max_states=9 needs task.format=inductive, not causal",
    ),
    "no data": (["parity-small", "--data", "none.jsonl"], "none.jsonl: cannot be read"),
    "line": (["parity-small", "--data", "bad.jsonl"], "bad.jsonl:2: not JSON"),
    "empty": (["parity-small", "--data", "empty.jsonl"], "empty.jsonl: no lines"),
    "test data": (["parity-small", "--data", "good.jsonl", "--test-data", "bad.jsonl"], "bad.jsonl:2: not JSON"),
    "test data alone": (["parity-small", "--test-data", "good.jsonl"], "needs task.data"),
    "two sources": (
        ["parity-small", "--data", "good.jsonl", "--task-file", "task.py"],
        "task.data=good.jsonl and task.file=task.py: give only one of these settings",
    ),
    "setting of data": (["parity-small", "--data", "good.jsonl", "--set", "bits=3"], "unknown setting of data 'bits'"),
    "size of data": (
        ["parity-small", "--data", "good.jsonl", "--set", "evaluate.sizes=99"],
        "no test question of size 99",
    ),
    "no task file": (["parity-small", "--task-file", "none.py"], "none.py: no such file"),
    "no config": (["none.json"], "none.json: No such file"),
    "config": (["broken.json"], "broken.json: not JSON"),
    "list": (["list.json"], "list.json: a run config must be a JSON object"),
    "part": (["part.json"], "unknown setting of a run 'train.stesp': did you mean 'train.steps'"),
    "no part": (
        ["no-part.json"],
        (
            "train=5: train has several settings: set one of them with train.NAME=..., where NAME is one of steps, "
            "batch, samples,"
        ),
    ),
    "task settings": (
        ["task-settings.json"],
        "task.settings=7: task.settings has several settings: set one of them with task.settings.NAME=...",
    ),
    "whole part": (
        ["parity-small", "--set", "task=cycles"],
        "task=cycles: task has several settings: set one of them with task.NAME=..., where NAME is one of name,",
    ),
    "whole part and one": (
        ["parity-small", "--set", "train=5", "train.steps=5"],
        (
            "train=5: train has several settings: set one of them with train.NAME=..., where NAME is one of steps, "
            "batch, samples,"
        ),
    ),
    "both names": (
        ["parity-small", "--set", "bits=4", "task.settings.bits=3"],
        "bits and task.settings.bits are the same setting: give only one of them",
    ),
    "empty part": (["empty-part.json"], "unknown setting of a run 'trian': did you mean 'train'"),
    "weights of data": (
        ["parity-small", "--data", "good.jsonl", "--set", "steps=3-6:size"],
        "steps=3-6:size has unequal weights, but each problem of a file is drawn equally often",
    ),
    "code": (["code.json"], "confirm the file with the setting task.file=FILE"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_reported_before_writing(
    mistake: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(MY_DATA, "good.jsonl")
    shutil.copy(MY_TASK, "task.py")
    texts = {
        "bad.jsonl": '{"question": "a=", "states": ["a"], "answer": "a"}\n{"question": "b=", ',
        "empty.jsonl": "\n",
        "broken.json": "{",
        "list.json": "[]",
        "part.json": '{"train": {"stesp": 5}}',
        "empty-part.json": '{"trian": {}}',
        "no-part.json": '{"config": {"train": 5}}',
        "task-settings.json": '{"task": {"settings": 7}}',
        "code.json": '{"task": {"file": "task.py"}}',
    }
    for name, text in texts.items():
        Path(name).write_text(text)
    before = contents(tmp_path)
    arguments, says = MISTAKES[mistake]
    assert says in refused(capsys, "train", *arguments, "--out", "run")
    assert contents(tmp_path) == before
    assert not Path("run").exists()


def test_a_full_disk_is_a_failure_not_a_mistake(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise SafetensorError("no space left")

    monkeypatch.setattr(checkpoint, "save_file", refuse)
    status, out, err = command(capsys, *train_arguments(tmp_path / "run"))
    assert (status, out) == (1, "")
    assert "scratchpad: error: cannot write the checkpoint of step 13" in err
    assert "Traceback" not in err


# Tasks and data of the user


def test_a_task_file_from_training_to_solving(tmp_path: Path, capsys: Capture) -> None:
    """A run folder alone never runs code: every command must name the file."""
    folder = tmp_path / "run"
    arguments = ["train", "parity-small", "--task-file", MY_TASK, "--out", folder, *FEW, "largest=5"]
    assert command(capsys, *arguments)[0] == 0
    settings = Run.load(folder, task_file=str(MY_TASK)).evaluated.task.settings()
    assert settings == {"sizes": "1-6", "largest": 5, "window": 20, "fill": "0123456789"}
    for words in (["evaluate", folder], ["solve", folder, "2716="]):
        assert "name this file with --task-file" in refused(capsys, *words)
    assert "confirm the file with" in refused(capsys, "train", folder / "config.json", "--out", tmp_path / "other")
    status, out, err = command(capsys, "evaluate", folder, "--task-file", MY_TASK, "--sizes", "2", "-n", "3", "--json")
    assert (status, json.loads(out)["task"]) == (0, "own"), err
    status, out, err = command(capsys, "solve", folder, "215", "--task-file", MY_TASK, "--max-tokens", "5")
    assert (status, out.splitlines()[-2][:7]) == (0, "answer:"), err
    assert "not in the alphabet" in refused(capsys, "solve", folder, "2!", "--task-file", MY_TASK)
    assert command(capsys, *arguments, "--resume")[0] == 0


def test_only_the_named_task_file_is_executed(tmp_path: Path, capsys: Capture) -> None:
    saved, named, executed = tmp_path / "saved.py", tmp_path / "named.py", tmp_path / "executed"
    for file in (saved, named):
        file.write_text(MY_TASK.read_text())
    assert command(capsys, "train", "parity-small", "--task-file", saved, "--out", tmp_path / "run", *FEW)[0] == 0
    saved.write_text(f"import pathlib\npathlib.Path({str(executed)!r}).touch()\n" + MY_TASK.read_text())
    words = ["evaluate", tmp_path / "run", "--task-file", named, "--sizes", "2", "-n", "2"]
    for more in ([], ["--set", "task.format=direct"]):
        status, _, err = command(capsys, *words, *more)
        assert status == 0, err
    assert not executed.exists()
    assert command(capsys, "evaluate", tmp_path / "run", "--task-file", saved, "--sizes", "2", "-n", "2")[0] == 0
    assert executed.exists()


def test_data_from_training_to_solving(tmp_path: Path, capsys: Capture) -> None:
    """Evaluated on the held-out part, at its sizes."""
    folder = tmp_path / "run"
    assert command(capsys, "train", "parity-small", "--data", MY_DATA, "--out", folder, *FEW)[0] == 0
    status, out, err = command(capsys, "evaluate", folder, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (status, {line["task"] for line in lines}) == (0, {"data"}), err
    assert sum(line["n"] for line in lines) == 6  # a tenth of 60
    assert {line["seen_in_training"] for line in lines} == {0}
    status, out, err = command(capsys, "solve", folder, "plum=", "--max-tokens", "5", "--json")
    assert (status, json.loads(out.splitlines()[-1])["answer"]) == (0, None), err
