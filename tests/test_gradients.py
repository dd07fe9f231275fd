"""A step's micro-batches in several threads: the gradients of one thread, and the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import documents
import pytest
import torch
from documents import batch_of, furthest, shapes, small_model, summed_loss
from torch import Tensor

from scratchpad.layout.batch import Batch
from scratchpad.layout.rows import rows
from scratchpad.training.data import step_batches
from scratchpad.training.gradients import WorkerThreads, set_gradients, worker_thread_count

EXACT = 1e-10  # float64: sums in another order differ by about 1e-14
BATCHES = [batch_of(each) for each in shapes().values()]


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def gradients(
    threads: int, batches: Sequence[Batch] = BATCHES, dropout: float = 0.0
) -> tuple[float, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = small_model(dropout=dropout).train()

    def loss(batch: Batch) -> Tensor:
        return summed_loss(model(batch), batch)

    total = set_gradients(model, batches, loss, WorkerThreads(threads))
    return float(total), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("threads", [1, 2, 3, 101])
def test_gradients_are_those_of_the_sum(threads: int) -> None:
    torch.manual_seed(0)
    model = small_model()
    expected = torch.stack([summed_loss(model(batch), batch) for batch in BATCHES]).sum()
    total, found = gradients(threads)
    assert total == pytest.approx(float(expected.detach()), rel=EXACT)
    assert furthest(found, documents.gradients(model, expected)) < EXACT


@pytest.mark.parametrize("threads", [2, 3])
def test_a_batch_has_the_same_dropout_in_whichever_thread(threads: int) -> None:
    """Threads draw at the same moment, each from its own stream."""
    alone, together = gradients(1, dropout=0.3), gradients(threads, dropout=0.3)
    assert together[0] == pytest.approx(alone[0], rel=EXACT)
    assert furthest(together[1], alone[1]) < EXACT
    again = gradients(threads, dropout=0.3)
    assert again[0] == together[0]
    assert all(torch.equal(again[1][name], gradient) for name, gradient in together[1].items())


def test_batches_of_a_step_differ_in_dropout() -> None:
    """The same batch twice gives twice its gradient only if the same elements are dropped."""
    once, twice = gradients(1, BATCHES[:1], dropout=0.3), gradients(1, BATCHES[:1] * 2, dropout=0.3)
    assert twice[0] != pytest.approx(2 * once[0], rel=1e-6)


def test_rows_are_dealt_out_evenly() -> None:
    made = [row for batch in shapes().values() for document in batch for row in rows(document, "split")]
    for threads in (1, 2, 3):
        batches = step_batches(made, 10_007, threads)
        real = [int(batch.real().sum()) for batch in batches]
        assert len(batches) == threads
        assert sum(real) == sum(map(len, made))
        assert max(real) - min(real) <= max(map(len, made))
    assert all(len(batch.tokens) == 1 for batch in step_batches(made, 1, 2))


def test_worker_threads_share_the_threads_of_torch_and_give_them_back() -> None:
    assert WorkerThreads(3).map(lambda _: torch.get_num_threads(), range(5)) == [1] * 5
    assert WorkerThreads(2).map(lambda _: torch.get_num_threads(), range(1)) == [3]
    with pytest.raises(ZeroDivisionError):
        WorkerThreads(3).map(lambda item: 1 // item, [1, 0, 1])
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 3


def test_how_many_worker_threads() -> None:
    assert worker_thread_count(torch.device("cpu"), "blocks") == 3
    assert worker_thread_count(torch.device("cpu"), "dense") == 1
    assert worker_thread_count(torch.device("cuda"), "blocks") == 1
    torch.set_num_threads(61)
    assert worker_thread_count(torch.device("cpu"), "blocks") == 4
