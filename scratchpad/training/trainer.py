"""The training loop. A run that is killed and resumed ends with exactly the same weights as an uninterrupted run.

A step is a pure function of the parameters, the optimizer moments, the settings and the step number. The random draws
of a step depend only on the seed and the step number: documents (`training.data`) and dropout (`_step_seed`). So a
checkpoint needs no state of random generators. Three rules make a resumed run exact:

- Whether a stage is passed, or the accuracy reaches `stop_at`, is decided before the step's checkpoint is saved.
- A resumed run first removes the metrics and checkpoints of later steps, because it writes them again.
- All processes take each decision together (`ProcessGroup.any`). Only the first process writes files.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from scratchpad.config.schema import TrainConfig
from scratchpad.errors import RunFailure
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.metrics import Score
from scratchpad.layout.batch import Batch
from scratchpad.models.protocol import LanguageModel
from scratchpad.signals import handling_termination
from scratchpad.tasks.base import Symbols, Task
from scratchpad.training.checkpoint import Checkpoint, Checkpoints, load_weights, restore_optimizer, write_atomically
from scratchpad.training.curriculum import Curriculum
from scratchpad.training.data import StepData, batches_by_step, dead_worker_failure
from scratchpad.training.distributed import ProcessGroup
from scratchpad.training.gradients import WorkerThreads, set_gradients
from scratchpad.training.loss import count_targets, summed_loss
from scratchpad.training.optimizer import learning_rate, make_optimizer, update_average

OnMetrics = Callable[[dict[str, Any]], None]
"""A function that receives each line of metrics.jsonl."""
Evaluate = Callable[[], Sequence[Score]]
"""A function that evaluates the model and returns one score per size."""
CountCorrect = Callable[[Task, Sequence[Symbols]], int]
"""A function that returns how many of a task's questions the model answers correctly."""


class Interrupted(KeyboardInterrupt):
    """Training was interrupted, and the last step is saved. The message gives the step."""


@dataclass
class Trainer:
    """A model with its optimizer, data and run folder.

    evaluate: a function that is called every `evaluate_every` steps. count_correct: a function that tests the stages of
    a curriculum. average: a copy of the model for the moving average of its weights, or `None` for no average.
    """

    model: LanguageModel
    data: StepData
    folder: Path
    evaluate: Evaluate
    on_metrics: OnMetrics
    processes: ProcessGroup
    count_correct: CountCorrect | None = None
    average: LanguageModel | None = None

    def __post_init__(self) -> None:
        self.config: TrainConfig = self.data.config
        self.optimizer = make_optimizer(self.model, self.config)
        self.checkpoints = Checkpoints(self.folder)
        self.step = 0
        self._target_reached = False
        """Whether the accuracy of every size has reached `stop_at`."""
        self._threads = WorkerThreads(self.data.worker_threads)
        self._window = _LogWindow()

    def load_initial_weights(self, start: Checkpoint) -> None:
        """Load another run's weights before the first step: the moving average of the weights if that run has one."""
        for model in (self.model, self.average):
            if model is not None:
                load_weights(model, start.evaluation_weights)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Load the whole state of the training from a checkpoint of this run."""
        load_weights(self.model, checkpoint.model)
        if self.average is not None:
            load_weights(self.average, checkpoint.evaluation_weights)
        restore_optimizer(self.model, self.optimizer, checkpoint.optimizer)
        self.step, self._target_reached = checkpoint.step, bool(checkpoint.state.get("reached"))
        if self.data.curriculum:
            curriculum = replace(self.data.curriculum, ends=tuple(checkpoint.state["ends"]))
            self.data = replace(self.data, curriculum=curriculum)

    def run(self) -> None:
        """Train to the last step, or until the accuracy of every size reaches `stop_at`.

        After Ctrl-C or another termination signal, training saves the current step and raises Interrupted. A second
        signal ends training at once. Raises RunFailure if training fails, for example because the disk is full.
        """
        interrupt = _Interrupt()
        with handling_termination(interrupt), _as_run_failures(self.folder):
            if self.processes.is_first:
                self.checkpoints.clean(self.step)
                _drop_later_metrics(self.folder / "metrics.jsonl", self.step)
            self.model.train()
            while not self._target_reached and self.step < self.config.steps:
                self._train_stage(interrupt)
            self._save()

    def timed_steps(self, count: int) -> Iterator[tuple[float, int]]:
        """Train the next `count` steps without saving or logging them. Yield the seconds and tokens of each step."""
        self.model.train()
        begun = time.perf_counter()
        for batches in itertools.islice(batches_by_step(self.data, self.step, workers=0, pin=False), count):
            self._train_step(batches)
            yield time.perf_counter() - begun, self._window.tokens
            self._window.restart()
            begun = time.perf_counter()

    def _train_stage(self, interrupt: _Interrupt) -> None:
        """Train until the run ends or the next stage starts. A new stage cannot use the batches prefetched so far."""
        on_gpu, data = self.model.device.type == "cuda", self.data
        workers = self.config.workers if self.config.workers is not None else 2 * on_gpu
        for batches in batches_by_step(data, self.step, workers, pin=on_gpu):
            self._train_step(batches)
            self._after_step()
            if self._target_reached:
                return
            if self.processes.any(interrupt.requested, self.model.device):
                self._save()
                raise Interrupted(f"stopped at step {self.step} of {self.config.steps}, which is saved")
            if self.data is not data:
                return

    def _train_step(self, batches: Sequence[Batch]) -> None:
        torch.manual_seed(_step_seed(self.config.seed, self.step, self.processes.rank))
        rate = learning_rate(self.step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        targets = self.processes.sum(torch.tensor(count_targets(batches), device=self.model.device))
        loss = self.processes.sum(set_gradients(self.model, batches, partial(self._batch_loss, targets), self._threads))
        self.processes.sum_gradients(self.model)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self._check_finite(loss, norm, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.average is not None and self.config.average is not None:
            update_average(self.average, self.model, self.config.average, self.step)
        tokens = self.processes.world_size * sum(int(batch.real().sum()) for batch in batches)
        self._window.add(loss, rate, tokens, self.config.batch)

    def _batch_loss(self, targets: Tensor, batch: Batch) -> Tensor:
        """Return the summed loss of a micro-batch, divided by `targets`, the number of targets in the whole step."""
        device, bf16 = self.model.device, self.config.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            return summed_loss(self.model, batch.to(device), self.config.attention) / targets

    def _check_finite(self, loss: Tensor, norm: Tensor, rate: float) -> None:
        if math.isfinite(float(loss)) and math.isfinite(float(norm)):
            return
        kept = self.checkpoints.steps()
        raise RunFailure(
            f"step {self.step + 1}: the loss is {float(loss):.4g} and the gradient's norm {float(norm):.4g}, at "
            f"learning rate {rate:.3g}. Try a smaller train.learning_rate, more train.warmup_steps, "
            f"a smaller train.clip, or train.precision=fp32. "
            + (f"The last checkpoint is of step {kept[-1]}" if kept else "No checkpoint was written")
        )

    def _after_step(self) -> None:
        config, last = self.config, self.step == self.config.steps
        evaluation_due = last or (config.evaluate_every and self.step % config.evaluate_every == 0)
        if self.step % config.log_every == 0 or evaluation_due:  # an evaluation may end the run: log the last step
            self._log(self._window.line(self.step))
        if self.data.curriculum and self.data.curriculum.is_test_due(self.step):
            self._test_stage(self.data.curriculum)
        if evaluation_due:
            self._evaluate()
        if config.checkpoint_every and self.step % config.checkpoint_every == 0:
            self._save()

    def _test_stage(self, curriculum: Curriculum) -> None:
        passed = False
        if self.processes.is_first:
            assert self.count_correct is not None
            stage = curriculum.stage(self.step)
            questions = curriculum.test_questions(self.step, self.config.seed)
            correct, n = self.count_correct(curriculum.tasks[stage], questions), len(questions)
            passed = correct / n >= curriculum.threshold
            line = {"stage": stage + 1, "settings": curriculum.config.stages[stage], "n": n, "correct": correct}
            low, high = wilson(correct, n)
            line |= {"accuracy": correct / n, "low": low, "high": high, "passed": passed}
            self._log({"step": self.step, "curriculum": {**line, "steps": curriculum.steps_in_stage(self.step)}})
        self._window.restart()
        if self.processes.any(passed, self.model.device):
            self.data = replace(self.data, curriculum=curriculum.with_stage_passed(self.step))

    def _evaluate(self) -> None:
        if self.processes.is_first:
            scores = self.evaluate()
            self._log({"step": self.step, "evaluation": [score.to_json() for score in scores]})
            mean = sum(score.accuracy for score in scores) / len(scores)
            lowest = min(score.accuracy for score in scores)
            self._target_reached = self.config.stop_at is not None and lowest >= self.config.stop_at
            best = self.checkpoints.best()
            if best is None or mean >= best[1]:
                self._save()
                self.checkpoints.mark_best(self.step, mean)
        self._window.restart()
        self._target_reached = self.processes.any(self._target_reached, self.model.device)

    def _save(self) -> None:
        if self.processes.is_first:
            ends = {"ends": self.data.curriculum.ends} if self.data.curriculum else {}
            state = {"reached": self._target_reached, **ends}
            self.checkpoints.save(self.step, self.model, self.optimizer, state, self.average)
        self._window.restart()

    def _log(self, line: dict[str, Any]) -> None:
        if self.processes.is_first:
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self.on_metrics(line)


class _LogWindow:
    """The current loss, and the throughput since the last logged line. Only the time of training steps counts."""

    def __init__(self) -> None:
        self.loss, self.rate = torch.zeros(()), 0.0
        self.restart()

    def restart(self) -> None:
        self.start, self.tokens, self.documents = time.perf_counter(), 0, 0

    def add(self, loss: Tensor, rate: float, tokens: int, documents: int) -> None:
        self.loss, self.rate = loss, rate
        self.tokens += tokens
        self.documents += documents

    def line(self, step: int) -> dict[str, Any]:
        """Return a line of metrics.jsonl with the loss of this step and the throughput since the last line."""
        seconds = max(1e-9, time.perf_counter() - self.start)
        line = {
            "step": step, "loss": float(self.loss), "lr": self.rate,
            "tokens_per_second": round(self.tokens / seconds, 1),
            "documents_per_second": round(self.documents / seconds, 2),
        }  # fmt: skip
        self.restart()
        return line


class _Interrupt:
    """A signal handler that records the first signal and raises KeyboardInterrupt at the second signal."""

    requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextlib.contextmanager
def _as_run_failures(folder: Path) -> Iterator[None]:
    """Turn disk errors, and torch's errors about dead background processes, into RunFailures."""
    try:
        yield
    except RunFailure:
        raise
    except RuntimeError as error:
        failure = dead_worker_failure(error)
        if failure is None:
            raise
        raise failure from error
    except OSError as error:
        raise RunFailure(
            f"{folder} cannot be written: {error}. Free some space and continue with `resume=True`"
        ) from error


def _step_seed(seed: int, step: int, rank: int) -> int:
    digest = hashlib.blake2b(f"step {seed} {step} {rank}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _drop_later_metrics(path: Path, step: int) -> None:
    """Remove the lines of later steps from metrics.jsonl, and also a truncated last line."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        with contextlib.suppress(ValueError):
            if line.endswith("\n") and json.loads(line)["step"] <= step:
                kept.append(line)
    write_atomically(path, "".join(kept))
