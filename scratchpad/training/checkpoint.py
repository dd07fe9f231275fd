"""Checkpoints: safetensors and one JSON, written beside and moved into place, so that what is there is whole.

checkpoints/step-N/model.safetensors  optimiser.safetensors  state.json    (state.json holds the others' digests)
                   average.safetensors                                      where weights are averaged
checkpoints/best.json                                                       which step scored best so far
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scratchpad.errors import RunFailure, ScratchpadError

_KEPT = 2
_MODEL, _OPTIMISER, _AVERAGE = "model.safetensors", "optimiser.safetensors", "average.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole. average: of the weights, where the run keeps one.

    digest: of the weights that answer questions.
    """

    step: int
    digest: str
    model: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    state: dict[str, Any]
    average: dict[str, Tensor] | None = None

    @property
    def judged(self) -> dict[str, Tensor]:
        """The weights that answer questions."""
        return self.model if self.average is None else self.average


class Checkpoints:
    """The checkpoints of one run folder: the last two and the best are kept."""

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / "checkpoints"

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""
        found = [path.name.removeprefix("step-") for path in self.folder.glob("step-*") if path.is_dir()]
        return sorted(int(number) for number in found if number.isdecimal())

    def best(self) -> tuple[int, float] | None:
        """(step, score) of the best one so far."""
        try:
            value = json.loads((self.folder / "best.json").read_text())
            return int(value["step"]), float(value["score"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(
        self,
        step: int,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        state: dict[str, Any],
        average: nn.Module | None = None,
    ) -> None:
        """Write the checkpoint of `step` (or leave the one that is there). RunFailure when the disk refuses."""
        target = self.folder / f"step-{step}"
        if target.exists():
            return
        working = self.folder / f".step-{step}"
        try:
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir(parents=True)
            contents = {_MODEL: model.state_dict(), _OPTIMISER: _optimiser_tensors(model, optimiser)}
            if average is not None:
                contents[_AVERAGE] = average.state_dict()
            for name, tensors in contents.items():
                save_file(_on_cpu(tensors), working / name)
            digests = {name: _digest(working / name) for name in contents}
            write_whole(working / "state.json", json.dumps({"step": step, "digests": digests, **state}, indent=1))
            for name in contents:
                _flush(working / name)
            _flush(working)
            working.rename(target)
            _flush(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(working, ignore_errors=True)
            kept = self.steps()
            raise RunFailure(
                f"the checkpoint of step {step} could not be written to {self.folder}: {error}. "
                + (f"The last whole one is step-{kept[-1]}" if kept else "There is none yet")
                + "; free some space and go on with --resume"
            ) from error
        self._drop_old()

    def mark_best(self, step: int, score: float) -> None:
        write_whole(self.folder / "best.json", json.dumps({"step": step, "score": score}))

    def load(self, which: str = "last") -> Checkpoint:
        """`last`, `best` or a step's number. ScratchpadError where it is missing or damaged, naming a whole one."""
        steps = self.steps()
        if not steps:
            raise ScratchpadError(f"{self.folder} holds no checkpoint: train first")
        best = self.best()
        step = {"last": steps[-1], "best": best[0] if best else steps[-1]}.get(which)
        if step is None:
            number = which.removeprefix("step-")
            step = int(number) if number.isdecimal() else -1
        if step not in steps:
            raise ScratchpadError(
                f"no checkpoint {which!r} in {self.folder}; there are: last, best, {', '.join(map(str, steps))}"
            )
        try:
            return self._read(step)
        except _Damaged as damage:
            raise ScratchpadError(f"{damage}. {self._offer(step)}") from None

    def _offer(self, damaged: int) -> str:
        for step in reversed([step for step in self.steps() if step != damaged]):
            try:
                self._read(step)
            except _Damaged:
                continue
            return f"The checkpoint of step {step} is whole: use --checkpoint {step}, where the command takes one"
        return "No other checkpoint is whole"

    def _read(self, step: int) -> Checkpoint:
        folder = self.folder / f"step-{step}"
        try:
            state = json.loads((folder / "state.json").read_text())
            digests = dict(state.pop("digests"))
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            raise _Damaged(f"{folder / 'state.json'} is missing, cut short or altered") from None
        names = (_MODEL, _OPTIMISER, *([_AVERAGE] if _AVERAGE in digests else []))
        for name in names:
            file = folder / name
            if not file.is_file() or _digest(file) != digests.get(name):
                raise _Damaged(f"{file} is missing, cut short or altered: it is not what was saved")
        model, optimiser, *average = (load_file(folder / name) for name in names)
        digest = digests[_AVERAGE if average else _MODEL]
        return Checkpoint(step, digest, model, optimiser, state, *average)

    def _drop_old(self) -> None:
        best = self.best()
        kept = {*self.steps()[-_KEPT:], *([best[0]] if best else [])}
        for step in set(self.steps()) - kept:
            self._drop(step)

    def _drop(self, step: int) -> None:
        """Remove a checkpoint so that at no instant half of one is there."""
        gone = self.folder / f".gone-{step}"
        (self.folder / f"step-{step}").rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def clean(self, step: int) -> None:
        """Remove the checkpoints after a step, and what an interrupted writing or dropping left."""
        best = self.best()
        if best and best[0] > step:
            (self.folder / "best.json").unlink()
        for later in [number for number in self.steps() if number > step]:
            self._drop(later)
        for left in [*self.folder.glob(".step-*"), *self.folder.glob(".gone-*"), *self.folder.glob(".*.tmp")]:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


class _Damaged(Exception):
    pass


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that at any instant either the old or the new one is there."""
    working = path.with_name(f".{path.name}.tmp")
    working.write_text(text, encoding="utf-8")
    _flush(working)
    working.replace(path)


def restore_optimiser(model: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put saved moments back beside their parameters."""
    for name, parameter in model.named_parameters():
        saved = {key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        optimiser.state[parameter] = {
            "step": saved["step"].to(parameter.device if _is_fused(optimiser) else "cpu"),
            "exp_avg": saved["exp_avg"].to(parameter.device),
            "exp_avg_sq": saved["exp_avg_sq"].to(parameter.device),
        }


def _is_fused(optimiser: torch.optim.Optimizer) -> bool:
    return bool(optimiser.defaults.get("fused"))


def _optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{key}.{name}": value
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state[parameter].items()
    }


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _flush(path: Path) -> None:
    """Have the disk hold a file, or a folder's list of files."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
