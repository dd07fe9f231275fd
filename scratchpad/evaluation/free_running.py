"""Evaluation of generated text. The task's `step` function checks every generated state."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from scratchpad.evaluation.evaluated_model import EvaluatedModel, Sample
from scratchpad.generation.engine import Chain, Limits, Opening
from scratchpad.generation.sampling import Sampling
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, bare

_SLACK = 8  # a state may have this number of extra tokens, and a chain this number of extra states


def evaluate_free_running(
    evaluated: EvaluatedModel,
    size: int,
    questions: Sequence[Symbols],
    sampling: Sampling | None = None,
    batch: int = 64,
    cache: str = "twice",
    on_count: Callable[[int], None] = lambda count: None,
) -> list[Sample]:
    """Generate and evaluate the work for each question. An answer is correct only if the status is `done`.

    on_count: a function that is called after each chain with the number of finished chains.
    """
    documents = [evaluated.document(question) for question in questions]
    limits = Limits(
        state_tokens=max(len(state) for document in documents for state in document.states) + _SLACK,
        states=max(len(document.states) for document in documents) + _SLACK,
    )
    written = evaluated.engine(limits, sampling, cache).write(
        [Opening.of(document) for document in documents], sampling, batch, on_count
    )
    # without a prompt, the first state is the question, which the model does not generate
    given = [() if document.prompt else document.states[:1] for document in documents]
    return [
        _sample(evaluated, size, index, question, first, one)
        for index, (question, first, one) in enumerate(zip(questions, given, written, strict=True))
    ]


def _sample(
    evaluated: EvaluatedModel, size: int, index: int, question: Symbols, given: Sequence[tuple[int, ...]], one: Chain
) -> Sample:
    states = tuple(evaluated.vocabulary.decode(state) for state in (*given, *one.states))
    answer = evaluated.format.read_answer(evaluated.task, question, states) if one.status == "done" else None
    truth = evaluated.task.truth(question)
    if evaluated.format.inductive:
        transitions = check_transitions(evaluated.task, question, states)[len(given) :]
    else:
        (true,) = evaluated.format.states(evaluated.task, question)
        same = evaluated.task.texts.matches if evaluated.format.has_work else operator.eq
        transitions = (len(states) == 1 and states[0][-1:] == true[-1:] and same(states[0][:-1], true[:-1]),)
    exact = one.status == "done" and all(transitions)
    return Sample(
        size, index, question, exact, answer == truth, transitions, one.tokens, one.status, answer, truth, states,
        one.held_bytes,
    )  # fmt: skip


def check_transitions(task: Task, question: Symbols, states: Sequence[Symbols]) -> tuple[bool, ...]:
    """Return, for each generated state, whether the state and its terminator follow from the previous state."""
    verdicts: list[bool] = []
    expected: Symbols | None = task.first(question)
    for state in states:
        following = next_state(task, question, bare(state))
        ended = state[-1:] == (END if following is None else SEP,)
        verdicts.append(expected is not None and ended and task.texts.matches(state[:-1], expected))
        expected = following
    return tuple(verdicts)


def next_state(task: Task, question: Symbols, state: Symbols) -> Symbols | None:
    """Return the state that follows `state`, or None if `state` is the last state or is not valid."""
    try:
        return task.step(question, state)
    except (ValueError, IndexError, KeyError):
        return None
