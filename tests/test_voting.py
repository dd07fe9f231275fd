"""Models and runs that vote on states: against a loop that feeds everything anew, and by ballots written out."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import objects
from generation import (
    END_NUMBER,
    SEP_NUMBER,
    VOCABULARY,
    Recorded,
    Scripted,
    collected,
    counting,
    plain_logits,
    random_model,
    text,
)
from tiny_runs import Capture, command, contents, refused, tiny, trained
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.evaluate.free import read_answer
from scratchpad.generate.cache import CachedDecoder, ReusedPrompts
from scratchpad.generate.engine import Decoder, Engine, Limits, Opening, Part, State, Written
from scratchpad.generate.references import FreshInput
from scratchpad.generate.sampling import Sampling, greedy
from scratchpad.generate.voting import Ballot, elected, voting_engine
from scratchpad.model.transformer import Transformer
from scratchpad.run import Run
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import MARKS, bare
from scratchpad.train.config import RunConfig

LIMITS = Limits(state_tokens=11, states=11)
ENDS = (SEP_NUMBER, END_NUMBER)


def wandering(logits: Tensor, voter: int) -> Tensor:
    """What a voter makes of logits: it hangs on their fourth digit, so that chains never settle.

    <sep> often, <end> rarely; and one token in 20, another one for each voter, is not what the others would write.
    """
    digits = (logits.double() * 1000) % 1
    odd = (logits.double().sum(-1, keepdim=True) * 1000 * (voter + 1)) % 1 < 0.05
    digits[:, SEP_NUMBER] += 0.15
    digits[:, END_NUMBER] -= 0.15
    return torch.where(odd, -digits, digits) * 5


class Wandering:
    """A decoder whose logits wander."""

    def __init__(self, decoder: Decoder, voter: int) -> None:
        self.decoder, self.voter, self.context = decoder, voter, decoder.context

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        return wandering(self.decoder.begin(openings), self.voter)

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        return wandering(self.decoder.advance(tokens, parts), self.voter)

    def keep(self, rows: Sequence[int]) -> None:
        self.decoder.keep(rows)


def begins(count: int) -> list[Opening]:
    """Prompts of ragged lengths; every third row begins with a given state behind its prompt."""
    rng = random.Random(0)
    return [Opening(text(rng, 1 + i % 7), () if i % 3 else (*text(rng, i % 5), SEP_NUMBER)) for i in range(count)]


@torch.inference_mode()
def next_state(model: Transformer, voter: int, prompt: State, before: State, ends: State = ENDS) -> tuple[State, float]:
    """What a model writes greedily, and the mean log probability of its tokens; everything fed anew at each token."""
    state: list[int] = []
    logs = []
    while len(state) < LIMITS.state_tokens and not (state and state[-1] in ends):
        logits = plain_logits(model)(torch.tensor([[*prompt, *before, *state]]))[:, -1]
        shares = wandering(logits, voter)[0].log_softmax(-1)
        state.append(int(shares.argmax()))
        logs.append(float(shares.max()))
    return tuple(state), sum(logs) / len(logs)


def counted(ballots: Sequence[tuple[State, float]], ends: State = ENDS) -> tuple[State, str]:
    """The elected state, by sorting; and how it was elected."""
    ended = [ballot for ballot in ballots if ballot[0][-1] in ends] or list(ballots)
    votes = Counter(state for state, _ in ended)
    most = max(votes.values())
    ahead = [state for state in votes if votes[state] == most]
    how = "all" if most == len(ballots) else "tie" if len(ahead) > 1 else "majority"
    return max(ahead, key=lambda state: sum(log for written, log in ended if written == state)), how


def slow(models: Sequence[Transformer], opening: Opening, hows: Counter[str]) -> Written:
    """One chain by votes."""
    states, last = [], opening.given
    while len(states) + bool(opening.given) < LIMITS.states:
        ballots = [next_state(model, voter, opening.prompt, last) for voter, model in enumerate(models)]
        last, how = counted(ballots)
        hows.update([how, *(f"replaced {i}" for i, (state, _) in enumerate(ballots) if state != last)])
        states.append(last)
        if last[-1] != SEP_NUMBER:
            return Written(states, "done" if last[-1] == END_NUMBER else "max-tokens")
    return Written(states, "max-states")


def voting(decoders: Sequence[Decoder], inductive: bool = True) -> Engine:
    """Chains that go on when a state comes twice."""
    wanderers = [Wandering(decoder, voter) for voter, decoder in enumerate(decoders)]
    return dataclasses.replace(voting_engine(wanderers, VOCABULARY, inductive, LIMITS), detect_loops=False)


DECODERS: dict[str, Callable[[Transformer], Decoder]] = {
    "reused": ReusedPrompts,
    "twice": CachedDecoder,
    "uncached": lambda model: FreshInput(plain_logits(model), model.config.context),
}


@pytest.mark.parametrize(
    ("voters", "positions", "decoder", "batch"),
    [
        (3, "learned", "reused", 11),
        (3, "learned", "uncached", 11),
        (2, "rotary, span 3", "reused", 5),
        (5, "alibi", "twice", 1),
    ],
)
def test_voting_is_the_loop_written_out(voters: int, positions: str, decoder: str, batch: int) -> None:
    """Each with weights of its own; states that were not elected are replaced in every voter's memory."""
    model, hows = random_model(positions), Counter[str]()
    expected = [slow([model] * voters, opening, hows) for opening in begins(11)]
    assert {"all", "tie", *(["majority"] if voters > 2 else [])} <= hows.keys()
    assert all(hows[f"replaced {voter}"] > 2 for voter in range(voters))
    assert {"done", "max-states"} <= {one.status for one in expected}
    assert voting([DECODERS[decoder](model) for _ in range(voters)]).write(begins(11), batch=batch) == expected


def test_one_voter_writes_what_it_writes_alone() -> None:
    model, begun = random_model(), begins(7)
    alone = Engine(Wandering(CachedDecoder(model), 0), VOCABULARY, limits=LIMITS, detect_loops=False)
    assert voting([ReusedPrompts(model)]).write(begun) == alone.write(begun)


def test_in_a_format_of_one_state_the_whole_of_it_is_voted_on() -> None:
    """<sep> is an ordinary symbol there."""
    model, hows = random_model(), Counter[str]()
    begun = [Opening(text(random.Random(i), 2)) for i in range(31)]
    ends = (END_NUMBER,)
    expected = [counted([next_state(model, voter, o.prompt, (), ends) for voter in range(3)], ends) for o in begun]
    hows.update(how for _, how in expected)
    assert {"all", "majority", "tie"} <= hows.keys()
    found = voting([ReusedPrompts(model) for _ in range(3)], inductive=False).write(begun)
    assert [one.states for one in found] == [[state] for state, _ in expected]
    assert {one.status for one in found} == {"done", "max-tokens"}


A, B, C = (5, SEP_NUMBER), (6, END_NUMBER), (7, 7)


@pytest.mark.parametrize(
    ("ballots", "expected"),
    [
        ([(A, -9.0), (B, -1.0), (A, -9.0)], A),  # however sure the other one is
        ([(A, -2.0), (B, -1.0)], B),
        ([(A, -1.0), (B, -1.0)], A),  # the earliest
        ([(B, -1.0), (A, -1.0), (C, -1.0)], B),
        ([(A, -1.0), (B, -2.0), (A, -4.0), (B, -2.0)], B),
        ([(A, -3.0), (C, -0.1), (C, -0.1)], A),  # no terminator: an abstention
        ([(C, -0.1), (C, -0.1)], C),
    ],
)
def test_ballots_are_counted(ballots: list[tuple[State, float]], expected: State) -> None:
    assert elected([Ballot(state, surety, state != C) for state, surety in ballots]) == expected


def test_an_elected_state_that_comes_twice_is_a_loop() -> None:
    """Two follow a map that goes on for ever; the third would come to an end."""
    voters = [Scripted(counting(5, back_to=2)), Scripted(counting(3)), Scripted(counting(5, back_to=2))]
    [written] = voting_engine(voters, VOCABULARY).write([Opening((5,))])
    assert written.status == "loop"
    assert written.states[:5] == [(number + len(MARKS), SEP_NUMBER) for number in range(5)]
    [written] = voting_engine(voters[1:2] + voters, VOCABULARY).write([Opening((5,))])
    assert (written.status, len(written.states)) == ("done", 3)


@pytest.mark.parametrize("smaller", [0, 2])
def test_the_smallest_model_says_when_positions_run_out(smaller: int) -> None:
    """Prompts that leave it from 14 positions down to a single one; states reach beyond them."""
    sizes = [31 if voter == smaller else 200 for voter in range(3)]
    models = [random_model(context=size) for size in sizes]
    begun = [Opening(text(random.Random(i), i)) for i in range(17, 31)]
    for written in voting([ReusedPrompts(model) for model in models]).write(begun):
        assert written.status in ("done", "max-tokens", "max-states")
    with pytest.raises(ScratchpadError, match="prompt of 31 tokens leaves no room"):
        voting([ReusedPrompts(model) for model in models]).write([Opening(text(random.Random(0), 31))])


def test_prompts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, decoder = random_model(), ReusedPrompts(random_model())
    fed: list[int] = []
    hidden = Transformer.hidden
    monkeypatch.setattr(Transformer, "hidden", lambda self, *how: fed.append(len(how[0])) or hidden(self, *how))
    first, second = text(random.Random(1), 7), text(random.Random(2), 3)
    decoder.begin([Opening(first), Opening(second)])
    given = [Opening(second, (5, 6, SEP_NUMBER)), Opening(first, (7, SEP_NUMBER)), Opening(second, (SEP_NUMBER,))]
    again = decoder.begin(given)
    assert fed == [10, 6]
    decoder.model = model
    other = decoder.begin([Opening(first, (5,)), Opening(text(random.Random(3), 5), (5,))])
    assert fed == [10, 6, 14]
    fresh = CachedDecoder(model)
    torch.testing.assert_close(other, fresh.begin([Opening(first, (5,)), Opening(text(random.Random(3), 5), (5,))]))
    assert again.shape == (3, len(VOCABULARY))


def test_a_prompt_that_models_would_write_themselves_is_refused() -> None:
    with pytest.raises(ScratchpadError, match="vote on states"):
        voting([ReusedPrompts(random_model())]).write([Opening((5, 6), unfinished=True)])


# Runs.


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three seeds that are right in some of the states of questions with 1 or 2 bits."""
    folder = tmp_path_factory.mktemp("seeds")
    settings: dict[str, Any] = {"train__steps": 90, "train__batch": 16, "train__learning_rate": 1e-2, "window": 4}
    configs = [tiny(**settings, bits="1-3", evaluate__sizes="1,2", train__seed=seed) for seed in range(3)]
    return [trained(folder / f"seed-{i}", config).folder for i, config in enumerate(configs)]


def votes(run: Run, others: Sequence[Run], question: Symbols) -> tuple[list[Symbols], Symbols | None]:
    """States and answer by votes, each model asked alone for one state at a time."""
    task, encode, chain = run.subject.task, run.subject.vocabulary.encode, list[Symbols]()
    prompt, limits = encode((*task.opening(question), "<start>")), Limits(1024, 1)
    while len(chain) < 12:
        begun = Opening(prompt, encode(chain[-1]) if chain else ())
        ballots = []
        for one in (run, *others):
            choose = Recorded(greedy)
            engine = Engine(CachedDecoder(one.subject.model), run.subject.vocabulary, limits=limits)
            [state] = collected(engine, [begun], choose)[0].states
            logs = [float(logits.log_softmax(-1).max()) for logits in choose.logits[0]]
            ballots.append((state, sum(logs) / len(logs)))
        chain.append(run.subject.vocabulary.decode(counted(ballots)[0]))
        if chain[-1][-1] != "<sep>":
            return chain, read_answer(run.subject, question, chain)
    return chain, None


def test_runs_vote(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    kept = [path for folder in seeds for path in folder.iterdir()]
    together = run.voting(others)
    for size in (1, 2):
        [result] = together.judged([size], 31, "free", batch=7)
        expected = [votes(run, others, question) for question in run.subject.questions(size, 31, 0)]
        assert [list(sample.states) for sample in result.samples] == [chain for chain, _ in expected]
        truths = map(run.subject.task.truth, run.subject.questions(size, 31, 0))
        right = [answer == truth for truth, (_, answer) in zip(truths, expected, strict=True)]
        assert result.score.correct == sum(right)
        if size == 2:
            for one in (run, *others):
                alone = [list(sample.states) for sample in next(one.judged([2], 31, "free")).samples]
                assert alone != [chain for chain, _ in expected]
        seen = [next(one.judged([size], 31)).score.seen_in_training or 0 for one in (run, *others)]
        assert max(seen) <= (result.score.seen_in_training or 0) <= sum(seen)
    assert [path for folder in seeds for path in folder.iterdir() if "questions" not in path.name] == kept


def test_what_one_of_them_has_seen_is_seen(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    untrained = dataclasses.replace(run, step=0)
    assert next(untrained.judged([1], 7, "free")).score.seen_in_training == 0
    assert next(untrained.voting(others).judged([1], 7, "free")).score.seen_in_training == 7


def test_chains_that_are_sampled_may_repeat_states(seeds: list[Path]) -> None:
    subject = Run.load(seeds[0], device="cpu").subject
    assert subject.engine().detect_loops
    assert not subject.engine(sampling=Sampling(0.5)).detect_loops


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
        chain, answer = votes(run, others, run.check(question))
        assert status == 0, err
        assert [one["state"] for one in objects(out)[:-1]] == [list(bare(state)) for state in chain]
        assert objects(out)[-1]["answer"] == (list(answer) if answer else None)


def test_mistakes_of_voting(seeds: list[Path], tmp_path: Path, capsys: Capture) -> None:
    other = trained(tmp_path / "other", tiny(train__steps=1, task__format="direct")).folder
    assert "share symbols and format" in refused(capsys, "evaluate", seeds[0], other, "--vote")
    assert "is given twice" in refused(capsys, "evaluate", *seeds, seeds[1], "--vote")
    assert "at least 2 runs vote" in refused(capsys, "evaluate", seeds[0], "--vote")
    assert "take method free" in refused(capsys, "evaluate", *seeds, "--vote", "--method", "forced")
    assert "greedily" in refused(capsys, "evaluate", *seeds, "--vote", "--temperature", "0.5")
    assert "greedily" in refused(capsys, "solve", seeds[0], "1_1_=", "--vote", seeds[1], "--temperature", "0.5")


def test_voters_that_join_later_vote_as_those_before(seeds: list[Path]) -> None:
    one, two, three = (Run.load(folder, device="cpu") for folder in seeds)
    for together in (one.voting([two]).voting([three]), one.voting([two.voting([three])])):
        assert [run.folder for run in together.voters] == seeds[1:]
        assert together.subject.voters == (two.subject.model, three.subject.model)


def test_every_voter_has_room_for_what_is_asked(tmp_path: Path) -> None:
    settings = {"task.name": "long-addition", "digits": "1", "window": 11, "task.format": "scratchpad"}
    config = RunConfig().with_settings(settings | {"model": "tiny", "train.steps": 1, "evaluate.n": 3})
    narrow, wide = (trained(tmp_path / size, config.with_settings({"evaluate.sizes": size})) for size in ("1", "11"))
    for one in (narrow, narrow.voting([wide]), wide.voting([narrow])):
        with pytest.raises(ScratchpadError, match=f"the model has {narrow.config.model.context}:"):
            one.evaluate([11], 1, "free")


def test_models_train_on_after_they_voted(seeds: list[Path]) -> None:
    run, *others = (Run.load(folder, device="cpu") for folder in seeds)
    together = run.voting(others)
    training = (False, True, False)
    for one, was in zip((run, *others), training, strict=True):
        one.subject.model.train(was)
    for result in together.judged([1], 3, "free"):
        assert not any(one.subject.model.training for one in (run, *others))
        assert result.score.n == 3
    assert tuple(one.subject.model.training for one in (run, *others)) == training
