"""Evaluation of chains made by hand: each state must follow from the previous one; the first may be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import pytest
import torch
from tiny_runs import tiny
from torch import Tensor

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation import teacher_forced
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.evaluation.free_running import check_transitions, evaluate_free_running
from scratchpad.evaluation.intervals import wilson
from scratchpad.evaluation.metrics import evaluate
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.layout.batch import Batch
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.config import ModelConfig
from scratchpad.models.protocol import LanguageModel
from scratchpad.models.transformer import Transformer
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, terminated
from scratchpad.tasks.formats import Format, format_named
from scratchpad.tasks.user_data import Corpus, Entry
from scratchpad.training.data import StepData
from scratchpad.training.loss import summed_loss


class OracleModel:
    """A stand-in for a model that predicts every target correctly except certain symbols."""

    def __init__(self, wrong_at: Sequence[int], symbols: int) -> None:
        self.wrong_at, self.symbols = torch.tensor(wrong_at), symbols
        self.context, self.device, self.training = None, torch.device("cpu"), False
        self.position_bytes = 3

    def __call__(self, batch: Batch, backend: str, where: Tensor) -> Tensor:
        targets = batch.targets[where]
        given = torch.where(torch.isin(targets, self.wrong_at), 0, targets)
        return torch.nn.functional.one_hot(given, self.symbols).float()

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None: ...


CHAINS = ("abc|bcd|cde|def|efg", "a|b|c", "h|a|b|c|g", "gfe|d", "e")


def hand_made(wrong_at: str, form: str = "inductive") -> tuple[EvaluatedModel, list[Symbols]]:
    entries = [
        Entry((str(i), "="), tuple(tuple(state) for state in chain.split("|")), tuple(chain[-1]))
        for i, chain in enumerate(CHAINS)
    ]
    task = Corpus(steps=Lengths(1, 9), entries=tuple(entries), test_entries=tuple(entries))
    vocabulary = Vocabulary(task.symbols())
    model = cast(LanguageModel, OracleModel(vocabulary.encode(wrong_at), len(vocabulary)))
    return EvaluatedModel(model, task, format_named(form), vocabulary), [entry.question for entry in entries]


@pytest.mark.parametrize("row_tokens", [4096, 1])
@pytest.mark.parametrize("wrong_at", ["", "d", "ag", "e", "abcdefgh"])
def test_each_state_is_evaluated_alone(wrong_at: str, row_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state is wrong if it contains a symbol that the model gets wrong."""
    monkeypatch.setattr(teacher_forced, "_ROW_TOKENS", row_tokens)
    samples = evaluate_teacher_forced(*_with_size(hand_made(wrong_at)))
    for chain, sample in zip(CHAINS, samples, strict=True):
        right = tuple(not set(state) & set(wrong_at) for state in chain.split("|"))
        assert (sample.transitions, sample.exact) == (right, all(right))
        assert sample.first_wrong == (right.index(False) if False in right else None)
        assert sample.tokens == len(chain) + 1  # a terminator in place of each bar, and one
        assert sample.memory_bytes == 3 * longest_row(chain, whole=row_tokens > 1)


def longest_row(chain: str, whole: bool) -> int:
    """The question of two symbols and <start>, and every state with the one before it, or the longest such pair."""
    states = [len(state) + 1 for state in chain.split("|")]
    pairs = [before + state for before, state in zip([0, *states], states, strict=False)]
    return 3 + (sum(pairs) if whole else max(pairs))


def _with_size(made: tuple[EvaluatedModel, list[Symbols]]) -> tuple[EvaluatedModel, int, list[Symbols]]:
    return made[0], 0, made[1]


def test_scores_are_shares_of_the_samples() -> None:
    """Chains of 1, 2, 3 and 5 states with a wrong `e`, by hand."""
    evaluated, _ = hand_made("e")
    expected = {1: (0, 1, 0.0), 2: (0, 1, 0.5), 3: (1, 1, 1.0), 5: (1, 2, 7 / 10)}
    for result in evaluate(evaluated, list(expected), n=7):
        score = result.score
        assert (score.correct, score.n, score.transition_accuracy) == expected[score.size]
        assert score.accuracy == score.exact_accuracy == score.correct / score.n
        assert (score.low, score.high) == wilson(score.correct, score.n)
    assert [result.score.first_wrong for result in evaluate(evaluated, list(expected), n=7)] == [0.0, 0.0, None, 2.0]


def test_a_text_of_one_state_is_evaluated_as_a_whole() -> None:
    samples = evaluate_teacher_forced(*_with_size(hand_made("g", "causal")))
    assert [sample.transitions for sample in samples] == [("g" not in chain,) for chain in CHAINS]


def chain_of(*states: str) -> list[Symbols]:
    """Return the states in a text: `;` ends a state, `.` the chain."""
    ends = {";": SEP, ".": END}
    return [tuple(ends.get(symbol, symbol) for symbol in state) for state in states]


RIGHT = ("[00]1,1;", "[02]1,0;", "[03]0,0;", "[04]_,0.")


@pytest.mark.parametrize(
    ("written", "verdicts"),
    [
        (RIGHT, (True, True, True, True)),
        (("[00]1,0;", "[02]1,1;", "[03]0,1;", "[04]_,1."), (False, True, True, True)),  # wrong, and true to it
        (("[00]1,1;", "[02]1,1;", "[03]0,0;", "[04]_,0."), (True, False, False, True)),
        (("[00]1,1;", "rubbish;", "[03]0,0;", "[04]_,0."), (True, False, False, True)),
        (("[00]1,1;", ";", "[02]1,0;"), (True, False, False)),
        (("[00]1,1;", "[02]1,0.", "[03]0,0;"), (True, False, True)),  # ended too early
        ((*RIGHT[:3], "[04]_,0;", "[04]_,0."), (True, True, True, False, False)),  # went on too long
        (("[00]1,1;", "[02]1,0"), (True, False)),  # cut off before its end
        (("[02]1,1;", "[03]0,1;"), (False, True)),  # skipped the first
    ],
)
def test_each_state_must_follow_from_the_previous_one_as_written(
    written: Sequence[str], verdicts: tuple[bool, ...]
) -> None:
    task = task_named("parity", {"window": 4})
    assert check_transitions(task, tuple("1_10="), chain_of(*written)) == verdicts


def test_no_answer_is_read_from_invalid_text() -> None:
    task, form = task_named("cycles", {"n": 2, "names": 5}), format_named("inductive")
    question = task.draw(0, "test", 0)
    assert form.read_answer(task, question, terminated(task.chain(question))) == task.truth(question)
    assert form.read_answer(task, question, [(END,)]) is None


def test_a_state_that_is_no_object_has_no_answer() -> None:
    """A model may write any JSON after `state:`."""
    task, form = task_named("programs"), format_named("scratchpad")
    written = (*"line: x\nstate: [1]", END)
    assert form.read_answer(task, task.draw(0, "test", 0), [written]) is None


# Documents without a prompt.


class Countdown(Task):
    """42 -> 41 -> ... -> 40: the first state is given and determines the chain."""

    name = "countdown"
    summary = source = ""
    size_setting = "digits"
    digits: ClassVar[Lengths] = Lengths(1, 1)

    def symbols(self) -> Symbols:
        return tuple("0123456789")

    def question(self, rng: Any, size: int) -> Symbols:
        return tuple(f"{rng.below(100):02}")

    def first(self, question: Symbols) -> Symbols:
        return question

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        number = int("".join(state))
        return tuple(f"{number - 1:02}") if number % 10 else None

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[:1]

    def truth(self, question: Symbols) -> Symbols:
        return question[:1]

    def settings(self, everything: bool = False) -> dict[str, Any]:
        return {}


class ShorterCountdown(Countdown):
    """The training distribution: counts down from at most 6."""

    def question(self, rng: Any, size: int) -> Symbols:
        return (str(rng.below(10)), str(1 + rng.below(6)))


class Shift(Format):
    """An empty prompt; the first state is given."""

    name, summary, inductive = "shift", "", True

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return ()

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated(task.chain(question))

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        return task.answer(question, states[-1]) if len(states[-1]) == 3 else None


def test_chains_that_begin_with_a_given_state() -> None:
    shift = Shift()
    vocabulary = Vocabulary(Countdown().symbols())
    model = Transformer(ModelConfig(layers=2, heads=2, width=32, context=16, dropout=0.0), len(vocabulary))
    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    for batches in map(StepData(ShorterCountdown(), shift, vocabulary, tiny().train, 16).__getitem__, range(60)):
        torch.stack([summed_loss(model, batch) for batch in batches]).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    evaluated = EvaluatedModel(model, Countdown(), shift, vocabulary)
    asked = [question for i in range(199) if (question := evaluated.task.draw(0, "test", i))[1] != "0"]
    by_force, by_running = evaluate_teacher_forced(evaluated, 0, asked), evaluate_free_running(evaluated, 0, asked)
    flags = [sample.exact for sample in by_force]
    assert 5 <= sum(flags) <= len(flags) - 5
    assert [sample.exact for sample in by_running] == flags
    assert [sample.first_wrong for sample in by_running] == [sample.first_wrong for sample in by_force]
    assert [len(sample.transitions) for sample in by_force] == [int(question[1]) for question in asked]
    assert [sample.tokens for sample in by_force] == [3 * int(question[1]) for question in asked]


def test_sizes_that_the_data_do_not_hold_are_refused() -> None:
    with pytest.raises(ScratchpadError, match=r"no test question of size 4. Choose one of the sizes 1, 2, 3, 5."):
        next(evaluate(hand_made("")[0], [4]))
