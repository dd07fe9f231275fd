"""A trained run, loaded from its folder: it answers questions and is evaluated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchpad.config.resolve import ResolvedRun, TaskLoader
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.evaluation.free_running import read_answer
from scratchpad.evaluation.metrics import Result, Score, evaluate
from scratchpad.generation.engine import Limits, Opening
from scratchpad.generation.sampling import Sampling
from scratchpad.layout.codec import Codec
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.build import build_model
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, bare
from scratchpad.tasks.formats import format_named
from scratchpad.training.checkpoint import Checkpoints, load_weights
from scratchpad.training.curriculum import make_curriculum
from scratchpad.training.data import StepData
from scratchpad.training.distributed import ProcessGroup, choose_device
from scratchpad.training.overlap import training_overlap
from scratchpad.training.run_folder import check_saved_evaluation, read_run_record, save_evaluation, saved_config


@dataclass(frozen=True)
class Solved:
    """One answered question. states: symbols without terminators. tokens: the number of tokens written."""

    states: tuple[Symbols, ...]
    answer: Symbols | None
    status: str
    tokens: int


@dataclass(frozen=True)
class Run:
    """A trained model with its settings and task.

    evaluated: the model with its task, format and vocabulary. step: of its checkpoint. ends: the steps after which
    stages of the curriculum were passed. voters: other runs that vote with it, see `voting`.
    """

    folder: Path
    resolved: ResolvedRun
    evaluated: EvaluatedModel
    step: int
    ends: tuple[int, ...] = ()
    voters: tuple[Run, ...] = ()

    @property
    def config(self) -> RunConfig:
        """The settings of its training."""
        return self.resolved.config

    @classmethod
    def load(
        cls,
        folder: str | Path,
        checkpoint: str = "best",
        device: str = "auto",
        task_file: str | None = None,
        tasks: TaskLoader | None = None,
    ) -> Run:
        """Load a run folder.

        checkpoint: best, last or a step. task_file: the Python file of a task of your own, which is run. tasks: a
        loader that may have the task already.
        """
        folder = Path(folder)
        config, tasks = saved_config(folder), tasks or TaskLoader()
        named = dataclasses.replace(config.task, file=task_file) if config.task.file else config.task
        task = tasks.load(named, folder)
        resolved = ResolvedRun(config, task, make_curriculum(config.curriculum, task), tasks)
        vocabulary = Vocabulary(read_run_record(folder)["vocabulary"][len(MARKS) :])
        found = Checkpoints(folder).load(checkpoint)
        model = build_model(config.model, len(vocabulary))
        load_weights(model, found.evaluation_weights)
        model.to(choose_device(device)).eval()
        evaluated = EvaluatedModel(model, task, resolved.format, vocabulary, config.train.attention)
        return cls(folder, resolved, evaluated, found.step, tuple(found.state.get("ends", ())))

    def solve(
        self,
        question: str,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_state: Callable[[int, Symbols], None] | None = None,
    ) -> Solved:
        """Answer one question, written as `show` prints it. on_state: called with each state's index and symbols."""
        task, evaluated = self.evaluated.task, self.evaluated
        symbols = self.parse_question(question)
        prompt, given = map(evaluated.vocabulary.encode, evaluated.format.opening(task, symbols))
        chosen = sampling or Sampling()
        engine = evaluated.engine(limits, chosen)
        states: list[Symbols] = []
        status, tokens = "", 0
        for event in engine.stream([Opening(prompt, given)], chosen.chooser()):
            if event.state is not None:
                states.append(evaluated.vocabulary.decode(event.state))
                tokens += len(event.state)
                if on_state:
                    on_state(len(states) - 1, bare(states[-1]))
            status = event.status or status
        answer = read_answer(evaluated, symbols, states) if status == "done" else None
        return Solved(tuple(map(bare, states)), answer, status, tokens)

    def parse_question(self, question: str) -> Symbols:
        """The symbols of a question, completed as the task draws it. ScratchpadError for a question of no such task."""
        task = self.evaluated.task
        symbols = task.completed(task.parse(question))
        task.check(symbols)
        return symbols

    def with_task(self, task: TaskConfig) -> EvaluatedModel:
        """The same model on another task, or in another format, than it was trained on.

        ScratchpadError where the task has symbols that are not in the model's vocabulary.
        """
        other = self.resolved.tasks.load(task)
        check_symbols(other, self.evaluated.vocabulary, f"{self.folder} was")
        return dataclasses.replace(self.evaluated, task=other, format=format_named(task.format))

    def voting(self, others: Sequence[Run]) -> Run:
        """This run and others as one run that votes on every state: all continue from the state with the most votes.

        A tie goes to the state whose voters have the highest probability (`scratchpad.generation.voting`). The task is
        this run's. Evaluations of votes are not saved. ScratchpadError for runs with other symbols or of another
        format, and for a run that is given twice.
        """
        mine, voters = self.evaluated, (*self.voters, *(one for other in others for one in (other, *other.voters)))
        places = [(one.folder.resolve(), one.step) for one in (self, *voters)]
        for other, place in zip(voters, places[1:], strict=True):
            if places.count(place) > 1:
                raise ScratchpadError(f"{other.folder} is given twice: a run has one vote")
            theirs = other.evaluated
            if (theirs.vocabulary.to_json(), theirs.format.name) != (mine.vocabulary.to_json(), mine.format.name):
                raise ScratchpadError(
                    f"{other.folder} writes {theirs.task.name}, {theirs.format.name}, and {self.folder} "
                    f"{mine.task.name}, {mine.format.name}: runs that vote need the same symbols and format"
                )
        evaluated = dataclasses.replace(mine, voters=tuple(one.evaluated.model for one in voters))
        return dataclasses.replace(self, evaluated=evaluated, voters=voters)

    def evaluate(self, sizes: Sequence[int] = (), n: int = 1000, method: str = "forced", seed: int = 0) -> list[Score]:
        """Evaluate n test questions per size (default: the run's sizes). Saves scores and samples in the folder."""
        return [result.score for result in self.evaluate_by_size(sizes, n, method, seed)]

    def evaluate_by_size(
        self,
        sizes: Sequence[int] = (),
        n: int = 1000,
        method: str = "forced",
        seed: int = 0,
        sampling: Sampling | None = None,
        batch: int = 64,
        evaluated: EvaluatedModel | None = None,
    ) -> Iterator[Result]:
        """Yield the result of each size as it is ready, with samples; see `evaluate`. Saves all after the last one.

        Each score says how many questions were trained on. evaluated: the model on another task, from `with_task`; its
        results are not saved, nor are those of votes. ScratchpadError, before any work, for damaged saved evaluations.
        """
        save = evaluated is None and not self.voters
        if save:
            check_saved_evaluation(self.folder)
        evaluated = evaluated or self.evaluated
        sizes = tuple(dict.fromkeys(sizes)) or self.config.evaluate.sizes or evaluated.task.default_test_sizes()
        results: list[Result] = []
        for result in evaluate(evaluated, sizes, n, method, seed, sampling, batch):
            questions = [sample.question for sample in result.samples]
            trained_on = np.any([run._trained_on(questions) for run in (self, *self.voters)], 0)
            score = dataclasses.replace(result.score, seen_in_training=int(trained_on.sum()))
            results.append(Result(score, result.samples))
            yield results[-1]
        if save:
            save_evaluation(self.folder, self.step, results)

    def _trained_on(self, questions: Sequence[Symbols]) -> np.ndarray:
        """Which questions this run was trained on: bool, one per question."""
        data = step_data(self.resolved, ends=self.ends)
        return training_overlap(data, self.step, questions, self.folder)


def check_symbols(task: Task, codec: Codec, what: str) -> None:
    """ScratchpadError where a model's codec lacks symbols of a task. what: begins the message, `runs/mine was`."""
    new = codec.unknown(task.symbols())
    if new:
        raise ScratchpadError(
            f"{what} trained without the symbols {' '.join(new[:10])}{' ...' if new[10:] else ''} of {task.name}: "
            "choose a task with the model's symbols (with the same `names` or window, for example)"
        )


def step_data(
    run: ResolvedRun,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008
    ends: tuple[int, ...] = (),
) -> StepData:
    """What a run trains on at each step; ends: the steps after which stages of its curriculum were passed."""
    curriculum = dataclasses.replace(run.curriculum, ends=ends) if run.curriculum else None
    context, shares = run.config.model.context, (processes.rank, processes.world_size)
    return StepData(run.task, run.format, run.codec, run.config.train, context, *shares, curriculum=curriculum)
