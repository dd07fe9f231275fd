"""Data-parallel training in several processes under torchrun. The result is the same as in one process.

Each of n processes takes every n-th document of a step (`training.data`). Each process divides its summed loss by
the number of scored tokens of all processes. The gradients are then summed, not averaged. So every token has the same
weight, even if the processes have different numbers of tokens. Clipping and the optimizer get the same gradients
in every process, so the parameters stay equal.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scratchpad.errors import ScratchpadError


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train together. rank: this process's number. All processes must call the same methods."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Replace a tensor with its sum over all processes, and return the tensor."""
        if self.world_size > 1:
            torch.distributed.all_reduce(value)
        return value

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace every gradient with its sum over all processes. One all-reduce sums all gradients together."""
        if self.world_size == 1:
            return
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(trained, flat.split([g.numel() for g in gradients]), strict=True):
            parameter.grad = part.view_as(parameter)

    def any(self, value: bool, device: torch.device) -> bool:
        """Return whether `value` is true in at least one process."""
        return bool(self.sum(torch.tensor(int(value), device=device)))

    def barrier(self, device: torch.device) -> None:
        """Wait until every process has called this method."""
        self.any(True, device)


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started. Without torchrun, the group contains only this process."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield ProcessGroup()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(torch.distributed.get_rank(), world_size)
    finally:
        torch.distributed.destroy_process_group()


def is_main_process() -> bool:
    """Return whether this process is torchrun's first process. Without torchrun, return true."""
    return os.environ.get("RANK", "0") == "0"


def choose_device(name: str) -> torch.device:
    """Return the device called `auto` (a GPU if present), `cpu` or `cuda`. Each torchrun process has its own GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise ScratchpadError(f"device {name!r} is unknown: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ScratchpadError("device cuda needs a CUDA GPU, but torch finds no such GPU. Choose auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
