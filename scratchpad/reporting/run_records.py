"""What a run folder holds for a report, read without loading a model."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchpad.config.lengths import Lengths
from scratchpad.config.resolve import TaskLoader
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.evaluated_model import Sample
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.metrics import Score
from scratchpad.tasks.base import Task
from scratchpad.tasks.user_data import Corpus
from scratchpad.tasks.user_file import FunctionTask
from scratchpad.training.curriculum import make_curriculum
from scratchpad.training.run_folder import read_json_lines, read_run_record, require_keys

Line = Mapping[str, Any]
_SAMPLE_FIELDS = ("method", *Sample.json_names())
_SCORE_FIELDS = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(Score)}


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it. task: None where it cannot be had, and `problem` says why.

    losses: the lines of metrics.jsonl that hold a loss; evaluations: (step, scores) of those made during training.
    scores: by way and size, from scores.jsonl or else the last evaluation; judged_at: their steps.
    stages: (step, test) of each stage of a curriculum that was passed.
    samples: by way and size the first of each verdict: right, wrong, or right answer, wrong work.
    """

    folder: Path
    record: Line
    config: RunConfig
    task: Task | None
    problem: str
    losses: tuple[Line, ...]
    evaluations: tuple[tuple[int, tuple[Score, ...]], ...]
    stages: tuple[tuple[int, Line], ...]
    scores: Mapping[tuple[str, int], Score]
    judged_at: tuple[int, ...]
    from_training: bool
    samples: Mapping[tuple[str, int], Mapping[str, Line]]

    @property
    def trained(self) -> Lengths | None:
        """The lengths trained on, all of their questions, where they are known."""
        if self.task:
            curriculum = make_curriculum(self.config.curriculum, self.task)
            laws = [one.covered_sizes() for one in (curriculum.tasks if curriculum else (self.task,))]
            return laws[0] if len(laws) == 1 else Lengths(min(law.low for law in laws), max(law.high for law in laws))
        law = self.record.get("task_settings", {}).get(self.length)
        return None if law is None else Lengths.parse(law)

    @property
    def length(self) -> str:
        """What the task calls the length of a question: bits, say."""
        if self.task:
            return self.task.size_setting
        return FunctionTask.size_setting if self.config.task.file else Corpus.size_setting

    def measured(self, length: object) -> str:
        """A length, or a law of lengths, in the task's own measure: `5 bits`, `size 5`, `n = 5`."""
        if self.length == "sizes":
            return f"size {length}"
        return f"{length} {self.length}" if self.length.endswith("s") else f"{self.length} = {length}"

    def was_trained(self, size: int) -> bool:
        """Whether a length is one of those trained on."""
        return self.trained is not None and self.trained.contains(size)

    @property
    def last_step(self) -> int:
        """The last step that was logged, 0 where none was."""
        return max([0, *(line["step"] for line in self.losses)])


def way(method: str, sampling: str) -> str:
    """What tells ways of judging apart: the method, with its sampling where it is not greedy."""
    return f"{method}, {sampling}" if sampling else method


def way_of(line: Line) -> str:
    """The way of judging of a line of evaluation.jsonl."""
    return way(line["method"], line.get("sampling", ""))


def read_run(folder: str | Path, task_file: str | None = None) -> RunRecord:
    """Read a run folder; task_file: the file of a task of one's own. ScratchpadError where it is no run, or damaged."""
    folder = Path(folder)
    record = read_run_record(folder)
    config = RunConfig.from_json(record["config"], str(folder / "config.json"))
    task, problem = _task(config, folder, task_file)
    metrics = [
        (place, require_keys(place, line, ["step"])) for place, line in read_json_lines(folder / "metrics.jsonl")
    ]
    evaluations = tuple(
        (line["step"], tuple(_score(place, score) for score in line["evaluation"]))
        for place, line in metrics
        if "evaluation" in line
    )
    judged = [(line.get("step", 0), _score(place, line)) for place, line in read_json_lines(folder / "scores.jsonl")]
    from_training = not judged and bool(evaluations)
    if from_training:
        judged = [(evaluations[-1][0], score) for score in evaluations[-1][1]]
    return RunRecord(
        folder, record, config, task, problem,
        losses=tuple(line for _, line in metrics if "loss" in line),
        evaluations=evaluations,
        stages=tuple((line["step"], line["curriculum"]) for _, line in metrics if _is_passed(line)),
        scores=_by_size(judged, pooled=config.task.data is None),
        judged_at=tuple(sorted({step for step, _ in judged})),
        from_training=from_training,
        samples=_examples(folder / "evaluation.jsonl"),
    )  # fmt: skip


def _task(config: RunConfig, folder: Path, task_file: str | None) -> tuple[Task | None, str]:
    """The task, or why there is none: its file may have moved since."""
    named = dataclasses.replace(config.task, file=task_file) if config.task.file else config.task
    try:
        return TaskLoader().load(named, folder), ""
    except ScratchpadError as error:
        if task_file:
            raise
        return None, str(error)


def _is_passed(line: Line) -> bool:
    """Whether a line of metrics.jsonl is the test that a stage was passed with."""
    return "curriculum" in line and line["curriculum"]["passed"]


def _examples(path: Path) -> dict[tuple[str, int], dict[str, Line]]:
    """The first sample of each way, size and verdict; the others are read past."""
    found: dict[tuple[str, int], dict[str, Line]] = {}
    for place, line in read_json_lines(path):
        require_keys(place, line, _SAMPLE_FIELDS)
        verdict = "right" if line["exact"] else "right answer, wrong work" if line["right"] else "wrong"
        found.setdefault((way_of(line), line["size"]), {}).setdefault(verdict, line)
    return found


def _score(place: str, line: Line) -> Score:
    require_keys(place, line, (name for name, needed in _SCORE_FIELDS.items() if needed))
    return Score(**{name: line[name] for name in _SCORE_FIELDS if name in line})


def _by_size(judged: Sequence[tuple[int, Score]], pooled: bool) -> dict[tuple[str, int], Score]:
    """The scores by way and size, each of the step that was judged last; several draws of questions in one.

    pooled: seeds draw other questions. Those of a file are the same for every seed: then the last judgement counts.
    """
    kept: dict[tuple[str, int], list[tuple[int, Score]]] = {}
    for step, score in judged:
        kept.setdefault((way(score.method, score.sampling), score.size), []).append((step, score))
    last = {key: [score for step, score in found if step == found[-1][0]] for key, found in kept.items()}
    return {key: _pooled(scores) if pooled else scores[-1] for key, scores in last.items()}


def _pooled(scores: Sequence[Score]) -> Score:
    """One score for all the questions that one model was judged on; means are weighted by questions."""
    if len(scores) == 1:
        return scores[0]
    n, correct = sum(score.n for score in scores), sum(score.correct for score in scores)
    low, high = wilson(correct, n)

    def mean(values: Iterable[float]) -> float:
        return sum(value * score.n for value, score in zip(values, scores, strict=True)) / n

    seen = [score.seen_in_training for score in scores if score.seen_in_training is not None]
    return dataclasses.replace(
        scores[-1], n=n, correct=correct, accuracy=correct / n, low=low, high=high, first_wrong=None,
        transition_accuracy=mean(score.transition_accuracy for score in scores),
        exact_accuracy=mean(score.exact_accuracy for score in scores),
        tokens=mean(score.tokens for score in scores),
        seconds=mean(score.seconds for score in scores),
        memory_bytes=int(mean(score.memory_bytes for score in scores)),
        seen_in_training=sum(seen) if len(seen) == len(scores) else None,
        over_context=sum(score.over_context for score in scores),
        endings=dict(sum((Counter(score.endings or {}) for score in scores), Counter())) or None,
    )  # fmt: skip
