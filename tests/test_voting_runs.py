"""Runs that vote on states: against models that write one state at a time, and their ballots by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import objects
from generation import Recorded, collected, counted
from tiny_runs import Capture, command, contents, refused, tiny, trained

from scratchpad.config.schema import RunConfig
from scratchpad.evaluation.evaluated_model import draw_test_questions
from scratchpad.generation.cache import CachedDecoder
from scratchpad.generation.engine import Engine, Limits, Opening
from scratchpad.generation.sampling import Sampling, greedy
from scratchpad.run import Run
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import bare


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three seeds that write some states of questions with 1 or 2 bits correctly."""
    folder = tmp_path_factory.mktemp("seeds")
    settings: dict[str, Any] = {"train__steps": 90, "train__batch": 16, "train__learning_rate": 1e-2, "window": 4}
    configs = [tiny(**settings, bits="1-3", evaluate__sizes="1,2", train__seed=seed) for seed in range(3)]
    return [trained(folder / f"seed-{i}", config).folder for i, config in enumerate(configs)]


def votes(run: Run, others: Sequence[Run], question: Symbols) -> tuple[list[Symbols], Symbols | None]:
    """States and answer by voting; each model writes one state at a time."""
    task, encode, chain = run.evaluated.task, run.evaluated.vocabulary.encode, list[Symbols]()
    prompt, limits = encode((*task.inductive_question(question), "<start>")), Limits(1024, 1)
    while len(chain) < 12:
        begun = Opening(prompt, encode(chain[-1]) if chain else ())
        ballots = []
        for one in (run, *others):
            choose = Recorded(greedy)
            engine = Engine(CachedDecoder(one.evaluated.model), run.evaluated.vocabulary, limits=limits)
            [state] = collected(engine, [begun], choose)[0].states
            logs = [float(logits.log_softmax(-1).max()) for logits in choose.logits[0]]
            ballots.append((state, sum(logs) / len(logs)))
        chain.append(run.evaluated.vocabulary.decode(counted(ballots)[0]))
        if chain[-1][-1] != "<sep>":
            return chain, run.evaluated.format.read_answer(run.evaluated.task, question, chain)
    return chain, None


def test_runs_vote(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    kept = [path for folder in seeds for path in folder.iterdir()]
    together = run.voting(others)
    for size in (1, 2):
        [result] = together.evaluate_by_size([size], 31, "free", batch=7)
        expected = [votes(run, others, question) for question in draw_test_questions(run.evaluated.task, size, 31, 0)]
        assert [list(sample.states) for sample in result.samples] == [chain for chain, _ in expected]
        truths = map(run.evaluated.task.truth, draw_test_questions(run.evaluated.task, size, 31, 0))
        right = [answer == truth for truth, (_, answer) in zip(truths, expected, strict=True)]
        assert result.score.correct == sum(right)
        if size == 2:
            for one in (run, *others):
                alone = [list(sample.states) for sample in next(one.evaluate_by_size([2], 31, "free")).samples]
                assert alone != [chain for chain, _ in expected]
        seen = [next(one.evaluate_by_size([size], 31)).score.seen_in_training or 0 for one in (run, *others)]
        assert max(seen) <= (result.score.seen_in_training or 0) <= sum(seen)
    assert [path for folder in seeds for path in folder.iterdir() if "questions" not in path.name] == kept


def test_what_one_of_them_has_seen_is_seen(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    untrained = dataclasses.replace(run, step=0)
    assert next(untrained.evaluate_by_size([1], 7, "free")).score.seen_in_training == 0
    assert next(untrained.voting(others).evaluate_by_size([1], 7, "free")).score.seen_in_training == 7


def test_chains_that_are_sampled_may_repeat_states(seeds: list[Path]) -> None:
    evaluated = Run.load(seeds[0], device="cpu").evaluated
    assert evaluated.engine().detect_loops
    assert not evaluated.engine(sampling=Sampling(0.5)).detect_loops


def test_the_command_judges_them_as_one(seeds: list[Path], capsys: Capture) -> None:
    before = [contents(folder).keys() for folder in seeds]
    words = ("evaluate", *seeds, "--vote", "--sizes", "2", "-n", "31", "--device", "cpu")
    status, out, err = command(capsys, *words, "--json")
    [line] = objects(out)
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    [score] = run.voting(others).evaluate([2], 31, "free")
    assert (status, line["runs"], line["method"]) == (0, [str(folder) for folder in seeds], "free"), err
    assert (line["correct"], line["tokens"]) == (score.correct, score.tokens)
    status, out, err = command(capsys, *words)
    assert (status, out.splitlines()[1].split()[:2]) == (0, ["3", "voting"]), err
    new = {name for folder, names in zip(seeds, before, strict=True) for name in contents(folder).keys() - names}
    assert all(name.startswith("questions") for name in new)


def test_solve_by_votes(seeds: list[Path], capsys: Capture) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    for question in ("1_1_=", "_11_=", "0=", "_10_="):
        words = ("solve", seeds[0], question, "--json", "--device", "cpu", "--vote", *seeds[1:])
        status, out, err = command(capsys, *words)
        chain, answer = votes(run, others, run.parse_question(question))
        assert status == 0, err
        assert [one["state"] for one in objects(out)[:-1]] == [list(bare(state)) for state in chain]
        assert objects(out)[-1]["answer"] == (list(answer) if answer else None)


def test_mistakes_of_voting(seeds: list[Path], tmp_path: Path, capsys: Capture) -> None:
    other = trained(tmp_path / "other", tiny(train__steps=1, task__format="direct")).folder
    assert "Voting needs equal symbols and formats" in refused(capsys, "evaluate", seeds[0], other, "--vote")
    assert "is given twice" in refused(capsys, "evaluate", *seeds, seeds[1], "--vote")
    assert "--vote needs at least 2 runs" in refused(capsys, "evaluate", seeds[0], "--vote")
    assert "Use --method free." in refused(capsys, "evaluate", *seeds, "--vote", "--method", "forced")
    greedy = "models can vote only with greedy decoding. Leave out the temperature."
    assert greedy in refused(capsys, "evaluate", *seeds, "--vote", "--temperature", "0.5")
    assert greedy in refused(capsys, "solve", seeds[0], "1_1_=", "--vote", seeds[1], "--temperature", "0.5")


def test_voters_that_join_later_vote_as_those_before(seeds: list[Path]) -> None:
    one, two, three = (Run.load(folder, device="cpu") for folder in seeds)
    for together in (one.voting([two]).voting([three]), one.voting([two.voting([three])])):
        assert [run.folder for run in together.voters] == seeds[1:]
        assert together.evaluated.voters == (two.evaluated.model, three.evaluated.model)


def test_every_voter_has_room_for_what_is_asked(tmp_path: Path, capsys: Capture) -> None:
    settings = {"task.name": "long-addition", "digits": "1", "window": 11, "task.format": "scratchpad"}
    config = RunConfig().with_settings(settings | {"model": "tiny", "train.steps": 1, "evaluate.n": 3})
    narrow, wide = (trained(tmp_path / size, config.with_settings({"evaluate.sizes": size})) for size in ("1", "11"))
    for one in (narrow, narrow.voting([wide]), wide.voting([narrow])):
        (score,) = one.evaluate([11], 1, "free")
        assert (score.n, score.correct, score.over_context) == (1, 0, 1)
    (score,) = wide.evaluate([11], 1, "free")
    assert (score.n, score.over_context) == (1, 0)
    expected = f"1 of 1 questions need more than the model's {narrow.config.model.context} positions and count as wrong"
    for runs in ([narrow.folder], [wide.folder, narrow.folder, "--vote"]):
        status, out, err = command(capsys, "evaluate", *runs, "--sizes", "11", "-n", "1", "--method", "free")
        assert (status, expected in out) == (0, True), err


def test_models_train_on_after_they_voted(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    together = run.voting(others)
    training = (False, True, False)
    for one, was in zip((run, *others), training, strict=True):
        one.evaluated.model.train(was)
    for result in together.evaluate_by_size([1], 3, "free"):
        assert not any(one.evaluated.model.training for one in (run, *others))
        assert result.score.n == 3
    assert tuple(one.evaluated.model.training for one in (run, *others)) == training
