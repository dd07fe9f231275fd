"""Training data by step: the batches of a step are a pure function of the settings and the step number.

Documents are numbered over the whole run. Step s trains on documents s * batch to (s + 1) * batch - 1. Each of n
processes takes every n-th document. A document is determined by its number, the settings and the curriculum's `ends`.
There is no shuffled list and no iterator to save. Therefore:

- a resumed run continues with exactly the batches that an uninterrupted run has,
- background processes can prepare steps in any order,
- the documents do not depend on the number of processes,
- `overlap` can list all questions on which a run was trained.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import wait

from torch.utils.data import DataLoader, Dataset

from scratchpad.config.schema import TrainConfig
from scratchpad.errors import RunFailure
from scratchpad.layout.batch import Batch, collate, micro_batches
from scratchpad.layout.codec import Codec
from scratchpad.layout.rows import Row, check_context, positions_needed, rows
from scratchpad.random_stream import Stream, permutation, stream_name
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.formats import Format
from scratchpad.training.curriculum import Curriculum

_MAX_SECONDS_TO_EXIT = 5.0  # how long to wait for a background process to end after its pipe has broken


@dataclass(frozen=True)
class StepData(Dataset[list[Batch]]):
    """A data set: `data[step]` is the list of micro-batches that this process trains on in the step.

    context: the number of the model's positions; `None` means unlimited. rank: the number of this process.
    world_size: the number of processes. curriculum: if given, documents are drawn from the stages' tasks.
    """

    task: Task
    format: Format
    vocabulary: Codec
    config: TrainConfig
    context: int | None
    rank: int = 0
    world_size: int = 1
    worker_threads: int = 1
    curriculum: Curriculum | None = None

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> list[Batch]:
        rows = [row for number in self._document_numbers(step) for row in self._rows(number)]
        return step_batches(rows, self.config.micro_tokens, self.worker_threads)

    def questions(self, step: int) -> list[Symbols]:
        """Return the questions that this process trains on in a step."""
        return [self._draw(number)[1] for number in self._document_numbers(step)]

    def questions_before(self, steps: int) -> Iterator[Symbols]:
        """Yield the training questions of the first `steps` steps. Repeated questions are yielded only once."""
        count, samples = steps * self.config.batch, self._samples(self.task)
        if self.curriculum is None and samples is not None and samples <= count:
            yield from (self.task.draw(self.config.seed, "train", index) for index in range(samples))
        else:
            yield from (self._draw(number)[1] for number in range(count))

    def _document_numbers(self, step: int) -> range:
        return range(step * self.config.batch, (step + 1) * self.config.batch)[self.rank :: self.world_size]

    def _draw(self, number: int) -> tuple[Task, Symbols]:
        task, seed = self.task, self.config.seed
        if self.curriculum is not None:
            task = self.curriculum.task(number // self.config.batch, seed, number)
        return task, task.draw(seed, "train", self._index(task, number))

    def _samples(self, task: Task) -> int | None:
        return self.config.samples or task.count("train")

    def _index(self, task: Task, number: int) -> int:
        """Return the index of document `number` in its task. If documents are repeated, each epoch has a new order."""
        samples = self._samples(task)
        if samples is None:
            return number
        epoch, place = divmod(number, samples)
        return int(_order(stream_name("epoch", self.config.seed), epoch, samples)[place])

    def _rows(self, number: int) -> list[Row[int]]:
        task, question = self._draw(number)
        place = 0.0  # where the trained states begin in the chain, from 0 (start) to 1 (end)
        if self.config.states_from != "start":
            place = Stream(stream_name("place", self.config.seed), number).uniform()
        written = self.format.write(task, question, self.config.max_states, place)
        document = self.vocabulary.encode_document(written)
        check_context([positions_needed(document)], self.context)
        return rows(document, self.config.row_budget, self.config.question_loss)


def step_batches(rows: Sequence[Row[int]], micro_tokens: int, worker_threads: int) -> list[Batch]:
    """Return a step's micro-batches. Each worker thread gets rows of every length, so all threads have equal work."""
    ordered = sorted(rows, key=len)
    shares = [ordered[first::worker_threads] for first in range(worker_threads)]
    return [collate(part) for share in shares for part in micro_batches(share, micro_tokens)]


@lru_cache(maxsize=2)
def _order(name: str, epoch: int, samples: int) -> Sequence[int]:
    return permutation(name, epoch, samples)  # type: ignore[return-value]


def batches_by_step(data: StepData, first_step: int, workers: int, pin: bool) -> Iterator[list[Batch]]:
    """Yield the batches of each step, beginning with `first_step`. Background processes prefetch the batches.

    workers: the number of background processes. pin: whether to pin memory for a GPU. Raises RunFailure if a background
    process dies or cannot make a batch.
    """
    loader = DataLoader(
        data, batch_size=None, sampler=range(first_step, len(data)), num_workers=workers, pin_memory=pin,
        prefetch_factor=4 if workers else None, multiprocessing_context="fork" if workers else None,
        worker_init_fn=_ignore_interrupts if workers else None,
    )  # fmt: skip
    try:
        yield from loader
    except (OSError, EOFError, RuntimeError) as error:  # the pipe of a dead worker raises one of these errors
        if not workers:
            raise
        if "DataLoader worker" not in str(error):
            _wait_for_dead_worker()
        raise _batch_failure(error) from error


def _wait_for_dead_worker() -> None:
    """Wait until the worker with the broken pipe has ended, so that torch's signal handler raises its error now."""
    children = multiprocessing.active_children()
    ended = wait([child.sentinel for child in children], timeout=_MAX_SECONDS_TO_EXIT if children else 0)
    for child in children:
        if child.sentinel in ended:
            child.join()


def _ignore_interrupts(worker: int) -> None:
    """Ignore Ctrl-C in a background process. The main process handles Ctrl-C and ends its background processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def dead_worker_failure(error: RuntimeError) -> RunFailure | None:
    """Return a RunFailure if the error reports a dead background process, or else `None`."""
    return _batch_failure(error) if "DataLoader worker" in str(error) else None


def _batch_failure(error: Exception) -> RunFailure:
    reported = str(error) or type(error).__name__
    if reported.startswith("Caught "):  # torch passes on the traceback from the background process
        return RunFailure(f"a background process could not make a batch: {reported}")
    return RunFailure(
        f"a background process that makes batches died ({reported}). The memory may be full. "
        "Set train.workers=0 or a smaller train.batch, and continue with `resume=True`"
    )
