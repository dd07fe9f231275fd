"""From judged samples to figures with intervals."""

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
from scratchpad.evaluation.evaluated_model import OVER_CONTEXT, EvaluatedModel, Sample
from scratchpad.evaluation.free_running import evaluate_free_running
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.generation.sampling import Sampling
from scratchpad.tasks.base import Symbols


@dataclass(frozen=True)
class Score:
    """The result of one size: shares of n samples with 95 % intervals, and what an answer costs.

    sampling: how tokens were drawn (temperature 0.5, say); empty: greedily.
    correct counts exact scratchpads for method `forced`, right answers for `free`; exact_accuracy is always the former.
    tokens, seconds and memory_bytes are means an answer, over those n - over_context that were asked: tokens written;
    seconds of the whole batched evaluation; the bytes of keys and values that the answer needs held at once, at most
    (2 x layers x width a position). Of what the model writes by itself these are the positions in its cache, for
    `forced` those of the longest row read at once. transition_accuracy and first_wrong are of those asked, too.
    over_context: questions that were not asked, since the model has too few positions for their documents: wrong ones.
    endings: how often the writing of the others ended in which way (done, loop, max-states, max-tokens); None for
    method `forced`.
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


@dataclass(frozen=True)
class Result:
    """A score and the samples behind it."""

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
) -> Iterator[Result]:
    """Judge n test questions of each size, size by size. Methods: forced (one forward pass) or free (generation)."""
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if n < 1 or not sizes:
        raise ScratchpadError(f"nothing to evaluate: sizes={list(sizes)}, n={n}; both are needed")
    if method == "forced" and evaluated.voters:
        raise ScratchpadError("models vote while they write: take method free")
    if method == "forced" and sampling is not None and not sampling.is_greedy:
        raise ScratchpadError("method forced judges greedy decoding; with a temperature, take method free")
    drawn = [(size, evaluated.questions(size, n, seed)) for size in sizes]
    # whatever cannot be judged is found before the work begins
    held = [[evaluated.holds(question) for question in questions] for _, questions in drawn]
    with evaluated.eval_mode():
        for (size, questions), fits in zip(drawn, held, strict=True):
            asked = [question for question, fit in zip(questions, fits, strict=True) if fit]
            if method == "forced":
                judge = partial(evaluate_teacher_forced, evaluated, size, asked)
            else:
                judge = partial(evaluate_free_running, evaluated, size, asked, sampling, batch)
            start = time.perf_counter()
            found = judge() if asked else []
            seconds = time.perf_counter() - start
            samples = _in_place(size, questions, fits, found)
            score = _score(evaluated, size, method, seed, samples, seconds)
            yield Result(dataclasses.replace(score, sampling=sampling.words if sampling else ""), samples)


def _in_place(size: int, questions: Sequence[Symbols], fits: Sequence[bool], asked: Iterable[Sample]) -> list[Sample]:
    """The samples of all questions in their order: of those that fit what was `asked`, of the others wrong ones."""
    found = iter(asked)
    return [
        dataclasses.replace(next(found), index=index)
        if fit
        else Sample(size, index, question, False, False, (), 0, OVER_CONTEXT)
        for index, (question, fit) in enumerate(zip(questions, fits, strict=True))
    ]


def count_correct(evaluated: EvaluatedModel, questions: Sequence[Symbols], method: str = "forced") -> int:
    """How many of these questions it gets right: whole scratchpads (forced) or answers (free), written greedily."""
    judge = evaluate_teacher_forced if method == "forced" else evaluate_free_running
    with evaluated.eval_mode():
        return sum(sample.correct for sample in judge(evaluated, 0, questions))


def _score(
    evaluated: EvaluatedModel, size: int, method: str, seed: int, samples: list[Sample], seconds: float
) -> Score:
    n, correct = len(samples), sum(sample.correct for sample in samples)
    low, high = wilson(correct, n)
    endings = Counter(sample.status for sample in samples if sample.status)
    over = endings.pop(OVER_CONTEXT, 0)
    asked = max(1, n - over)
    transitions = [right for sample in samples for right in sample.transitions]
    wrong = [sample.first_wrong for sample in samples if sample.first_wrong is not None]
    return Score(
        task=evaluated.task.name,
        format=evaluated.format.name,
        size=size,
        n=n,
        correct=correct,
        accuracy=correct / n,
        low=low,
        high=high,
        method=method,
        seed=seed,
        transition_accuracy=sum(transitions) / max(1, len(transitions)),
        exact_accuracy=sum(sample.exact for sample in samples) / n,
        first_wrong=statistics.median(wrong) if wrong else None,
        tokens=sum(sample.tokens for sample in samples) / asked,
        seconds=seconds / asked,
        memory_bytes=round(sum(sample.memory_bytes for sample in samples) / asked),
        over_context=over,
        endings=dict(endings) if method == "free" else None,
    )
