"""Training processes: killed, interrupted, side by side, and several that train one model."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import losses, metrics, started, tiny, train_arguments, trained

from scratchpad.cli.main import main
from scratchpad.run import Run
from scratchpad.training.checkpoint import Checkpoints
from scratchpad.training.run_lock import lock_run_folder
from scratchpad.training.trainer import Trainer

HERE = Path(__file__).parent
LONGER: dict[str, Any] = {
    "train__steps": 60, "train__checkpoint_every": 4, "train__evaluate_every": 7, "model__dropout": 0.1,
}  # fmt: skip


def parameters(folder: Path) -> dict[str, torch.Tensor]:
    return Run.load(folder, "last", "cpu").evaluated.model.state_dict()


def evaluations(folder: Path) -> list[Any]:
    """Return steps and accuracies of the evaluations. Seconds and memory differ from run to run."""
    evaluations = [line for line in metrics(folder) if "evaluation" in line]
    return [(line["step"], [score["correct"] for score in line["evaluation"]]) for line in evaluations]


@pytest.mark.parametrize(("seed", "kills"), [(0, 6), pytest.param(1, 60, marks=pytest.mark.slow)])
def test_a_run_killed_repeatedly_ends_like_an_undisturbed_one(seed: int, kills: int, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", tiny(**LONGER))
    folder = tmp_path / "run"
    arguments = train_arguments(folder, "--device", "cpu", **LONGER)
    with started(HERE, [str(seed), str(kills), str(folder), *arguments], ["processes.py"]) as process:
        out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert int(out) >= kills // 2, err
    assert losses(folder) == losses(whole.folder)
    assert evaluations(folder) == evaluations(whole.folder)
    found, expected = parameters(folder), parameters(whole.folder)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert Checkpoints(folder).steps() == Checkpoints(whole.folder).steps()


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_termination_signal_saves_and_prints_how_to_resume(tmp_path: Path, request_to_end: int) -> None:
    """Interrupt a process that has started to train, then run the command that it prints."""
    settings = {"train__steps": 2000, "train__decay_steps": 2000}
    with started(tmp_path, train_arguments(Path("a run"), "--device", "cpu", **settings)) as process:
        while not (tmp_path / "a run" / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(request_to_end)
        out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (130, ""), err
    said = re.search(r"interrupted: stopped at step (\d+) of 2000, which is saved; resume with: (scratchpad .*)", err)
    assert said, err
    assert Checkpoints(tmp_path / "a run").steps() == [int(said[1])]
    resuming = shlex.split(said[2])[1:]
    assert resuming[-1] == "--resume"


def test_a_folder_with_a_running_training_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both --resume and --force are refused. A killed process releases its lock."""
    folder, settings = tmp_path / "a run", {"train__steps": 2000, "train__checkpoint_every": 2}
    arguments = train_arguments(folder, "--device", "cpu", **settings)
    with started(tmp_path, arguments) as process:
        while not Checkpoints(folder).steps():
            assert process.poll() is None
            time.sleep(0.01)
        for how in ("--resume", "--force"):
            assert main([*arguments, how]) == 2
            assert f"another process is training in {folder}" in capsys.readouterr().err
        assert process.poll() is None
        process.kill()
        process.communicate()
    with lock_run_folder(folder):
        assert Checkpoints(folder).steps()


def test_parallel_runs_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """They save their steps and end before it does."""
    words = ["train.steps=2000", "model=tiny", "bits=1", "window=2", "evaluate.sizes=1"]
    sweep = ["sweep", "parity-small", "--set", "train.batch=2|3", *words, "--jobs", "2", "--out", "swept"]
    folders = [tmp_path / "swept" / name / "seed-0" for name in ("batch=2", "batch=3")]
    with started(tmp_path, sweep) as process:
        while not all((folder / "metrics.jsonl").exists() for folder in folders):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    for folder in folders:
        with lock_run_folder(folder):
            assert Checkpoints(folder).steps()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Seven documents per step, so that the shares are unequal. Gradients are summed in another order: float32 to 1e-5.

    Stages of one number a state, which a few steps at a high rate teach well enough to pass.
    """
    settings = {
        "train__batch": 7, "train__evaluate_every": 4, "train__checkpoint_every": 4, "task__format": "direct",
        "train__learning_rate": 1e-2, "curriculum__stages": "bits=1; bits=2; bits=3", "curriculum__threshold": 0.51,
        "curriculum__every": 4, "curriculum__n": 31,
    }  # fmt: skip
    whole = trained(tmp_path / "whole", tiny(**settings))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "scratchpad"]
    arguments = train_arguments(tmp_path / "run", "--device", "cpu", **settings)
    with started(tmp_path, arguments, torchrun) as process:
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert err.count("continue with `scratchpad evaluate") == 1
    assert losses(tmp_path / "run") == pytest.approx(losses(whole.folder), rel=1e-5)
    assert [step for step, _ in evaluations(tmp_path / "run")] == [4, 8, 12, 13]
    assert whole.ends
    assert Run.load(tmp_path / "run", "last", "cpu").ends == whole.ends
    for name, value in parameters(whole.folder).items():
        torch.testing.assert_close(parameters(tmp_path / "run")[name], value, rtol=1e-3, atol=1e-5)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["machine"]["processes"] == 2


def test_the_printed_command_resumes_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupt, resume from an earlier checkpoint, interrupt again; the folder's name needs quotes."""
    monkeypatch.chdir(tmp_path)
    whole = trained(Path("whole"), tiny(train__checkpoint_every=3))
    arguments = train_arguments(Path("it's a run"), "--device", "cpu", train__checkpoint_every=3)
    interrupt_at(7, monkeypatch)
    assert main(arguments) == 130
    interrupt_at(8, monkeypatch)
    assert main([*arguments, "--resume", "--checkpoint", "6"]) == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    command = capsys.readouterr().err.splitlines()[-1].partition("resume with: ")[2]
    assert "--checkpoint" not in command
    assert main(shlex.split(command)[1:]) == 0
    assert losses(Path("it's a run")) == losses(whole.folder)


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C in the middle of a step."""
    one_step = Trainer._train_step

    def pressed(training: Trainer, batches: Any) -> None:
        one_step(training, batches)
        if training.step == step:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_train_step", pressed)
