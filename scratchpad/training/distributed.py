"""Several processes under torchrun: each takes its share of a step's documents; sums are added up over all of them."""

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
    """This process's number and how many there are."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes, in place."""
        if self.world_size > 1:
            torch.distributed.all_reduce(value)
        return value

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by its sum over the processes, in one message."""
        if self.world_size == 1:
            return
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(model.parameters(), flat.split([g.numel() for g in gradients]), strict=True):
            parameter.grad = part.view_as(parameter)

    def any(self, value: bool, device: torch.device) -> bool:
        """Whether it is true for any process."""
        return bool(self.sum(torch.tensor(int(value), device=device)))

    def barrier(self, device: torch.device) -> None:
        """Return when every process has come here."""
        self.any(True, device)


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """The processes that torchrun started, or this one alone."""
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
    """Whether this process is none of torchrun's, or the first of them: the one that speaks when all have ended."""
    return os.environ.get("RANK", "0") == "0"


def choose_device(name: str) -> torch.device:
    """`auto` (a GPU where there is one), `cpu` or `cuda`; under torchrun each process takes its own GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise ScratchpadError(f"--device {name}: auto, cpu or cuda is allowed")
    if name == "cuda" and not torch.cuda.is_available():
        raise ScratchpadError("--device cuda: torch finds no CUDA GPU here; auto or cpu will run")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
