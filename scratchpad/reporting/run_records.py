"""The contents of a run folder, as reports need them. The model is not loaded."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from scratchpad.training.curriculum import make_curriculum, trained_sizes
from scratchpad.training.run_folder import config_of, load_task, read_json_lines, read_run_record, require_keys

JsonObject = Mapping[str, Any]
CORRECT, ONLY_ANSWER, WRONG = "correct", "correct answer, wrong work", "wrong"
"""The possible verdicts on a sample."""
_SAMPLE_FIELDS = ("method", *Sample.json_names())
_SCORE_FIELDS = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(Score)}


@dataclass(frozen=True)
class RunRecord:
    """The contents of a run folder.

    A protocol is the method of an evaluation and, unless decoding is greedy, the sampling: `free, temperature 0.5`.

    `task`: the task, or None if the task cannot be loaded. In this case, `problem` is the reason. `losses`: the lines
    of metrics.jsonl that have a loss. `evaluations`: pairs (step, scores), one per evaluation during training.
    `stages`: pairs (step, test), one per passed stage of a curriculum. `scores`: the scores by protocol and size, from
    scores.jsonl. If `from_training`, the scores are from the last evaluation during training. `evaluated_steps`: the
    steps of the evaluated checkpoints. `samples`: the first sample of each verdict, by protocol and size.
    """

    folder: Path
    record: JsonObject
    config: RunConfig
    task: Task | None
    problem: str
    losses: tuple[JsonObject, ...]
    evaluations: tuple[tuple[int, tuple[Score, ...]], ...]
    stages: tuple[tuple[int, JsonObject], ...]
    scores: Mapping[tuple[str, int], Score]
    evaluated_steps: tuple[int, ...]
    from_training: bool
    samples: Mapping[tuple[str, int], Mapping[str, JsonObject]]

    @cached_property
    def trained(self) -> Lengths | None:
        """The lengths of the training questions in all stages of a curriculum; None if unknown."""
        if self.task:
            return trained_sizes(self.task, make_curriculum(self.config.curriculum, self.task))
        lengths = self.record.get("task_settings", {}).get(self.length)
        return None if lengths is None else Lengths.parse(lengths)

    @property
    def length(self) -> str:
        """The task's name for the length of a question, such as `bits`."""
        if self.task:
            return self.task.size_setting
        return FunctionTask.size_setting if self.config.task.file else Corpus.size_setting

    def length_label(self, length: object) -> str:
        """Return a length (or a range of lengths) with its unit, such as `5 bits`, `size 5` or `n = 5`."""
        if self.length == "sizes":
            return f"size {length}"
        return f"{length} {self.length}" if self.length.endswith("s") else f"{self.length} = {length}"

    def was_trained(self, size: int) -> bool:
        """Return whether the model was trained on questions of length `size`."""
        return self.trained is not None and self.trained.contains(size)

    def scores_under(self, protocol: str) -> list[Score]:
        """Return the scores under one protocol, one per size."""
        return [score for (by, _), score in self.scores.items() if by == protocol]

    def scratchpad_scores(self) -> RunRecord:
        """Return this record with scores that count correct scratchpads instead of correct answers."""
        return dataclasses.replace(self, scores={key: _of_scratchpads(score) for key, score in self.scores.items()})

    @property
    def last_step(self) -> int:
        """The last logged step; 0 if no step is logged."""
        return max([0, *(line["step"] for line in self.losses)])


def protocol_name(method: str, sampling: str) -> str:
    """Return the name of a protocol. An empty `sampling` means greedy decoding."""
    return f"{method}, {sampling}" if sampling else method


def protocol_of(line: JsonObject) -> str:
    """Return the name of the protocol in a line of evaluation.jsonl."""
    return protocol_name(line["method"], line.get("sampling", ""))


def read_run(folder: str | Path, task_file: str | None = None) -> RunRecord:
    """Read a run folder. `task_file`: the file of your own task. Raises ScratchpadError if the run is not valid."""
    folder = Path(folder)
    record = read_run_record(folder)
    config = config_of(record, folder)
    task, problem = _load_task(record, config, folder, task_file)
    lines = read_json_lines(folder / "metrics.jsonl")
    metrics = [(place, require_keys(place, line, ["step"])) for place, line in lines]
    evaluations = tuple(
        (line["step"], tuple(_read_score(place, score) for score in line["evaluation"]))
        for place, line in metrics
        if "evaluation" in line
    )
    lines = read_json_lines(folder / "scores.jsonl")
    scores = [(line.get("step", 0), _read_score(place, line)) for place, line in lines]
    from_training = not scores and bool(evaluations)
    if from_training:
        scores = [(evaluations[-1][0], score) for score in evaluations[-1][1]]
    tests = [(line["step"], line["curriculum"]) for _, line in metrics if "curriculum" in line]
    return RunRecord(
        folder, record, config, task, problem,
        losses=tuple(line for _, line in metrics if "loss" in line),
        evaluations=evaluations,
        stages=tuple((step, test) for step, test in tests if test["passed"]),
        scores=_latest_scores(scores, pooled=config.task.data is None),
        evaluated_steps=tuple(sorted({step for step, _ in scores})),
        from_training=from_training,
        samples=_first_samples(folder / "evaluation.jsonl"),
    )  # fmt: skip


def _load_task(record: JsonObject, config: RunConfig, folder: Path, task_file: str | None) -> tuple[Task | None, str]:
    """Return the task and an empty text, or None and the reason why the task cannot be loaded."""
    settings = dataclasses.replace(config.task, file=task_file) if config.task.file else config.task
    try:
        return load_task(record, settings, folder, TaskLoader()), ""
    except ScratchpadError as error:
        if task_file:
            raise
        return None, str(error)


def _first_samples(path: Path) -> dict[tuple[str, int], dict[str, JsonObject]]:
    found: dict[tuple[str, int], dict[str, JsonObject]] = {}
    for place, line in read_json_lines(path):
        require_keys(place, line, _SAMPLE_FIELDS)
        verdict = CORRECT if line["exact"] else ONLY_ANSWER if line["right"] else WRONG
        found.setdefault((protocol_of(line), line["size"]), {}).setdefault(verdict, line)
    return found


def _read_score(place: str, line: JsonObject) -> Score:
    require_keys(place, line, (name for name, needed in _SCORE_FIELDS.items() if needed))
    return Score(**{name: line[name] for name in _SCORE_FIELDS if name in line})


def _of_scratchpads(score: Score) -> Score:
    correct = round(score.exact_accuracy * score.n)
    low, high = wilson(correct, score.n)
    return dataclasses.replace(score, correct=correct, accuracy=score.exact_accuracy, low=low, high=high)


def _latest_scores(scores: Sequence[tuple[int, Score]], pooled: bool) -> dict[tuple[str, int], Score]:
    """Return the scores of the checkpoint that was evaluated last, by protocol and size.

    `pooled`: whether to combine the scores of all seeds. Otherwise (for a data file), only the last score counts.
    """
    found: dict[tuple[str, int], list[tuple[int, Score]]] = {}
    for step, score in scores:
        found.setdefault((protocol_name(score.method, score.sampling), score.size), []).append((step, score))
    latest = {key: [score for step, score in steps if step == steps[-1][0]] for key, steps in found.items()}
    return {key: _pooled(of_key) if pooled else of_key[-1] for key, of_key in latest.items()}


def _pooled(scores: Sequence[Score]) -> Score:
    """Combine scores into one score over all questions. Means are weighted by the numbers of questions."""
    if len(scores) == 1:
        return scores[0]
    n, correct = sum(score.n for score in scores), sum(score.correct for score in scores)
    low, high = wilson(correct, n)
    averaged = ("transition_accuracy", "exact_accuracy", "tokens", "seconds", "memory_bytes")
    means = {name: sum(getattr(score, name) * score.n for score in scores) / n for name in averaged}
    seen = [score.seen_in_training for score in scores if score.seen_in_training is not None]
    pooled = dataclasses.replace(scores[-1], **means)
    return dataclasses.replace(
        pooled, n=n, correct=correct, accuracy=correct / n, low=low, high=high, first_wrong=None,
        memory_bytes=int(pooled.memory_bytes),
        seen_in_training=sum(seen) if len(seen) == len(scores) else None,
        over_context=sum(score.over_context for score in scores),
        endings=dict(sum((Counter(score.endings or {}) for score in scores), Counter())) or None,
    )  # fmt: skip
