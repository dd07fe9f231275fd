"""Answers by free running, and every state the model wrote judged by the task's own induction."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from scratchpad.evaluation.evaluated_model import EvaluatedModel, Sample
from scratchpad.generation.engine import Limits, Opening, Written
from scratchpad.generation.sampling import Sampling
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, bare

_SLACK = 8  # tokens and states that a chain may have beyond the longest true one


def evaluate_free_running(
    evaluated: EvaluatedModel,
    size: int,
    questions: Sequence[Symbols],
    sampling: Sampling | None = None,
    batch: int = 64,
    cache: str = "twice",
) -> list[Sample]:
    """Let the model write each document and judge what it wrote; `right`: it ended by itself with the true answer."""
    documents = [evaluated.document(question) for question in questions]
    limits = Limits(
        state_tokens=max(len(state) for document in documents for state in document.states) + _SLACK,
        states=max(len(document.states) for document in documents) + _SLACK,
    )
    written = evaluated.engine(limits, sampling, cache).write(
        [Opening.of(document) for document in documents], sampling, batch
    )
    given = [() if document.prompt else document.states[:1] for document in documents]
    return [
        _sample(evaluated, size, index, question, first, one)
        for index, (question, first, one) in enumerate(zip(questions, given, written, strict=True))
    ]


def _sample(
    evaluated: EvaluatedModel, size: int, index: int, question: Symbols, given: Sequence[tuple[int, ...]], one: Written
) -> Sample:
    states = tuple(evaluated.vocabulary.decode(state) for state in (*given, *one.states))
    answer = read_answer(evaluated, question, states) if one.status == "done" else None
    truth = evaluated.task.truth(question)
    if evaluated.format.inductive:
        transitions = follows(evaluated.task, question, states)[len(given) :]
    else:
        transitions = (_is_whole(evaluated, question, states),)
    exact = one.status == "done" and all(transitions)
    return Sample(
        size, index, question, exact, answer == truth, transitions, one.tokens, one.status, answer, truth, states,
        one.held_bytes,
    )  # fmt: skip


def _is_whole(evaluated: EvaluatedModel, question: Symbols, states: Sequence[Symbols]) -> bool:
    """Whether what was written as one state is the true text, states of traces compared as values, as `score` does."""
    (true,) = evaluated.format.states(evaluated.task, question)
    same = evaluated.task.texts.matches if evaluated.format.has_work else operator.eq
    return len(states) == 1 and states[0][-1:] == true[-1:] and same(states[0][:-1], true[:-1])


def read_answer(evaluated: EvaluatedModel, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    """The answer in what a model wrote, None where there is none to be read."""
    try:
        return evaluated.format.answer(evaluated.task, question, states)
    except (ValueError, IndexError, KeyError):
        return None


def follows(task: Task, question: Symbols, states: Sequence[Symbols]) -> tuple[bool, ...]:
    """For each state of a chain (terminators included) whether it is what the state before it, as written, leads to."""
    verdicts: list[bool] = []
    expected: Symbols | None = task.first(question)
    for state in states:
        following = _step(task, question, bare(state))
        ended = state[-1:] == (END if following is None else SEP,)
        verdicts.append(expected is not None and ended and task.texts.matches(state[:-1], expected))
        expected = following
    return tuple(verdicts)


def _step(task: Task, question: Symbols, state: Symbols) -> Symbols | None:
    """The task's step; from a text that is no state nothing follows."""
    try:
        return task.step(question, state)
    except (ValueError, IndexError, KeyError):
        return None
