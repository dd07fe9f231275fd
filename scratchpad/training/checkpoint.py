"""Checkpoints: folders of safetensors files and one JSON file.

checkpoints/step-N/model.safetensors  optimiser.safetensors  state.json    (state.json also holds digests of the files)
                   average.safetensors                                      (only if the run averages its weights)
checkpoints/best.json                                                       (the step with the best score so far)

A checkpoint is written to a hidden folder, which is then renamed. So an interruption never leaves half a checkpoint.
A tensor that a model has under several names (such as a tied head) is saved once, under the first name.
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
_MODEL, _OPTIMIZER, _AVERAGE = "model.safetensors", "optimiser.safetensors", "average.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found intact.

    digest: the digest of the weights to evaluate. average: the moving average of the weights, or None.
    """

    step: int
    digest: str
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]
    average: dict[str, Tensor] | None = None

    @property
    def evaluation_weights(self) -> dict[str, Tensor]:
        """The weights to evaluate: the average, if the run keeps an average, or else the model's weights."""
        return self.model if self.average is None else self.average


class Checkpoints:
    """The checkpoints of one run folder: the last two checkpoints and the best checkpoint."""

    def __init__(self, run_folder: Path) -> None:
        self.folder = run_folder / "checkpoints"

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, in ascending order."""
        found = [path.name.removeprefix("step-") for path in self.folder.glob("step-*") if path.is_dir()]
        return sorted(int(number) for number in found if number.isdecimal())

    def best(self) -> tuple[int, float] | None:
        """Return the step and the score of the best checkpoint so far, or None if no checkpoint is marked as best."""
        try:
            value = json.loads((self.folder / "best.json").read_text())
            return int(value["step"]), float(value["score"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(
        self,
        step: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: dict[str, Any],
        average: nn.Module | None = None,
    ) -> None:
        """Write the checkpoint of `step`, unless this checkpoint exists. Raises RunFailure if writing fails."""
        target = self.folder / f"step-{step}"
        if target.exists():
            return
        working = self.folder / f".step-{step}"
        try:
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir(parents=True)
            contents = {_MODEL: _weights(model), _OPTIMIZER: _moments(model, optimizer)}
            if average is not None:
                contents[_AVERAGE] = _weights(average)
            for name, tensors in contents.items():
                on_cpu = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
                save_file(on_cpu, working / name)
            digests = {name: _digest(working / name) for name in contents}
            write_atomically(working / "state.json", json.dumps({"step": step, "digests": digests, **state}, indent=1))
            for name in contents:
                _flush(working / name)
            _flush(working)
            working.rename(target)
            _flush(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(working, ignore_errors=True)
            kept = self.steps()
            raise RunFailure(
                f"cannot write the checkpoint of step {step} to {self.folder}: {error}. "
                + (f"The last intact checkpoint is step-{kept[-1]}" if kept else "There is no earlier checkpoint")
                + ". Free some disk space and continue with `resume=True`"
            ) from error
        self._drop_old()

    def mark_best(self, step: int, score: float) -> None:
        """Record that the checkpoint of `step` is the best checkpoint so far."""
        write_atomically(self.folder / "best.json", json.dumps({"step": step, "score": score}))

    def load(self, which: str = "last") -> Checkpoint:
        """Read a checkpoint. which: last, best or a step. Raises ScratchpadError if a file is missing or damaged."""
        steps = self.steps()
        if not steps:
            raise ScratchpadError(f"{self.folder} has no checkpoint: train the run first")
        best = self.best()
        step = {"last": steps[-1], "best": best[0] if best else steps[-1]}.get(which)
        if step is None:
            number = which.removeprefix("step-")
            step = int(number) if number.isdecimal() else -1
        if step not in steps:
            raise ScratchpadError(
                f"{self.folder} has no checkpoint {which!r}. Choose one of: last, best, {', '.join(map(str, steps))}"
            )
        try:
            return self._read(step)
        except _Damaged as damage:
            raise ScratchpadError(f"{damage}. {self._offer(step)}") from None

    def _offer(self, damaged: int) -> str:
        """Return a sentence for an error message: which intact checkpoint the user can use."""
        for step in reversed([step for step in self.steps() if step != damaged]):
            try:
                self._read(step)
            except _Damaged:
                continue
            return f"The checkpoint of step {step} is intact: choose it with `checkpoint`"
        return "No other checkpoint is intact"

    def _read(self, step: int) -> Checkpoint:
        folder = self.folder / f"step-{step}"
        try:
            state = json.loads((folder / "state.json").read_text())
            digests = dict(state.pop("digests"))
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            raise _Damaged(f"{folder / 'state.json'} is missing, truncated or altered") from None
        names = (_MODEL, _OPTIMIZER, *([_AVERAGE] if _AVERAGE in digests else []))
        for name in names:
            file = folder / name
            if not file.is_file() or _digest(file) != digests.get(name):
                raise _Damaged(f"{file} is missing, truncated or altered")
        model, optimizer, *average = (load_file(folder / name) for name in names)
        digest = digests[_AVERAGE if average else _MODEL]
        return Checkpoint(step, digest, model, optimizer, state, *average)

    def _drop_old(self) -> None:
        best = self.best()
        kept = {*self.steps()[-_KEPT:], *([best[0]] if best else [])}
        for step in set(self.steps()) - kept:
            self._drop(step)

    def _drop(self, step: int) -> None:
        """Remove a checkpoint. It is renamed first, so that an interruption never leaves half a checkpoint."""
        gone = self.folder / f".gone-{step}"
        (self.folder / f"step-{step}").rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def clean(self, step: int) -> None:
        """Remove the checkpoints of steps later than `step`, and unfinished files that an interruption left."""
        best = self.best()
        if best and best[0] > step:
            (self.folder / "best.json").unlink()
        for later in [number for number in self.steps() if number > step]:
            self._drop(later)
        for left in [*self.folder.glob(".step-*"), *self.folder.glob(".gone-*"), *self.folder.glob(".*.tmp")]:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


class _Damaged(Exception):
    pass


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a small file atomically: a reader sees either the whole old content or the whole new content."""
    working = path.with_name(f".{path.name}.tmp")
    working.write_bytes(content if isinstance(content, bytes) else content.encode())
    _flush(working)
    working.replace(path)


def load_weights(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy saved weights into a model. A tied tensor is stored only under the first of its names."""
    saved_as = _first_names(model)
    tied = {name: tensors[first] for name, first in saved_as.items() if name != first and first in tensors}
    model.load_state_dict(tensors | tied)


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the saved AdamW moments of each trained parameter into the optimizer."""
    fused = bool(optimizer.defaults.get("fused"))
    for name, parameter in _trained(model):
        saved = {key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {
            "step": saved["step"].to(parameter.device if fused else "cpu"),
            "exp_avg": saved["exp_avg"].to(parameter.device),
            "exp_avg_sq": saved["exp_avg_sq"].to(parameter.device),
        }


def _moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{key}.{name}": value
        for name, parameter in _trained(model)
        for key, value in optimizer.state[parameter].items()
    }


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a model. A tensor with several names is returned once, under its first name."""
    state = model.state_dict()
    return {name: state[name] for name, first in _first_names(model).items() if name == first}


def _first_names(model: nn.Module) -> dict[str, str]:
    """Return a dict from every tensor name of a model to the first name of the same tensor."""
    first: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    found = {}
    for name, tensor in model.state_dict().items():
        same = tensor.data_ptr(), tensor.shape, tensor.stride()
        found[name] = first.setdefault(same, name) if tensor.numel() else name
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _flush(path: Path) -> None:
    """Make the system write a file or folder to the disk now."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
