"""The gradient of a step: of its micro-batches one after another, or on a CPU side by side.

Two threads that take a micro-batch each do more than two that share every product: dropout, small operations and
Python's own work run side by side, too, and no thread waits for another one at each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from scratchpad.layout.batch import Batch
from scratchpad.models.dropout import drawing_from

Item = TypeVar("Item")
Result = TypeVar("Result")
Loss = Callable[[Batch], Tensor]
"""A micro-batch's share of the loss."""

_MOST_LANES = 4
"""Each lane's Python takes the interpreter in turn."""


class Lanes:
    """Works on things side by side, each lane in a thread of its own with its share of torch's threads."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """`work` of each item, in their order. A single item has all of torch's threads."""
        if self._pool is None or len(items) == 1:
            return [work(item) for item in items]
        threads = torch.get_num_threads()

        def with_its_share(item: Item) -> Result:
            torch.set_num_threads(max(1, threads // self.count))
            return work(item)

        try:
            return list(self._pool.map(with_its_share, items))
        finally:
            torch.set_num_threads(threads)


def lane_count(device: torch.device, backend: str) -> int:
    """How many micro-batches are worked on at once. `dense` draws its dropout from the one stream of all threads."""
    return min(torch.get_num_threads(), _MOST_LANES) if device.type == "cpu" and backend == "blocks" else 1


def set_gradients(model: nn.Module, batches: Sequence[Batch], loss: Loss, lanes: Lanes) -> Tensor:
    """Set every parameter's gradient to that of the sum of `loss` over the batches; that sum, a scalar.

    Which lane takes which batch, and the order of each sum, depend on the batches and the number of lanes alone.
    """
    parameters = list(model.parameters())
    seeds = torch.randint(2**63 - 1, (len(batches),)).tolist()
    queues = _queues(list(zip(batches, seeds, strict=True)), lanes.count)
    done = lanes.map(partial(_work_off, parameters, loss), queues)
    for parameter, *parts in zip(parameters, *(gradients for _, gradients in done), strict=True):
        parameter.grad = _added(parts)
    return _added([total for total, _ in done])


def _queues(jobs: Sequence[tuple[Batch, int]], lanes: int) -> list[list[tuple[Batch, int]]]:
    """Each job to the lane that has least to do so far."""
    queues: list[list[tuple[Batch, int]]] = [[] for _ in range(min(lanes, len(jobs)))]
    tokens = [0] * len(queues)
    for batch, seed in jobs:
        lane = tokens.index(min(tokens))
        queues[lane].append((batch, seed))
        tokens[lane] += batch.tokens.numel()
    return queues


def _work_off(
    parameters: Sequence[Tensor], loss: Loss, queue: Sequence[tuple[Batch, int]]
) -> tuple[Tensor, list[Tensor]]:
    """The summed loss of a lane's batches, and its gradients."""
    losses, gradients = [], []
    for batch, seed in queue:
        with drawing_from(seed):
            share = loss(batch)
        found = torch.autograd.grad(share, parameters, materialize_grads=True)
        gradients = [_added(pair) for pair in zip(gradients, found, strict=True)] if gradients else list(found)
        losses.append(share.detach())
    return _added(losses), gradients


def _added(parts: Sequence[Tensor]) -> Tensor:
    """The sum, in the first one's place."""
    for part in parts[1:]:
        parts[0].add_(part)
    return parts[0]
