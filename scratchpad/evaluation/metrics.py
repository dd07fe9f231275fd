"""Evaluation of a model at several question sizes: accuracies with intervals, and the cost of an answer."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.evaluation import METHODS
from scratchpad.evaluation.evaluated_model import OVER_CONTEXT, EvaluatedModel, OnProgress, Sample, draw_test_questions
from scratchpad.evaluation.free_running import evaluate_free_running
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.generation.sampling import Sampling
from scratchpad.number_format import percent, percent_range
from scratchpad.tasks.base import Symbols


@dataclass(frozen=True, repr=False)
class Score:
    """The result at one question size: accuracies over n questions, and the cost of an answer. It prints as one line.

    `correct`: the number of exact scratchpads (method `forced`) or correct answers (`free`). `accuracy`: correct / n.
    `low`, `high`: the Wilson 95 % interval of `accuracy`. `exact_accuracy`: the share of exact scratchpads.
    `first_wrong`: the median index (from 0) of the first wrong state. `sampling`: for example `temperature 0.5` (empty:
    greedy decoding). `over_context`: the number of questions whose documents need more positions than the model has.
    Such questions count as wrong, but tokens, seconds, memory_bytes, transition_accuracy and first_wrong ignore them.
    `tokens`, `seconds`, `memory_bytes`: means per answer. `seconds` is the time of the batched evaluation, divided by
    the number of questions. `memory_bytes` is the peak size of keys and values, over all voters. `endings`: the number
    of chains with each status (done, loop, max-states, max-tokens); None for `forced`. `seen_in_training`: the number
    of questions that also occurred in training; None if unknown.
    """

    task: str
    format: str
    size: int
    n: int
    correct: int
    accuracy: float
    low: float
    high: float
    method: str
    seed: int
    transition_accuracy: float
    exact_accuracy: float
    first_wrong: float | None
    tokens: float
    seconds: float
    memory_bytes: int
    seen_in_training: int | None = None
    sampling: str = ""
    over_context: int = 0
    endings: Mapping[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __str__(self) -> str:
        what = "scratchpads exact" if self.method == "forced" else "answers correct"
        interval = f"95 % interval {percent_range(self.low, self.high)}"
        return f"size {self.size}: {percent(self.accuracy)} of {self.n} {what} ({interval})"

    def __repr__(self) -> str:
        return f"Score({self})"


@dataclass(frozen=True)
class Result:
    """The score at one size, and one sample per question."""

    score: Score
    samples: list[Sample]


def evaluate(
    evaluated: EvaluatedModel,
    sizes: Sequence[int],
    n: int = 1000,
    method: str = "forced",
    seed: int = 0,
    sampling: Sampling | None = None,
    batch: int = 64,
    on_progress: OnProgress = lambda unit, count, total: None,
) -> Iterator[Result]:
    """Evaluate n test questions of each size and yield one result per size.

    `method`: `forced` (one forward pass) or `free` (generation). Contradictory arguments raise ScratchpadError.
    on_progress: a function that is called with the number of evaluated questions of each size.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if n < 1 or not sizes:
        raise ScratchpadError(
            f"nothing to evaluate: sizes={list(sizes)} and n={n}. Give at least one size, and at least n=1."
        )
    if method == "forced" and evaluated.voters:
        raise ScratchpadError("models can vote only on generated text. Use `method='free'`.")
    if method == "forced" and sampling is not None and not sampling.is_greedy:
        raise ScratchpadError("a temperature is possible only for generated text. Use `method='free'`.")
    drawn = [(size, draw_test_questions(evaluated.task, size, n, seed)) for size in sizes]
    fitting = [[evaluated.fits(question) for question in questions] for _, questions in drawn]
    with evaluated.eval_mode():
        for (size, questions), fits in zip(drawn, fitting, strict=True):
            posed = [question for question, fit in zip(questions, fits, strict=True) if fit]
            on_count = partial(_report, on_progress, f"questions of size {size}", len(posed))
            if method == "forced":
                run = partial(evaluate_teacher_forced, evaluated, size, posed, on_count)
            else:
                run = partial(evaluate_free_running, evaluated, size, posed, sampling, batch, on_count=on_count)
            start = time.perf_counter()
            found = run() if posed else []
            seconds = time.perf_counter() - start
            samples = _with_over_context(size, questions, fits, found)
            score = _score(evaluated, size, method, seed, samples, seconds)
            yield Result(dataclasses.replace(score, sampling=sampling.words if sampling else ""), samples)


def _report(on_progress: OnProgress, unit: str, total: int, count: int) -> None:
    on_progress(unit, count, total)


def _with_over_context(
    size: int, questions: Sequence[Symbols], fits: Sequence[bool], posed: Iterable[Sample]
) -> list[Sample]:
    """Return one sample per question: from `posed` if the question fits, otherwise a sample that counts as wrong."""
    found = iter(posed)
    return [
        dataclasses.replace(next(found), index=index)
        if fit
        else Sample(size, index, question, False, False, (), 0, OVER_CONTEXT)
        for index, (question, fit) in enumerate(zip(questions, fits, strict=True))
    ]


def count_correct(evaluated: EvaluatedModel, questions: Sequence[Symbols], method: str = "forced") -> int:
    """Return the number of exact scratchpads (method `forced`) or correct answers (`free`) in greedy decoding."""
    run = evaluate_teacher_forced if method == "forced" else evaluate_free_running
    with evaluated.eval_mode():
        return sum(sample.correct for sample in run(evaluated, 0, questions))


def _score(
    evaluated: EvaluatedModel, size: int, method: str, seed: int, samples: list[Sample], seconds: float
) -> Score:
    n, correct = len(samples), sum(sample.correct for sample in samples)
    low, high = wilson(correct, n)
    endings = Counter(sample.status for sample in samples if sample.status)
    over = endings.pop(OVER_CONTEXT, 0)
    posed = max(1, n - over)
    transitions = [correct for sample in samples for correct in sample.transitions]
    wrong = [sample.first_wrong for sample in samples if sample.first_wrong is not None]
    return Score(
        task=evaluated.task.name, format=evaluated.format.name, size=size, n=n, correct=correct, accuracy=correct / n,
        low=low, high=high, method=method, seed=seed,
        transition_accuracy=sum(transitions) / max(1, len(transitions)),
        exact_accuracy=sum(sample.exact for sample in samples) / n,
        first_wrong=statistics.median(wrong) if wrong else None,
        tokens=sum(sample.tokens for sample in samples) / posed,
        seconds=seconds / posed,
        memory_bytes=round(sum(sample.memory_bytes for sample in samples) / posed),
        over_context=over,
        endings=dict(endings) if method == "free" else None,
    )  # fmt: skip
