"""A run: what training leaves in a folder, and what is done with it afterwards."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scratchpad.config.parse import with_settings
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.evaluation.evaluated_model import EvaluatedModel, Sample
from scratchpad.evaluation.free_running import read_answer
from scratchpad.evaluation.metrics import Result, Score, evaluate
from scratchpad.generation.engine import Limits, Opening
from scratchpad.generation.sampling import Sampling
from scratchpad.layout.codec import Codec
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.build import build_model
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, bare
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.user_data import load_corpus
from scratchpad.tasks.user_file import load_task_file
from scratchpad.training.checkpoint import Checkpoints, write_whole
from scratchpad.training.curriculum import make_curriculum, training_vocabulary
from scratchpad.training.data import StepData
from scratchpad.training.distributed import ProcessGroup, choose_device
from scratchpad.training.overlap import training_overlap

_EVALUATION_FILES = ("scores.jsonl", "evaluation.jsonl")
"""What a run folder keeps of how it was judged: scores, and samples."""


@dataclass(frozen=True)
class Solved:
    """One answered question. states: as text symbols, without terminators; tokens: all that were written."""

    states: tuple[Symbols, ...]
    answer: Symbols | None
    status: str
    tokens: int


@dataclass(frozen=True)
class Run:
    """A trained model with its settings, task and vocabulary. ends: the steps after which stages were passed.

    voters: runs that write together with it, as `voting` makes them.
    """

    folder: Path
    config: RunConfig
    evaluated: EvaluatedModel
    step: int
    ends: tuple[int, ...] = ()
    voters: tuple[Run, ...] = ()

    @classmethod
    def load(
        cls, folder: str | Path, checkpoint: str = "best", device: str = "auto", task_file: str | None = None
    ) -> Run:
        """Load a run folder; checkpoint: best, last or a step. A task of your own needs its file named again."""
        folder = Path(folder)
        record = read_run_record(folder)
        config = RunConfig.from_json(record["config"], str(folder / "config.json"))
        task = task_of(dataclasses.replace(config.task, file=task_file) if config.task.file else config.task, folder)
        vocabulary = Vocabulary(record["vocabulary"][len(MARKS) :])
        found = Checkpoints(folder).load(checkpoint)
        model = build_model(config.model, len(vocabulary))
        model.load_state_dict(found.judged)
        model.to(choose_device(device)).eval()
        evaluated = EvaluatedModel(model, task, format_named(config.task.format), vocabulary, config.train.attention)
        return cls(folder, config, evaluated, found.step, tuple(found.state.get("ends", ())))

    def solve(
        self,
        question: str,
        sampling: Sampling | None = None,
        limits: Limits | None = None,
        on_state: Callable[[int, Symbols], None] | None = None,
    ) -> Solved:
        """Answer one question, written as `show` prints it. on_state is told each state as it is completed."""
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
        """The symbols of a question, in the form the task draws. ScratchpadError where it is none of this task's."""
        task = self.evaluated.task
        symbols = task.completed(task.parse(question))
        task.check(symbols)
        return symbols

    def with_task(self, task: TaskConfig) -> EvaluatedModel:
        """The same model with questions of another task, or to be answered in another format, than it was trained on.

        ScratchpadError where these are written with symbols that it has no numbers for.
        """
        other = task_of(task)
        check_symbols(other, self.evaluated.vocabulary, f"{self.folder} was")
        return dataclasses.replace(self.evaluated, task=other, format=format_named(task.format))

    def voting(self, others: Sequence[Run]) -> Run:
        """This run and others as one that writes by votes: at every state the majority's is taken, and all go on from
        it; of several states with most votes the one whose voters are surest (`scratchpad.generation.voting`).

        Questions are asked as this run asks them. It is judged by what it writes, and keeps no scores in a folder.
        ScratchpadError for runs with other symbols or of another format, and for one that is given twice.
        """
        mine, voters = (
            self.evaluated,
            (*self.voters, *(one for other in others for one in (other, *other.voters))),
        )
        places = [(one.folder.resolve(), one.step) for one in (self, *voters)]
        for other, place in zip(voters, places[1:], strict=True):
            if places.count(place) > 1:
                raise ScratchpadError(f"{other.folder} is given twice: a run has one vote")
            theirs = other.evaluated
            if (theirs.vocabulary.to_json(), theirs.format.name) != (mine.vocabulary.to_json(), mine.format.name):
                raise ScratchpadError(
                    f"{other.folder} writes {theirs.task.name}, {theirs.format.name}, and {self.folder} "
                    f"{mine.task.name}, {mine.format.name}: those vote together that share symbols and format"
                )
        evaluated = dataclasses.replace(mine, voters=tuple(one.evaluated.model for one in voters))
        return dataclasses.replace(self, evaluated=evaluated, voters=voters)

    def evaluate(self, sizes: Sequence[int] = (), n: int = 1000, method: str = "forced", seed: int = 0) -> list[Score]:
        """Evaluate n test questions per size (default: the run's own); scores and samples are kept in the folder."""
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
        """Like `evaluate`, size by size, kept after the last; each score says how many questions were trained on.

        evaluated: the model asked otherwise, as `with_task` makes it. Of that nothing is kept, nor of votes.
        ScratchpadError, before any work, where what was kept of earlier judgements is damaged.
        """
        keep = evaluated is None and not self.voters
        if keep:
            _check_saved_evaluation(self.folder)
        evaluated = evaluated or self.evaluated
        sizes = tuple(dict.fromkeys(sizes)) or evaluated_sizes(self.config, evaluated.task)
        results: list[Result] = []
        for result in evaluate(evaluated, sizes, n, method, seed, sampling, batch):
            questions = [sample.question for sample in result.samples]
            trained_on = np.any([run._seen(questions) for run in (self, *self.voters)], 0)
            score = dataclasses.replace(result.score, seen_in_training=int(trained_on.sum()))
            results.append(Result(score, result.samples))
            yield results[-1]
        if keep:
            _save_evaluation(self, results)

    def _seen(self, questions: Sequence[Symbols]) -> np.ndarray:
        """Which questions this run itself was trained on."""
        data = step_data(self.config, self.evaluated.task, ends=self.ends)
        return training_overlap(data, self.step, questions, self.folder)


def check_symbols(task: Task, codec: Codec, what: str) -> None:
    """ScratchpadError where a task is written with symbols that a model's codec lacks; what: `runs/mine was`."""
    new = codec.unknown(task.symbols())
    if new:
        raise ScratchpadError(
            f"{what} trained without the symbols {' '.join(new[:10])}{' ...' if new[10:] else ''} of {task.name}: ask "
            "for a task with its symbols (the same `names` or window, say)"
        )


def read_run_record(folder: Path) -> dict[str, Any]:
    """What config.json of a run folder holds. ScratchpadError where the folder is no run."""
    path = folder / "config.json"
    if not path.is_file():
        raise ScratchpadError(f"{folder} is not a run folder: it has no config.json (`scratchpad train` makes one)")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record["config"], dict) or record["vocabulary"][: len(MARKS)] != list(MARKS):
            raise ValueError("no config or no vocabulary")
    except (ValueError, KeyError, TypeError) as error:
        raise ScratchpadError(f"{path} is damaged: {error}") from None
    return record


def task_of(config: TaskConfig, folder: Path | None = None) -> Task:
    """The task that a config names: a built-in one, a Python file's, or a data file's.

    A run of a Python file's task must have the file named anew (`folder` given, file unset): no command runs code
    only because a run folder says so.
    """
    if config.file is not None:
        return load_task_file(config.file, dict(config.settings))
    if config.data is not None:
        corpus = load_corpus(config.data, config.test_data)
        try:
            corpus.check_format(format_named(config.format))
        except ScratchpadError as error:
            raise ScratchpadError(f"{config.data}: {error}") from None
        for name in config.settings:
            if name not in corpus.settings():
                raise unknown_name(f"setting of {corpus.name}", name, corpus.settings())
        return with_settings(corpus, config.settings, corpus.name)
    if folder is not None and config.name == "own":
        raise ScratchpadError(f"{folder} was trained on a task of a Python file: name it with --task-file")
    return task_named(config.name, config.settings)


def with_values(config: RunConfig, task: Task) -> RunConfig:
    """The config with the settings of its task as their values, however they were written."""
    values = task.settings(everything=True)
    settings = {name: values.get(name, written) for name, written in config.task.settings.items()}
    return dataclasses.replace(config, task=dataclasses.replace(config.task, settings=settings))


def step_data(
    config: RunConfig,
    task: Task,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008
    ends: tuple[int, ...] = (),
) -> StepData:
    """What a run trains on, step by step; ends: the steps after which stages of its curriculum were passed."""
    curriculum = make_curriculum(config.curriculum, task)
    if curriculum:
        curriculum = dataclasses.replace(curriculum, ends=ends)
    vocabulary, written = training_vocabulary(task, curriculum), format_named(config.task.format)
    shares = processes.rank, processes.world_size
    return StepData(task, written, vocabulary, config.train, config.model.context, *shares, curriculum=curriculum)


def evaluated_sizes(config: RunConfig, task: Task) -> tuple[int, ...]:
    """The sizes that a run is judged at: those it names, or the task's choice."""
    return config.evaluate.sizes or task.default_test_sizes()


def _check_saved_evaluation(folder: Path) -> None:
    """ScratchpadError where a line of what is kept of earlier judgements is damaged."""
    for name in _EVALUATION_FILES:
        deque(read_json_lines(folder / name), maxlen=0)


def _save_evaluation(run: Run, results: Sequence[Result]) -> None:
    """Keep samples (evaluation.jsonl) and scores (scores.jsonl).

    What was there stays, but for lines of the same method, sampling, size and seed, of whichever checkpoint.
    """
    judged = ("method", "sampling", "size", "seed")
    keys = {tuple(getattr(result.score, name) for name in judged) for result in results}
    scores = [{"step": run.step, **r.score.to_json()} for r in results]
    samples = [sample_line(r.score, sample) for r in results for sample in r.samples]
    for name, lines in zip(_EVALUATION_FILES, (scores, samples), strict=True):
        path = run.folder / name
        kept = [line for _, line in read_json_lines(path) if tuple(line.get(name, "") for name in judged) not in keys]
        write_whole(path, "".join(json.dumps(line) + "\n" for line in [*kept, *lines]))


def sample_line(score: Score, sample: Sample) -> dict[str, Any]:
    """A sample as a line of evaluation.jsonl."""
    line = {name: getattr(score, name) for name in ("task", "format", "method", "sampling", "seed")}
    line |= {"first_wrong": sample.first_wrong, **sample.to_json()}
    return line


def read_json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The JSON objects of a file, each with its place; none without a file. A last line cut short is left out.

    ScratchpadError for a line that is damaged otherwise.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                line = json.loads(text)
            except ValueError as error:
                if not text.endswith(b"\n"):
                    return
                raise ScratchpadError(f"{place} is damaged: {error}") from None
            if not isinstance(line, dict):
                raise ScratchpadError(f"{place} is damaged: a line holds one JSON object")
            yield place, line


def require_keys(place: str, line: Mapping[str, Any], needed: Iterable[str]) -> Mapping[str, Any]:
    """The line, if it has all that is needed; else ScratchpadError."""
    missing = [name for name in needed if name not in line]
    if missing:
        raise ScratchpadError(f"{place} is damaged: no {', '.join(missing)}")
    return line
