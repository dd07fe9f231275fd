"""Models that vote on states: against a loop without a cache, and ballots by hand."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import torch
from generation import (
    END_NUMBER,
    ENDS,
    SEP_NUMBER,
    VOCABULARY,
    Scripted,
    counted,
    counting,
    plain_logits,
    random_model,
    text,
)
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.generation.cache import CachedDecoder, ReusedPrompts
from scratchpad.generation.engine import Chain, Decoder, Engine, Limits, Opening, Part, State
from scratchpad.generation.uncached import FreshInput
from scratchpad.generation.voting import Ballot, majority_state, voting_engine
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import MARKS

LIMITS = Limits(state_tokens=11, states=11)


def wandering(logits: Tensor, voter: int) -> Tensor:
    """A voter's logits depend on the fourth digit of the model's, so that chains never settle.

    <sep> is frequent, <end> rare; one token in 20, a different one for each voter, is not what the others write.
    """
    digits = (logits.double() * 1000) % 1
    odd = (logits.double().sum(-1, keepdim=True) * 1000 * (voter + 1)) % 1 < 0.05
    digits[:, SEP_NUMBER] += 0.15
    digits[:, END_NUMBER] -= 0.15
    return torch.where(odd, -digits, digits) * 5


class Wandering:
    """A decoder with logits of `wandering`."""

    def __init__(self, decoder: Decoder, voter: int) -> None:
        self.decoder, self.voter, self.context = decoder, voter, decoder.context

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        return wandering(self.decoder.begin(openings), self.voter)

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        return wandering(self.decoder.advance(tokens, parts), self.voter)

    def keep(self, rows: Sequence[int]) -> None:
        self.decoder.keep(rows)

    def held_bytes(self) -> list[int]:
        return self.decoder.held_bytes()


def begins(count: int) -> list[Opening]:
    """Prompts of ragged lengths; every third row begins with a given state after its prompt."""
    rng = random.Random(0)
    return [Opening(text(rng, 1 + i % 7), () if i % 3 else (*text(rng, i % 5), SEP_NUMBER)) for i in range(count)]


@torch.inference_mode()
def next_state(model: Transformer, voter: int, prompt: State, before: State, ends: State = ENDS) -> tuple[State, float]:
    """A model's greedy state and the mean log probability of its tokens; the whole text is fed for each token."""
    state: list[int] = []
    logs = []
    while len(state) < LIMITS.state_tokens and not (state and state[-1] in ends):
        logits = plain_logits(model)(torch.tensor([[*prompt, *before, *state]]))[:, -1]
        shares = wandering(logits, voter)[0].log_softmax(-1)
        state.append(int(shares.argmax()))
        logs.append(float(shares.max()))
    return tuple(state), sum(logs) / len(logs)


def slow(models: Sequence[Transformer], opening: Opening, hows: Counter[str]) -> Chain:
    """One chain by voting."""
    states, last = [], opening.given
    while len(states) + bool(opening.given) < LIMITS.states:
        ballots = [next_state(model, voter, opening.prompt, last) for voter, model in enumerate(models)]
        last, how = counted(ballots)
        hows.update([how, *(f"replaced {i}" for i, (state, _) in enumerate(ballots) if state != last)])
        states.append(last)
        if last[-1] != SEP_NUMBER:
            return Chain(states, "done" if last[-1] == END_NUMBER else "max-tokens")
    return Chain(states, "max-states")


def voting(decoders: Sequence[Decoder], inductive: bool = True) -> Engine:
    """Chains that continue when a state repeats."""
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
    """Each voter has its own logits; the minority continues from the majority's state."""
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
    assert majority_state([Ballot(state, confidence, state != C) for state, confidence in ballots]) == expected


def test_a_majority_state_that_comes_twice_is_a_loop() -> None:
    """Two voters follow a map without an end; the third would end."""
    voters = [Scripted(counting(5, back_to=2)), Scripted(counting(3)), Scripted(counting(5, back_to=2))]
    [written] = voting_engine(voters, VOCABULARY).write([Opening((5,))])
    assert written.status == "loop"
    assert written.states[:5] == [(number + len(MARKS), SEP_NUMBER) for number in range(5)]
    [written] = voting_engine(voters[1:2] + voters, VOCABULARY).write([Opening((5,))])
    assert (written.status, len(written.states)) == ("done", 3)


@pytest.mark.parametrize("smaller", [0, 2])
def test_the_smallest_model_says_when_positions_run_out(smaller: int) -> None:
    """Prompts leave it 14 positions down to a single one, and states need more."""
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
