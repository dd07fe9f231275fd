"""Evaluation: teacher forcing and free running agree sample by sample, on models that make mistakes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_runs import TINY, trained

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation import teacher_forced
from scratchpad.evaluation.evaluated_model import EvaluatedModel, Sample, draw_test_questions
from scratchpad.evaluation.free_running import _sample, evaluate_free_running
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.metrics import evaluate
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.generation.engine import Chain
from scratchpad.generation.sampling import Sampling
from scratchpad.layout.rows import positions_needed
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.transformer import Transformer
from scratchpad.recipes import recipe
from scratchpad.run import Run
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import END, as_text, bare, letters
from scratchpad.tasks.formats import format_named
from scratchpad.training.data import StepData

QUICK = {"train.learning_rate": 1e-2, "train.batch": 16, "evaluate.n": 1}
HALF_TRAINED: dict[str, dict[str, Any]] = {
    "inductive": {"train.steps": 150, "bits": "1-3", "window": 4, "evaluate.sizes": 4},
    "causal": {"train.steps": 130, "bits": "1-4", "window": 4, "evaluate.sizes": 4},
    "direct": {"train.steps": 50, "bits": "1-4", "window": 4, "evaluate.sizes": 4},
    # the paper's own text; eight problems learned by heart
    "scratchpad": {
        "task.name": "cycles", "train.steps": 110, "n": 2, "names": 5, "train.samples": 8, "train.batch": 8,
        "evaluate.sizes": 2,
    },
}  # fmt: skip


@cache
def half_trained(form: str) -> Run:
    settings = HALF_TRAINED[form]
    on_parity = TINY if "bits" in settings else {name: TINY[name] for name in TINY if name not in ("bits", "window")}
    base = recipe("parity-small") if "bits" in settings else type(recipe("parity-small"))()
    config = base.with_settings(on_parity | QUICK | {"task.format": form} | settings)
    with TemporaryDirectory() as folder:
        return trained(Path(folder) / "run", config)


def questions(run: Run) -> list[tuple[int, Symbols]]:
    """Return questions of several sizes; the model was trained on some of them."""
    evaluated = run.evaluated
    if evaluated.task.name == "cycles":
        learned = [evaluated.task.draw(run.config.train.seed, "train", i) for i in range(8)]
        return [(2, question) for question in [*learned, *draw_test_questions(evaluated.task, 2, 23, 0)]]
    return [(size, question) for size in (1, 2, 3, 4) for question in draw_test_questions(evaluated.task, size, 23, 0)]


def samples_of(run: Run, method: str) -> list[Sample]:
    evaluate_questions = evaluate_teacher_forced if method == "forced" else evaluate_free_running
    return evaluate_questions(run.evaluated, 0, [question for _, question in questions(run)])


@pytest.mark.parametrize("form", HALF_TRAINED)
def test_teacher_forcing_and_free_running_agree(form: str) -> None:
    run = half_trained(form)
    by_force, by_running = samples_of(run, "forced"), samples_of(run, "free")
    flags = [sample.exact for sample in by_force]
    assert 5 <= sum(flags) <= len(flags) - 5
    assert [sample.exact for sample in by_running] == flags
    assert [sample.first_wrong for sample in by_running] == [sample.first_wrong for sample in by_force]
    for a, b in zip(by_force, by_running, strict=True):
        assert not a.exact or (a.tokens, b.status, b.answer) == (b.tokens, "done", b.truth)


def test_both_methods_find_the_same_first_wrong_state() -> None:
    run = half_trained("inductive")
    for a, b in zip(samples_of(run, "forced"), samples_of(run, "free"), strict=True):
        right = a.first_wrong if a.first_wrong is not None else len(a.transitions)
        assert a.transitions[:right] == b.transitions[:right]


@pytest.mark.parametrize("form", ["inductive", "causal"])
def test_other_back_ends_caches_and_batches_agree(form: str) -> None:
    run = half_trained(form)
    evaluated, asked = run.evaluated, [question for _, question in questions(run)]
    dense = EvaluatedModel(evaluated.model, evaluated.task, evaluated.format, evaluated.vocabulary, "dense")
    assert evaluate_teacher_forced(dense, 0, asked) == evaluate_teacher_forced(evaluated, 0, asked)
    assert evaluate_free_running(evaluated, 0, asked, batch=7, cache="reencode") == evaluate_free_running(
        evaluated, 0, asked
    )


@pytest.mark.parametrize("backend", ["blocks", "dense"])
def test_chains_split_over_rows_have_the_same_verdicts(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = half_trained("inductive")
    evaluated = EvaluatedModel(
        run.evaluated.model,
        run.evaluated.task,
        run.evaluated.format,
        run.evaluated.vocabulary,
        backend,
    )
    asked = [question for _, question in questions(run)]
    whole = evaluate_teacher_forced(evaluated, 0, asked)
    monkeypatch.setattr(teacher_forced, "_ROW_TOKENS", 1)  # one transition a row, or two where they are short
    monkeypatch.setattr(teacher_forced, "_MOST_TOKENS", 53)
    assert evaluate_teacher_forced(evaluated, 0, asked) == whole


# Scores.


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (1, 1), (0, 10), (3, 10), (5, 10), (10, 10), (1, 997), (996, 997)])
def test_wilson_contains_the_shares_within_1_96_deviations(correct: int, n: int) -> None:
    """The ends are the two shares p with |correct / n - p| = z sqrt(p (1 - p) / n), found by bisection."""

    def end(far: float) -> float:
        near = correct / n
        for _ in range(100):
            p = (near + far) / 2
            inside = abs(correct / n - p) <= 1.959964 * math.sqrt(p * (1 - p) / n)
            near, far = (p, far) if inside else (near, p)
        return near

    assert wilson(correct, n) == pytest.approx((end(0.0), end(1.0)), abs=1e-12)


def test_wilson_of_the_textbook() -> None:
    """81 of 263: Newcombe 1998, table I. Without samples: (0, 1)."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_scores_of_free_running_are_shares_of_its_samples() -> None:
    (result,) = evaluate(half_trained("inductive").evaluated, [2], n=31, method="free", seed=3)
    score, samples = result.score, result.samples
    transitions = [right for sample in samples for right in sample.transitions]
    wrong = [sample.transitions.index(False) for sample in samples if not all(sample.transitions)]
    assert (score.n, score.correct) == (31, sum(sample.answer == sample.truth for sample in samples))
    assert score.exact_accuracy == sum(sample.exact for sample in samples) / 31 < score.accuracy
    assert score.transition_accuracy == sum(transitions) / len(transitions)
    assert score.first_wrong == statistics.median(wrong)
    assert score.tokens == sum(len(state) for sample in samples for state in sample.states) / 31
    assert score.seconds > 0
    held = [len(sample.question) + 1 + most_held([len(state) for state in sample.states]) for sample in samples]
    assert score.memory_bytes == round(sum(held) / 31 * 2 * 2 * 32 * 4)  # keys and values, layers, width, bytes


def most_held(states: Sequence[int]) -> int:
    """Return the positions after the question: a state, and the next one twice except for its last token."""
    return max([states[0] - 1, *(before + 2 * (state - 1) for before, state in itertools.pairwise(states))])


@pytest.mark.parametrize("method", ["free", "forced"])
def test_memory_depends_neither_on_the_order_of_sizes_nor_on_the_batch(method: str) -> None:
    evaluated = half_trained("inductive").evaluated
    found = [
        {one.score.size: one.score.memory_bytes for one in evaluate(evaluated, sizes, 13, method, batch=batch)}
        for sizes, batch in (((1, 2, 4), 64), ((4, 2, 1), 5))
    ]
    assert found[0] == found[1]
    assert min(found[0].values()) > 0


def test_a_score_has_the_documented_keys() -> None:
    promised = ["task", "format", "size", "n", "correct", "accuracy", "low", "high", "method", "seed"]
    promised.append("transition_accuracy")
    for result in evaluate(half_trained("inductive").evaluated, [1, 2], n=3):
        line = json.loads(json.dumps(result.score.to_json()))
        assert list(line)[: len(promised)] == promised


def test_sampled_chains_may_repeat_states() -> None:
    evaluated = half_trained("inductive").evaluated
    sampled = [
        r.score for r in evaluate(evaluated, [2], n=31, method="free", sampling=Sampling(temperature=1.0, seed=1))
    ]
    greedy = [result.score for result in evaluate(evaluated, [2], n=31, method="free")]
    assert sampled[0].transition_accuracy < greedy[0].transition_accuracy
    again = [r.score for r in evaluate(evaluated, [2], n=31, method="free", sampling=Sampling(temperature=1.0, seed=1))]
    assert again[0].tokens == sampled[0].tokens


def test_questions_seen_in_training_are_counted(tmp_path: Path) -> None:
    """There are 54 questions of 1-2 bits in a window of 3. First fresh training questions, then five fixed ones."""
    for name, more in (("fresh", {}), ("fixed", {"train.samples": 5}), ("many", {"train.samples": 1000})):
        config = recipe("parity-small").with_settings(TINY | {"bits": "1-2", "window": 3, "train.steps": 3} | more)
        config = config.with_settings({"evaluate.sizes": "1,2"})
        run = trained(tmp_path / name, config)
        data = StepData(run.evaluated.task, run.evaluated.format, run.evaluated.vocabulary, config.train, None)
        learned = {question for step in range(3) for question in data.questions(step)}
        for _ in range(2):  # counted, then read back
            for result in run.evaluate_by_size(n=23):
                expected = sum(sample.question in learned for sample in result.samples)
                assert result.score.seen_in_training == expected
                assert 0 < expected < 23


def test_evaluation_restores_the_training_mode() -> None:
    model = half_trained("inductive").evaluated.model
    model.train()
    list(evaluate(half_trained("inductive").evaluated, [1], n=2))
    assert model.training
    model.eval()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "force"}, "did you mean 'forced'"),
        ({"n": 0}, "n=0"),
        ({"sizes": []}, r"sizes=\[\]"),
        ({"sizes": [1, 99]}, "bits=99 does not fit window=4"),
        ({"sampling": Sampling(temperature=0.5)}, "only for generated text. Use `method='free'`."),
    ],
)
def test_impossible_evaluations_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        next(evaluate(**{"evaluated": half_trained("inductive").evaluated, "sizes": [1], **settings}))


@pytest.mark.parametrize("method", ["forced", "free"])
def test_documents_beyond_the_models_positions_are_wrong_and_counted(method: str) -> None:
    """The posed questions give the same samples and means as if the others were absent."""
    task, form = task_named("programs"), format_named("direct")
    vocabulary, questions = Vocabulary(task.symbols()), draw_test_questions(task, 2, 31, 0)
    needed = [positions_needed(form.write(task, question)) for question in questions]
    context = statistics.median_low(needed)
    config = dataclasses.replace(half_trained("direct").config.model, context=context, positions="learned")
    short = EvaluatedModel(Transformer(config, len(vocabulary)).eval(), task, form, vocabulary)
    fits = [need <= context for need in needed]
    assert 0 < sum(fits) < 31
    (result,) = evaluate(short, [2], n=31, method=method)
    asked = [question for question, fit in zip(questions, fits, strict=True) if fit]
    alone = (evaluate_teacher_forced if method == "forced" else evaluate_free_running)(short, 2, asked)
    score, samples = result.score, result.samples
    assert [sample.index for sample in samples] == list(range(31))
    assert [sample.question for sample in samples] == questions
    kept = [dataclasses.replace(one, index=0) for one, fit in zip(samples, fits, strict=True) if fit]
    assert kept == [dataclasses.replace(one, index=0) for one in alone]
    over = {(one.status, one.correct, one.exact, one.tokens) for one, fit in zip(samples, fits, strict=True) if not fit}
    assert over == {("over-context", False, False, 0)}
    assert (score.n, score.over_context, score.correct) == (31, fits.count(False), sum(one.correct for one in alone))
    assert score.tokens == sum(one.tokens for one in alone) / len(alone)
    assert score.endings == (None if method == "forced" else Counter(one.status for one in alone))


def test_traces_are_compared_as_values() -> None:
    """As `score` compares them. A trace without an end or with another value is wrong."""
    task, form = task_named("programs"), format_named("scratchpad")
    question = task.draw(0, "test", 0)
    (true,) = form.states(task, question)
    vocabulary = Vocabulary(task.symbols())
    evaluated: Any = SimpleNamespace(task=task, format=form, vocabulary=vocabulary)
    text = as_text(bare(true))
    names = '{"f": "<callable_object f>", "output": '
    turned = text.replace(names, '{"output":  ')[:-1] + ', "f": "<callable_object f>"}'
    assert turned != text
    for written, status, exact in (
        (turned, "done", True), (turned, "max-tokens", False), (turned.replace('"v0": ', '"v0": 1', 1), "done", False),
    ):  # fmt: skip
        state = vocabulary.encode((*letters(written), *((END,) if status == "done" else ())))
        sample = _sample(evaluated, 1, 0, question, (), Chain([state], status))
        assert (sample.exact, sample.transitions) == (exact, (exact,))


@pytest.mark.parametrize("method", ["forced", "free"])
def test_a_size_without_a_fitting_question(method: str) -> None:
    evaluated = half_trained("causal").evaluated
    wide = dataclasses.replace(evaluated, task=task_named("parity", {"window": 40}))
    results = [result.score for result in evaluate(wide, [1, 40], n=2, method=method)]
    assert [(score.n, score.correct, score.over_context) for score in results][1] == (2, 0, 2)
    assert results[1].low == 0 < results[1].high
    with pytest.raises(ScratchpadError, match="a document needs more than the 64 positions of the model"):
        evaluate_teacher_forced(wide, 40, draw_test_questions(wide.task, 40, 2, 0))
