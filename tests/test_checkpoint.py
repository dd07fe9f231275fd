"""Checkpoints: complete or absent; damage is reported with an intact one to use; resuming is exact."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from tiny_runs import losses, starts_workers, tiny, trained

from scratchpad.errors import RunFailure, ScratchpadError, SkippedProblem
from scratchpad.layout.batch import Batch
from scratchpad.run import Run
from scratchpad.training import checkpoint, data, trainer
from scratchpad.training.checkpoint import Checkpoints, write_atomically
from scratchpad.training.data import StepData
from scratchpad.training.trainer import Trainer

SETTINGS: dict[str, Any] = {"train__checkpoint_every": 3, "model__dropout": 0.1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without interruption."""
    return trained(tmp_path_factory.mktemp("finished") / "run", tiny(**SETTINGS))


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Path:
    """A copy of it, with checkpoints of steps 12 and 13."""
    return shutil.copytree(finished.folder, tmp_path / "run")


def go_on(folder: Path, **how: Any) -> Run:
    return trained(folder, tiny(**SETTINGS), resume=True, **how)


def parameters(run: Run) -> dict[str, torch.Tensor]:
    return run.evaluated.model.state_dict()


def assert_same_end(found: Run, expected: Run) -> None:
    """Bit for bit: the loss of every step and every parameter."""
    assert losses(found.folder) == losses(expected.folder)
    for name, value in parameters(expected).items():
        assert torch.equal(parameters(found)[name], value), name
    assert found.step == expected.step


def test_the_last_two_and_the_best_are_kept(run: Path) -> None:
    kept = Checkpoints(run)
    assert kept.steps() == [12, 13]
    assert kept.best() is not None
    assert sorted(path.name for path in kept.folder.iterdir()) == ["best.json", "step-12", "step-13"]
    files = sorted(path.name for path in (kept.folder / "step-12").iterdir())
    assert files == ["model.safetensors", "optimiser.safetensors", "state.json"]


def test_a_checkpoint_holds_model_and_optimizer(run: Path) -> None:
    found = Checkpoints(run).load("12")
    assert (found.step, found.state["step"]) == (12, 12)
    assert found.optimizer["step.norm.weight"] == 12
    assert set(found.model) == set(parameters(Run.load(run)))
    assert len(found.optimizer) == 3 * len(found.model)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, alter, empty, Path.unlink])
@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.safetensors", "state.json"])
def test_damage_is_named_and_the_intact_one_before_offered(
    name: str, damage: Callable[[Path], None], run: Path
) -> None:
    file = run / "checkpoints" / "step-13" / name
    damage(file)
    with pytest.raises(ScratchpadError, match=rf"step-13/{name} is .*step 12 is intact: choose it with `checkpoint`"):
        Checkpoints(run).load()
    with pytest.raises(ScratchpadError, match="step 12 is intact"):
        Run.load(run, "last", "cpu")
    assert Run.load(run, "12", "cpu").step == 12


@pytest.mark.parametrize("text", ["[]", "7", '{"step": 13}', '{"digests": 5}', '{"digests": ["a"]}', "{"])
def test_a_state_that_is_none_is_damage(text: str, run: Path) -> None:
    (run / "checkpoints" / "step-13" / "state.json").write_text(text)
    with pytest.raises(ScratchpadError, match=r"state\.json is missing, truncated or altered"):
        Checkpoints(run).load()


def test_when_nothing_is_intact_it_says_so(run: Path) -> None:
    for step in (12, 13):
        cut(run / "checkpoints" / f"step-{step}" / "model.safetensors")
    with pytest.raises(ScratchpadError, match="No other checkpoint is intact"):
        Checkpoints(run).load()


@pytest.mark.parametrize("name", ["11", "bset", "step-99", "-1"])
def test_a_checkpoint_that_is_not_there(name: str, run: Path) -> None:
    with pytest.raises(ScratchpadError, match=f"has no checkpoint '{name}'.*last, best, 12, 13"):
        Checkpoints(run).load(name)


def test_checkpoints_have_names(run: Path) -> None:
    found = Checkpoints(run)
    assert [found.load(name).step for name in ("last", "best", "12", "step-12")] == [13, 13, 12, 12]
    write_atomically(found.folder / "best.json", json.dumps({"step": 12, "score": 1.0}))
    assert found.load("best").step == 12
    for text in ("", "[]", "{}", '{"step": "x", "score": 1}'):
        (found.folder / "best.json").write_text(text)
        assert found.load("best").step == 13


def test_a_run_without_a_checkpoint_cannot_be_loaded(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(ScratchpadError, match="has no checkpoint: train the run first"):
        Run.load(run)


def test_whatever_an_interrupted_writing_left_is_cleaned(run: Path) -> None:
    folder = run / "checkpoints"
    shutil.copytree(folder / "step-13", folder / ".step-14")
    shutil.copytree(folder / "step-12", folder / ".gone-9")
    (folder / ".best.json.tmp").write_text("{")
    (folder / "step-x").mkdir()
    assert Checkpoints(run).steps() == [12, 13]
    go_on(run)
    assert sorted(path.name for path in folder.iterdir()) == ["best.json", "step-12", "step-13", "step-x"]


# Resuming.


def test_resuming_a_finished_run_changes_nothing(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    go_on(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("damaged", [False, True])
def test_going_on_from_an_earlier_checkpoint_drops_the_later_ones(damaged: bool, run: Path, finished: Run) -> None:
    """A later checkpoint that was damaged must not keep its name."""
    if damaged:
        cut(run / "checkpoints" / "step-13" / "model.safetensors")
        with pytest.raises(ScratchpadError, match="step 12 is intact"):
            go_on(run)
    assert_same_end(go_on(run, checkpoint="12"), finished)


def test_resuming_before_the_first_checkpoint_begins_again(run: Path, finished: Run) -> None:
    shutil.rmtree(run / "checkpoints")
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:2]) + lines[2][:20])
    assert_same_end(go_on(run), finished)


def test_a_metrics_line_that_was_cut_short_is_written_again(run: Path, finished: Run) -> None:
    shutil.rmtree(run / "checkpoints" / "step-13")
    cut(run / "metrics.jsonl")
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b"\0\0\0\n")  # what some file systems leave after a power failure
    assert_same_end(go_on(run), finished)


def interrupting(times: int) -> Callable[[dict[str, Any]], None]:
    """Presses Ctrl-C when step 5 is logged."""

    def on_metrics(line: dict[str, Any]) -> None:
        for _ in range(times if line["step"] == 5 else 0):
            signal.raise_signal(signal.SIGINT)

    return on_metrics


def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path, finished: Run) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(trainer.Interrupted, match="stopped at step 5 of 13, which is saved"):
        trained(tmp_path / "run", tiny(**SETTINGS), on_metrics=interrupting(1))
    assert signal.getsignal(signal.SIGINT) is before
    assert Checkpoints(tmp_path / "run").steps() == [3, 5]
    assert_same_end(go_on(tmp_path / "run"), finished)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as stop:
        trained(tmp_path / "run", tiny(**SETTINGS), on_metrics=interrupting(2))
    assert not isinstance(stop.value, trainer.Interrupted)
    assert Checkpoints(tmp_path / "run").steps() == [3]


# A machine that fails.


@contextlib.contextmanager
def small_files_only(most_bytes: int) -> Iterator[None]:
    """Any file that grows beyond this fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_checkpoint_and_the_run_can_go_on(tmp_path: Path, finished: Run) -> None:
    def fill(line: dict[str, Any]) -> None:
        if line["step"] == 8:
            room.enter_context(small_files_only(50_000))

    says = (
        r"cannot write the checkpoint of step 9.*File too large.*last intact checkpoint is step-6"
        r"\. Free some disk space and continue with `resume=True`"
    )
    with contextlib.ExitStack() as room, pytest.raises(RunFailure, match=says):
        trained(tmp_path / "run", tiny(**SETTINGS), on_metrics=fill)
    folder = tmp_path / "run" / "checkpoints"
    assert [path.name for path in sorted(folder.iterdir())] == ["step-3", "step-6"]
    assert Checkpoints(tmp_path / "run").load().step == 6
    assert_same_end(go_on(tmp_path / "run"), finished)


@pytest.mark.parametrize(
    ("name", "error"),
    [("save_file", SafetensorError("no space")), ("_flush", OSError(28, "no space")), ("_digest", OSError("no space"))],
)
def test_a_disk_that_refuses_at_any_point_leaves_nothing_half_written(
    name: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise error

    def fill(line: dict[str, Any]) -> None:
        if line["step"] == 5:
            monkeypatch.setattr(checkpoint, name, refuse)

    with pytest.raises(RunFailure, match=r"cannot write the checkpoint of step 6.*no space.*step-3"):
        trained(tmp_path / "run", tiny(**SETTINGS), on_metrics=fill)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-3"]


def test_a_full_disk_while_metrics_are_written(tmp_path: Path, finished: Run) -> None:
    def fill(line: dict[str, Any]) -> None:
        if line["step"] == 5:
            room.enter_context(small_files_only((tmp_path / "run" / "metrics.jsonl").stat().st_size + 9))

    with contextlib.ExitStack() as room, pytest.raises(RunFailure, match=r"File too large\. Free some space"):
        trained(tmp_path / "run", tiny(**SETTINGS), on_metrics=fill)
    assert_same_end(go_on(tmp_path / "run"), finished)


@starts_workers
@pytest.mark.parametrize("while_waiting", [True, False])
def test_a_worker_that_dies_is_reported_with_advice(
    while_waiting: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the trainer waits for its batch, and during a step: torch raises its error when the signal comes."""
    make, one_step, now = StepData.__getitem__, Trainer._train_step, tmp_path / "now"

    def dies(data: StepData, step: int) -> list[Batch]:
        if torch.utils.data.get_worker_info() is not None and step == 4:
            while not now.exists():
                time.sleep(0.01)
            os._exit(1)
        return make(data, step)

    def long_step(training: Trainer, batches: list[Batch]) -> None:
        one_step(training, batches)
        if training.step == 3:
            now.touch()
            time.sleep(0 if while_waiting else 60)  # the signal ends it

    monkeypatch.setattr(StepData, "__getitem__", dies)
    monkeypatch.setattr(Trainer, "_train_step", long_step)
    with pytest.raises(RunFailure, match=r"background process.*died.*train\.workers=0.*`resume=True`") as raised:
        trained(tmp_path / "run", tiny(train__checkpoint_every=1, train__workers=1))
    assert str(raised.value).count("died") == 1
    assert Checkpoints(tmp_path / "run").steps()[-1] >= 2


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), BrokenPipeError(32, "pipe"), EOFError(), RuntimeError("0 of ancdata")]
)
def test_a_broken_pipe_is_a_worker_that_died(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching a dead worker's batch fails in several ways; none is reported as a full disk."""

    def loader(*_: object, **__: object) -> Iterator[list[Batch]]:
        raise error
        yield

    monkeypatch.setattr(data, "DataLoader", loader)
    with pytest.raises(RunFailure, match=r"background process.*died \([^)]+\).*train\.workers=0"):
        trained(tmp_path / "run", tiny(train__workers=1))
    with pytest.raises((type(error), RunFailure)) as without_workers:
        trained(tmp_path / "alone", tiny(train__workers=0))
    assert "background" not in str(without_workers.value)


@starts_workers
@pytest.mark.parametrize("error", [RuntimeError("a task's mistake"), SkippedProblem("a task's mistake", "none")])
def test_a_worker_that_raises_has_not_died(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(data: StepData, step: int) -> list[Batch]:
        raise error

    monkeypatch.setattr(StepData, "__getitem__", raises)
    with pytest.raises(
        RunFailure, match=r"(?s)a background process could not make a batch.*a task's mistake"
    ) as raised:
        trained(tmp_path / "run", tiny(train__workers=1))
    assert "died" not in str(raised.value)


@starts_workers
def test_a_broken_pipe_waits_for_its_worker_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise torch would raise an error about its end later, anywhere."""
    dying = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0.5,))

    def loader(*_: object, **__: object) -> Iterator[list[Batch]]:
        dying.start()
        raise EOFError
        yield

    monkeypatch.setattr(data, "DataLoader", loader)
    with pytest.raises(RunFailure, match="died"):
        trained(tmp_path / "run", tiny(train__workers=1))
    assert dying.exitcode == 0
