"""Data-parallel training in several processes under torchrun, with the result of one process.

Each of n processes takes every n-th document of a step (`training.data`). The loss is a sum over scored tokens divided
by their number in the whole step. So the target counts are summed over the processes first, each process divides its
own sum by the total, and gradients are then summed, not averaged: every token has the same weight, however unequal the
shares. Clipping and the optimizer see the same gradients in every process, so the parameters stay equal.
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
    """This process's rank, the number of processes, and the operations that join them. All must call each of these."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place, and return it."""
        if self.world_size > 1:
            torch.distributed.all_reduce(value)
        return value

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by its sum over the processes, in one all-reduce."""
        if self.world_size == 1:
            return
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(trained, flat.split([g.numel() for g in gradients]), strict=True):
            parameter.grad = part.view_as(parameter)

    def any(self, value: bool, device: torch.device) -> bool:
        """Return whether the value is true in any process."""
        return bool(self.sum(torch.tensor(int(value), device=device)))

    def barrier(self, device: torch.device) -> None:
        """Wait until every process has called this."""
        self.any(True, device)


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started; without torchrun, a group of this process alone."""
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
    """Return whether this is the first of torchrun's processes or was not started by torchrun."""
    return os.environ.get("RANK", "0") == "0"


def choose_device(name: str) -> torch.device:
    """Return the device for `auto` (a GPU if present), `cpu` or `cuda`. Under torchrun each process has its own GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise ScratchpadError(f"--device {name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ScratchpadError("--device cuda: torch finds no CUDA GPU; use auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
