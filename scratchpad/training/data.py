"""Training data by step: the batches of a step are a pure function of the settings and the step number.

Documents are numbered over the whole run: step s trains on the numbers s * batch to (s + 1) * batch - 1, and a process
takes every `world_size`-th of them. With the settings and the curriculum's `ends`, a number determines its document:
the stage, the question, the part of a long chain. There is no shuffled list and no iterator to save. So a resumed run
continues with the batches that it would have had; background processes can prepare any step in any order; any number of
processes train on the same documents; and `overlap` can list all questions that a run has trained on.
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

_MAX_SECONDS_TO_EXIT = 5.0  # of a background process whose pipe has broken


@dataclass(frozen=True)
class StepData(Dataset[list[Batch]]):
    """`data[step]` is a list of micro-batches: this process's part of the step, equal work for each worker thread.

    context: the positions of the model (`None`: unlimited). With a curriculum, each document's task is that of a stage.
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
        """Return this process's questions of a step."""
        return [self._draw(number)[1] for number in self._document_numbers(step)]

    def questions_before(self, steps: int) -> Iterator[Symbols]:
        """Yield the questions of the first `steps` steps of all processes. Each fixed sample is yielded once."""
        count, samples = steps * self.config.batch, self._samples(self.task)
        if self.curriculum is None and samples is not None and samples <= count:
            yield from (self.task.draw(self.config.seed, "train", index) for index in range(samples))
        else:
            yield from (self._draw(number)[1] for number in range(count))

    def _document_numbers(self, step: int) -> range:
        return range(step * self.config.batch, (step + 1) * self.config.batch)[self.rank :: self.world_size]

    def _draw(self, number: int) -> tuple[Task, Symbols]:
        """Return the task and the question of a document."""
        task, seed = self.task, self.config.seed
        if self.curriculum is not None:
            task = self.curriculum.task(number // self.config.batch, seed, number)
        return task, task.draw(seed, "train", self._index(task, number))

    def _samples(self, task: Task) -> int | None:
        return self.config.samples or task.count("train")

    def _index(self, task: Task, number: int) -> int:
        """Return the index of a document's draw: its number, or with fixed samples its entry in the epoch's order."""
        samples = self._samples(task)
        if samples is None:
            return number
        epoch, place = divmod(number, samples)
        return int(_order(stream_name("epoch", self.config.seed), epoch, samples)[place])

    def _rows(self, number: int) -> list[Row[int]]:
        task, question = self._draw(number)
        place = 0.0  # where in its chain the document's states are taken from: 0 (start) to 1 (end)
        if self.config.states_from != "start":
            place = Stream(stream_name("place", self.config.seed), number).uniform()
        written = self.format.write(task, question, self.config.max_states, place)
        document = self.vocabulary.encode_document(written)
        check_context([positions_needed(document)], self.context)
        return rows(document, self.config.row_budget, self.config.question_loss)


def step_batches(rows: Sequence[Row[int]], micro_tokens: int, worker_threads: int) -> list[Batch]:
    """Return a step's micro-batches. Each worker thread gets rows of every length, so that all have equal work."""
    ordered = sorted(rows, key=len)
    shares = [ordered[first::worker_threads] for first in range(worker_threads)]
    return [collate(part) for share in shares for part in micro_batches(share, micro_tokens)]


@lru_cache(maxsize=2)
def _order(name: str, epoch: int, samples: int) -> Sequence[int]:
    return permutation(name, epoch, samples)  # type: ignore[return-value]


def batches_by_step(data: StepData, first_step: int, workers: int, pin: bool) -> Iterator[list[Batch]]:
    """Yield the batches of the steps from `first_step` on, prefetched by `workers` background processes.

    pin: pin memory for a GPU. RunFailure if a background process dies or fails to make its batch.
    """
    loader = DataLoader(
        data, batch_size=None, sampler=range(first_step, len(data)), num_workers=workers, pin_memory=pin,
        prefetch_factor=4 if workers else None, multiprocessing_context="fork" if workers else None,
        worker_init_fn=_ignore_interrupts if workers else None,
    )  # fmt: skip
    try:
        yield from loader
    except (OSError, EOFError, RuntimeError) as error:  # the ways in which a dead worker's pipe breaks
        if not workers:
            raise
        if "DataLoader worker" not in str(error):
            _wait_for_dead_worker()
        raise _batch_failure(error) from error


def _wait_for_dead_worker() -> None:
    """Join the worker whose pipe broke, so that torch's signal handler raises here and not at a later moment.

    A process closes its pipes shortly before it ends.
    """
    children = multiprocessing.active_children()
    ended = wait([child.sentinel for child in children], timeout=_MAX_SECONDS_TO_EXIT if children else 0)
    for child in children:
        if child.sentinel in ended:
            child.join()


def _ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C, which reaches every process of the terminal, to the main process, which may terminate this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def dead_worker_failure(error: RuntimeError) -> RunFailure | None:
    """Return the failure to raise if torch reported a dead background process, else `None`."""
    return _batch_failure(error) if "DataLoader worker" in str(error) else None


def _batch_failure(error: Exception) -> RunFailure:
    reported = str(error) or type(error).__name__
    if reported.startswith("Caught "):  # raised in the background process; torch passes its traceback on
        return RunFailure(f"no batch could be made in a background process: {reported}")
    return RunFailure(
        f"a background process that makes batches died ({reported}). Memory may have run out: "
        "try train.workers=0, or a smaller train.batch; continue with --resume"
    )
