"""A trained run, loaded from its folder: it answers questions and can be evaluated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from scratchpad.config.resolve import ResolvedRun, TaskLoader
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.evaluation.evaluated_model import EvaluatedModel, OnProgress
from scratchpad.evaluation.free_running import check_transitions
from scratchpad.evaluation.metrics import Result, Score, evaluate
from scratchpad.evaluation.outside_training import outside_training
from scratchpad.generation.engine import Chain, Limits, Opening, State
from scratchpad.generation.sampling import Sampling
from scratchpad.generation.solved import Solved
from scratchpad.layout.codec import Codec
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.build import build_model
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, as_text, bare
from scratchpad.tasks.formats import format_named
from scratchpad.training.checkpoint import Checkpoints, load_weights
from scratchpad.training.curriculum import make_curriculum
from scratchpad.training.data import StepData
from scratchpad.training.distributed import ProcessGroup, choose_device
from scratchpad.training.overlap import training_overlap
from scratchpad.training.run_folder import (
    check_saved_evaluation,
    config_of,
    load_task,
    read_run_record,
    save_evaluation,
)


@dataclass(frozen=True, repr=False)
class Run:
    """A trained model with its settings and task.

    evaluated: the model with its task, format and vocabulary. step: the training step of the checkpoint.
    ends: the steps after which stages of the curriculum were passed. voters: the other runs that vote with this run.
    """

    folder: Path
    resolved: ResolvedRun
    evaluated: EvaluatedModel
    step: int
    ends: tuple[int, ...] = ()
    voters: tuple[Run, ...] = ()

    def __repr__(self) -> str:
        task, voting = self.evaluated.task.name, f", {len(self.voters) + 1} runs vote" if self.voters else ""
        return f"Run({str(self.folder)!r}, {task}, {self.evaluated.format.name}, step {self.step}{voting})"

    @property
    def config(self) -> RunConfig:
        """The settings of the training."""
        return self.resolved.config

    @property
    def checkpoint_text(self) -> str:
        """A text such as `step 250 of 1,500; training stopped at step 500`, with the step of the loaded checkpoint."""
        last, steps = Checkpoints(self.folder).steps()[-1], self.config.train.steps
        stopped = f"; training stopped at step {last:,}" if last < steps else ""
        return f"step {self.step:,} of {steps:,}{stopped}"

    @classmethod
    def load(
        cls,
        folder: str | Path,
        checkpoint: str | int = "best",
        device: str = "auto",
        task_file: str | Path | None = None,
        tasks: TaskLoader | None = None,
    ) -> Run:
        """Load a run from its folder.

        checkpoint: `best`, `last` or a step. task_file: the Python file of your own task, which is executed.
        tasks: a loader that may already hold the task.
        """
        folder = Path(folder)
        record, tasks = read_run_record(folder), tasks or TaskLoader()
        config = config_of(record, folder)
        if config.task.file:  # the saved path is ignored: a run folder must not choose the code that runs
            named = None if task_file is None else str(task_file)
            config = dataclasses.replace(config, task=dataclasses.replace(config.task, file=named))
        task = load_task(record, config.task, folder, tasks)
        resolved = ResolvedRun(config, task, make_curriculum(config.curriculum, task), tasks)
        vocabulary = Vocabulary(record["vocabulary"][len(MARKS) :])
        found = Checkpoints(folder).load(str(checkpoint))
        model = build_model(config.model, len(vocabulary))
        load_weights(model, found.evaluation_weights)
        model.to(choose_device(device)).eval()
        evaluated = EvaluatedModel(model, task, resolved.format, vocabulary, config.train.attention)
        return cls(folder, resolved, evaluated, found.step, tuple(found.state.get("ends", ())))

    @overload
    def solve(
        self,
        question: str | Symbols,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_state: Callable[[int, Symbols], None] | None = None,
    ) -> Solved: ...

    @overload
    def solve(
        self,
        question: list[str] | list[Symbols],
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_state: Callable[[int, int, Symbols], None] | None = None,
        batch: int = 64,
    ) -> list[Solved]: ...

    def solve(
        self,
        question: str | Symbols | list[str] | list[Symbols],
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_state: Callable[..., None] | None = None,
        batch: int = 64,
    ) -> Solved | list[Solved]:
        """Solve a question or a list of questions.

        A question is a text, written as `scratchpad show` prints it, or a tuple of symbols.
        A list is solved in batches of `batch` questions, and the result is the list of their solutions. Every question
        of a list has its own random stream for `sampling`, so a question that is given twice may have two solutions.
        on_state: a function that receives the index and the symbols of each complete state. For a list of questions,
        the function first receives the index of the question. Raises ScratchpadError, before the model writes anything,
        if a question is not valid.
        """
        if isinstance(question, list):
            texts = [one if isinstance(one, str) else as_text(one) for one in question]
            return self._solve_all(texts, sampling, limits, on_state, batch)
        on_only = None if on_state is None else lambda _, index, state: on_state(index, state)
        text = question if isinstance(question, str) else as_text(question)
        return self._solve_all([text], sampling, limits, on_only, batch)[0]

    def _solve_all(
        self,
        questions: Sequence[str],
        sampling: Sampling | None,
        limits: Limits | None,
        on_state: Callable[[int, int, Symbols], None] | None,
        batch: int,
    ) -> list[Solved]:
        evaluated, parsed, openings = self.evaluated, list[Symbols](), list[Opening]()
        for number, question in enumerate(questions, 1):
            with error_prefix(f"question {number} of {len(questions)}") if len(questions) > 1 else nullcontext():
                parsed.append(self.parse_question(question))
                prompt, given = evaluated.format.opening(evaluated.task, parsed[-1])
                openings.append(Opening(evaluated.vocabulary.encode(prompt), evaluated.vocabulary.encode(given)))

        def show(number: int, index: int, state: State) -> None:
            if on_state:
                on_state(number, index, bare(evaluated.vocabulary.decode(state)))

        chains = evaluated.engine(limits, sampling).write(openings, sampling, batch, on_state=show)
        return list(map(self._solved, parsed, chains))

    def _solved(self, question: Symbols, chain: Chain) -> Solved:
        task, evaluated = self.evaluated.task, self.evaluated
        states = [evaluated.vocabulary.decode(state) for state in chain.states]
        answer = evaluated.format.read_answer(task, question, states) if chain.status == "done" else None
        truth, first_wrong = task.known_truth(question), None
        if evaluated.format.inductive and truth is not None:
            _, given = evaluated.format.opening(task, question)
            follows = check_transitions(task, question, [given, *states] if given else states)[bool(given) :]
            first_wrong = follows.index(False) if False in follows else None
        return Solved(tuple(map(bare, states)), answer, chain.status, chain.tokens, truth, question, first_wrong)

    def outside_training(self, question: Symbols) -> list[str]:
        """Return how the question differs from every training question; see the function `outside_training`."""
        curriculum = self.resolved.curriculum
        tasks = curriculum.tasks if curriculum else (self.resolved.task,)
        return outside_training(tasks, question, self.config.train.seed)

    def parse_question(self, question: str) -> Symbols:
        """Return the symbols of a question. Raises ScratchpadError if the task has no such question."""
        return self.evaluated.task.read_question(question, complete=True)

    def with_task(self, task: TaskConfig) -> EvaluatedModel:
        """Return the model with another task or format than in training.

        Raises ScratchpadError if the model's vocabulary lacks symbols of the task.
        """
        other = load_task(read_run_record(self.folder), task, self.folder, self.resolved.tasks)
        check_symbols(other, self.evaluated.vocabulary, f"{self.folder} was")
        return dataclasses.replace(self.evaluated, task=other, format=format_named(task.format))

    def voting(self, others: Sequence[Run]) -> Run:
        """Return a run in which this run and other runs vote on every state.

        Each run proposes a next state, and all runs continue from the state with the most votes.
        `scratchpad.generation.voting` describes ties. Evaluations of this new run are not saved. Raises ScratchpadError
        if the runs differ in symbols or format, or if a run is given twice.
        """
        mine, voters = self.evaluated, (*self.voters, *(one for other in others for one in (other, *other.voters)))
        places = [(one.folder.resolve(), one.step) for one in (self, *voters)]
        for other, place in zip(voters, places[1:], strict=True):
            if places.count(place) > 1:
                raise ScratchpadError(f"{other.folder} is given twice, but each run has one vote. Give each run once")
            theirs = other.evaluated
            if (theirs.vocabulary.to_json(), theirs.format.name) != (mine.vocabulary.to_json(), mine.format.name):
                raise ScratchpadError(
                    f"{other.folder} has task {theirs.task.name}, format {theirs.format.name}, but {self.folder} has "
                    f"task {mine.task.name}, format {mine.format.name}. Voting needs equal symbols and formats"
                )
        evaluated = dataclasses.replace(mine, voters=tuple(one.evaluated.model for one in voters))
        return dataclasses.replace(self, evaluated=evaluated, voters=voters)

    def evaluate(self, sizes: Sequence[int] = (), n: int = 1000, method: str = "forced", seed: int = 0) -> list[Score]:
        """Evaluate n test questions per size (default: the run's sizes) and save the results in the run folder."""
        return [result.score for result in self.evaluate_by_size(sizes, n, method, seed)]

    def evaluate_longer(self) -> Score | None:
        """Evaluate questions one size longer than in training, with the settings of the training, without saving.

        Return None if the task cannot draw such questions.
        """
        size, settings = self.resolved.trained_sizes.high + 1, self.config.evaluate
        sampling = Sampling(settings.temperature)
        try:
            return next(evaluate(self.evaluated, [size], settings.n, settings.method, settings.seed, sampling)).score
        except ScratchpadError:
            return None

    def evaluate_by_size(
        self,
        sizes: Sequence[int] = (),
        n: int = 1000,
        method: str = "forced",
        seed: int = 0,
        sampling: Sampling | None = None,
        batch: int = 64,
        evaluated: EvaluatedModel | None = None,
        on_progress: OnProgress = lambda unit, count, total: None,
    ) -> Iterator[Result]:
        """Evaluate like `evaluate`, and yield the result of each size, with its samples, when this result is ready.

        evaluated: a model from `with_task`, if another task is evaluated. After the last size, all results are saved,
        unless `evaluated` is given or runs vote. Each score counts the questions that also occurred in training.
        on_progress: a function that receives a unit, a count and a total, such as `questions of size 8`, 64, 1000.
        Raises ScratchpadError at the start if saved evaluations are damaged.
        """
        save = evaluated is None and not self.voters
        if save:
            check_saved_evaluation(self.folder)
        evaluated = evaluated or self.evaluated
        sizes = tuple(dict.fromkeys(sizes)) or self.config.evaluate.sizes or evaluated.task.default_test_sizes()
        results: list[Result] = []
        for result in evaluate(evaluated, sizes, n, method, seed, sampling, batch, on_progress):
            questions = [sample.question for sample in result.samples]
            trained_on = np.any([run._trained_on(questions, on_progress) for run in (self, *self.voters)], 0)
            score = dataclasses.replace(result.score, seen_in_training=int(trained_on.sum()))
            results.append(Result(score, result.samples))
            yield results[-1]
        if save:
            save_evaluation(self.folder, self.step, results)

    def _trained_on(self, questions: Sequence[Symbols], on_progress: OnProgress) -> np.ndarray:
        data = step_data(self.resolved, ends=self.ends)
        return training_overlap(data, self.step, questions, self.folder, on_progress)


def check_symbols(task: Task, codec: Codec, what: str) -> None:
    """Raise ScratchpadError if a codec lacks symbols of a task. `what` begins the message, such as `runs/mine was`."""
    new = codec.unknown(task.symbols())
    if new:
        raise ScratchpadError(
            f"{what} trained without the symbols {' '.join(new[:10])}{' ...' if new[10:] else ''} of {task.name}: "
            "choose a task with the model's symbols, for example with the same `names` or window"
        )


def step_data(
    run: ResolvedRun,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008
    ends: tuple[int, ...] = (),
) -> StepData:
    """Return the training data of a run. ends: the steps after which stages of the curriculum were passed."""
    curriculum = dataclasses.replace(run.curriculum, ends=ends) if run.curriculum else None
    context, shares = run.config.model.context, (processes.rank, processes.world_size)
    return StepData(run.task, run.format, run.codec, run.config.train, context, *shares, curriculum=curriculum)
