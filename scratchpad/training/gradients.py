"""The gradient of a training step, summed over the micro-batches of the step.

On a CPU, several threads work at once, and each thread takes whole micro-batches. This is faster than sharing the
matrix products of one micro-batch among all threads: small operations run in parallel too, and threads rarely wait.
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
"""A function that returns a micro-batch's part of the loss."""

_MOST_THREADS = 4  # Python code runs in only one thread at a time, so more threads gain little


class WorkerThreads:
    """Threads that work on items at the same time. torch's own threads are divided equally among these threads."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return `work(item)` for each item, in the order of `items`. A single item gets all of torch's threads."""
        if self._pool is None or len(items) == 1:
            return [work(item) for item in items]
        torch_threads = torch.get_num_threads()

        def with_its_share(item: Item) -> Result:
            torch.set_num_threads(max(1, torch_threads // self.count))
            return work(item)

        try:
            return list(self._pool.map(with_its_share, items))
        finally:
            torch.set_num_threads(torch_threads)


def worker_thread_count(device: torch.device, backend: str) -> int:
    """Return how many threads to use. `dense` allows only 1, because its dropout uses torch's global generator."""
    return min(torch.get_num_threads(), _MOST_THREADS) if device.type == "cpu" and backend == "blocks" else 1


def set_gradients(model: nn.Module, batches: Sequence[Batch], loss: Loss, threads: WorkerThreads) -> Tensor:
    """Sum `loss` over the batches, set the gradient of this sum in every trained parameter, and return the sum.

    The result does not depend on the timing of the threads: equal batches and thread counts give bit-identical results.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    seeds = torch.randint(2**63 - 1, (len(batches),)).tolist()
    queues = _queues(list(zip(batches, seeds, strict=True)), threads.count)
    done = threads.map(partial(_queue_gradients, parameters, loss), queues)
    for parameter, *parts in zip(parameters, *(gradients for _, gradients in done), strict=True):
        parameter.grad = _sum_in_place(parts)
    return _sum_in_place([total for total, _ in done])


def _queues(jobs: Sequence[tuple[Batch, int]], count: int) -> list[list[tuple[Batch, int]]]:
    """Divide (batch, seed) pairs among at most `count` queues. Each pair goes to the queue with the fewest tokens."""
    queues: list[list[tuple[Batch, int]]] = [[] for _ in range(min(count, len(jobs)))]
    tokens = [0] * len(queues)
    for batch, seed in jobs:
        least = tokens.index(min(tokens))
        queues[least].append((batch, seed))
        tokens[least] += batch.tokens.numel()
    return queues


def _queue_gradients(
    parameters: Sequence[Tensor], loss: Loss, queue: Sequence[tuple[Batch, int]]
) -> tuple[Tensor, list[Tensor]]:
    losses, gradients = [], []
    for batch, seed in queue:
        with drawing_from(seed):
            share = loss(batch)
        found = torch.autograd.grad(share, parameters, materialize_grads=True)
        gradients = [_sum_in_place(pair) for pair in zip(gradients, found, strict=True)] if gradients else list(found)
        losses.append(share.detach())
    return _sum_in_place(losses), gradients


def _sum_in_place(parts: Sequence[Tensor]) -> Tensor:
    """Add all other tensors to the first tensor in place, and return the first tensor."""
    for part in parts[1:]:
        parts[0].add_(part)
    return parts[0]
