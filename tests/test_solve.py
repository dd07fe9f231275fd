"""`Run.solve` on one question and on lists, and the text of solutions and scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tiny_runs import tiny, trained

import scratchpad as sp
from scratchpad.config.resolve import resolve
from scratchpad.evaluation import evaluated_model
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.generation.solved import Solved
from scratchpad.number_format import percent_range
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import as_text, bare
from scratchpad.tasks.formats import format_named

QUESTIONS = ["0_1_1", "1_1_0_1", "10", "0_0_1"]
LIMITS = sp.Limits(state_tokens=11, states=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sp.Run:
    """A run whose chains depend on the question."""
    return trained(tmp_path_factory.mktemp("solve") / "run", tiny(train__learning_rate=0.03))


def test_a_list_is_solved_like_its_questions(run: sp.Run) -> None:
    alone = [run.solve(question, limits=LIMITS) for question in QUESTIONS]
    assert len({one.states for one in alone}) > 1
    assert run.solve(QUESTIONS, limits=LIMITS) == alone
    assert run.solve(QUESTIONS, limits=LIMITS, batch=3) == alone
    assert run.solve([]) == []
    assert run.solve(QUESTIONS[:1], limits=LIMITS) == alone[:1]


def test_states_of_a_list_come_with_the_index_of_their_question(run: sp.Run) -> None:
    seen: dict[int, list[tuple[str, ...]]] = {}

    def see(question: int, index: int, state: tuple[str, ...]) -> None:
        assert len(seen.setdefault(question, [])) == index
        seen[question].append(state)

    solved = run.solve(QUESTIONS, limits=LIMITS, on_state=see, batch=3)
    assert [tuple(seen[question]) for question in range(4)] == [one.states for one in solved]


def test_each_question_of_a_list_has_its_own_random_stream(run: sp.Run) -> None:
    sampling = sp.Sampling(temperature=3.0, seed=5)
    same = run.solve(["0_1_1"] * 3, sampling, LIMITS)
    assert len({one.states for one in same}) == 3
    assert same[0] == run.solve("0_1_1", sampling, LIMITS)
    assert same == run.solve(["0_1_1"] * 3, sampling, LIMITS, batch=2)


def test_voting_runs_solve_a_list(run: sp.Run, tmp_path: Path) -> None:
    voting = run.voting([trained(tmp_path / f"{seed}", tiny(train__seed=seed)) for seed in (1, 2)])
    assert repr(voting).endswith(", parity, inductive, step 13, 3 runs vote)")
    assert voting.solve(QUESTIONS, limits=LIMITS) == [voting.solve(one, limits=LIMITS) for one in QUESTIONS]


def test_a_wrong_question_of_a_list_is_named_before_any_work(run: sp.Run) -> None:
    seen: list[object] = []
    with pytest.raises(sp.ScratchpadError, match="question 2 of 3: parity: symbol 'x' at place 1"):
        run.solve(["10", "1x", "11"], on_state=lambda *state: seen.append(state), batch=1)
    with pytest.raises(sp.ScratchpadError, match=r"^parity: symbol 'x' at place 1"):
        run.solve("1x")
    assert not seen


STATES = tuple(tuple(f"[0{number}]{number % 2},1") for number in range(5))


def test_solutions_print_as_text() -> None:
    solved = Solved(STATES[:2], ("1",), "done", 16, ("1",))
    assert str(solved) == "[00]0,1\n[01]1,1\nanswer: 1  (done)\nthe truth is 1: correct"
    assert repr(solved) == "Solved(answer='1', truth='1', status='done', states=['[00]0,1', '[01]1,1'])"
    assert (solved.state_texts, solved.answer_text) == (("[00]0,1", "[01]1,1"), "1")
    assert Solved((), ("0",), "done", 1, ("1",)).verdict == "the truth is 1: wrong"
    endless = Solved(STATES, None, "loop", 40)
    assert str(endless).splitlines()[5:] == ["answer: none  (loop)", "truth unknown: this question is not in the data"]
    assert repr(endless).endswith("states=['[00]0,1', '[01]1,1', '[02]0,1'] and 2 more)")
    assert endless.answer_text is None


def test_words_print_with_spaces() -> None:
    assert str(Solved((("so", "far", "7"),), ("7",), "done", 4, ("7",))).startswith("so far 7\nanswer: 7  ")


def test_scores_print_as_text(run: sp.Run) -> None:
    (score,) = sp.evaluate(run, sizes=[3], n=7)
    assert str(score) == f"size 3: 0 % of 7 scratchpads exact (95 % interval {percent_range(score.low, score.high)})"
    assert f"{[score]}" == f"[Score({score})]"
    (score,) = sp.evaluate(run, sizes=[3], n=7, method="free")
    assert " of 7 answers correct (95 % " in str(score)


class Recited:
    """A `Decoder` that writes given states."""

    context = None

    def __init__(self, vocabulary: sp.Vocabulary, states: Sequence[Symbols]) -> None:
        self.logits = torch.eye(len(vocabulary))[list(vocabulary.encode([one for state in states for one in state]))]
        self.written = 0

    def begin(self, openings: Sequence[sp.Opening]) -> torch.Tensor:
        return self.logits[:1]

    def advance(self, tokens: Sequence[int], parts: Sequence[object]) -> torch.Tensor:
        self.written += 1
        return self.logits[self.written : self.written + 1]

    def keep(self, rows: Sequence[int]) -> None:
        """Keep the only row."""

    def held_bytes(self) -> list[int]:
        return [0]


@pytest.mark.parametrize(("name", "settings"), [("parity", {"window": 7}), ("addition-shift", {"window": 5})])
def test_correct_states_are_not_called_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, int]
) -> None:
    """With an empty prompt the first state is given, and the model writes the states after it."""
    task, inductive, model = sp.task(name, **settings), format_named("inductive"), cast(Any, None)
    vocabulary = sp.Vocabulary(task.symbols())
    run = sp.Run(Path(), resolve(tiny()), EvaluatedModel(model, task, inductive, vocabulary), 0)
    question = task.draw(0, "test", 0)
    _, given = inductive.opening(task, question)
    states = list(inductive.states(task, question))[bool(given) :]
    monkeypatch.setattr(evaluated_model, "CachedDecoder", lambda *_: Recited(vocabulary, states))
    solved = run.solve(as_text(question))
    assert (solved.states, solved.first_wrong) == (tuple(map(bare, states)), None)
    assert solved.verdict == f"the truth is {as_text(task.truth(question))}: correct"
    states[1] = (*states[0][:-1], *states[1][-1:])
    assert run.solve(as_text(question)).first_wrong == 1
