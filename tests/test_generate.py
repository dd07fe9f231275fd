"""The engine: cached in both ways it gives the logits of both uncached ways and of the training rows; rows are
independent; statuses, loops, streaming and memory.
"""

from __future__ import annotations

import dataclasses
import gc
import random
import tracemalloc
from collections.abc import Sequence

import pytest
import torch
from generation import (
    END_NUMBER,
    SEP_NUMBER,
    VOCABULARY,
    Recorded,
    Scripted,
    chain,
    collected,
    counting,
    following,
    openings,
    plain_logits,
    random_model,
    wandering,
)
from gpt2 import as_gpt2
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.generation.cache import MODES, CachedDecoder
from scratchpad.generation.engine import Chain, Decoder, Engine, Limits, Opening, RowEvent, State
from scratchpad.generation.engine import __file__ as engine_file
from scratchpad.generation.sampling import Sampling, greedy
from scratchpad.generation.uncached import FreshInput, MaskedInput
from scratchpad.layout.batch import NO_TARGET, collate
from scratchpad.layout.rows import rows
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document

POSITIONS = (
    "learned",
    "rotary",
    "alibi",
    "none",
    "learned, span 5",
    "rotary, span 3",
    "alibi, span 11",
    "none, span 2",
)
EXACT = 1e-9  # float64
SINGLE = 1e-4  # float32: about 1e-7 a product, over sums of a hundred


def engine(decoder: Decoder, states: int = 8) -> Engine:
    return Engine(decoder, VOCABULARY, limits=Limits(19, states), detect_loops=False)


def written_by(decoder: Decoder, begins: Sequence[Opening]) -> Recorded:
    """Long ragged chains."""
    choose = Recorded(wandering)
    written = collected(engine(decoder), begins, choose)
    assert sum(len(one.states) >= 5 for one in written) >= 3
    assert len({one.tokens for one in written}) >= 5  # rows leave the batch at different times
    return choose


def logits_of(decoder: Decoder, begins: Sequence[Opening], tokens: dict[int, list[int]]) -> dict[int, list[Tensor]]:
    """The logits of a decoder while these tokens are written."""
    choose = Recorded(following(tokens))
    collected(engine(decoder), begins, choose)
    assert choose.tokens == tokens
    return choose.logits


def assert_close(found: dict[int, list[Tensor]], expected: dict[int, list[Tensor]], tolerance: float) -> None:
    for row, each in expected.items():
        here, there = torch.stack(found[row]), torch.stack(each)
        torch.testing.assert_close(here, there, rtol=tolerance, atol=tolerance * float(there.abs().max()))


def references(model: Transformer) -> list[Decoder]:
    """Both uncached decoders; with learned positions the plain one runs another library's model."""
    own = plain_logits(model)
    if (model.config.positions, model.config.span) == ("learned", None):
        other = as_gpt2(model)
        return [FreshInput(lambda tokens: other(tokens).logits), MaskedInput(lambda batch: model(batch, "dense")[None])]
    return [FreshInput(own), MaskedInput(lambda batch: model(batch, "blocks")[None])]


@torch.inference_mode()
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_cached_logits_are_those_of_both_uncached_ways(positions: str, mode: str) -> None:
    model = random_model(positions)
    cached = written_by(CachedDecoder(model, mode), openings())
    for reference in references(model):
        assert_close(cached.logits, logits_of(reference, openings(), cached.tokens), EXACT)


@torch.inference_mode()
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("positions", POSITIONS)
def test_cached_logits_in_single_precision(positions: str, mode: str) -> None:
    model = random_model(positions, torch.float32)
    cached = written_by(CachedDecoder(model, mode), openings())
    for reference in references(model):
        assert_close(cached.logits, logits_of(reference, openings(), cached.tokens), SINGLE)


@pytest.mark.parametrize("mode", MODES)
def test_rows_do_not_depend_on_neighbours_order_or_batch_size(mode: str) -> None:
    begins = openings()
    writer = engine(CachedDecoder(random_model(), mode))
    together = collected(writer, begins, wandering)
    assert len({tuple(one.states) for one in together}) == len(begins)
    assert [collected(writer, [begin], wandering)[0] for begin in begins] == together
    for order in ([4, 1, 6, 0, 5, 3, 2], [5, 2], [3, 3, 1]):
        assert collected(writer, [begins[i] for i in order], wandering) == [together[i] for i in order]


@pytest.mark.parametrize("sampling", [None, Sampling(temperature=3.0, top_p=0.97, seed=5)], ids=["greedy", "sampled"])
def test_written_rows_do_not_depend_on_neighbours_or_batch_size(sampling: Sampling | None) -> None:
    begins = openings()
    writer = engine(CachedDecoder(random_model()))
    together = writer.write(begins, sampling)
    assert sampling is None or len({tuple(one.states) for one in together}) == len(begins)
    for batch in (1, 3):
        assert writer.write(begins, sampling, batch) == together
    others = [*begins[:3], Opening((7,)), *begins[4:]]
    assert [one for i, one in enumerate(writer.write(others, sampling)) if i != 3] == together[:3] + together[4:]


def replayed(decoder: Decoder, document: Document[int]) -> Tensor:
    """The logits (targets, V) that the engine sees while it writes a document."""
    given = len(document.prompt) - document.preamble
    states = document.states if document.prompt else document.states[1:]
    choose = Recorded(following({0: [*document.prompt[given:], *(token for state in states for token in state)]}))
    (written,) = collected(engine(decoder, 30), [Opening.of(document)], choose)
    assert (tuple(written.states), written.status) == (states, "done")
    return torch.stack(choose.logits[0])


@torch.inference_mode()
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("positions", ["learned", "alibi, span 7"])
@pytest.mark.parametrize(
    ("prompt", "states", "preamble"),
    [(7, (5, 3, 1, 7, 11, 2), 0), (0, (5, 3, 2, 13), 0), (11, (3, 5, 2), 4), (5, (17,), 0), (2, (1,) * 23, 1)],
    ids=["chain", "empty prompt", "preamble", "one state", "many states"],
)
def test_training_rows_give_the_logits_of_generation(
    prompt: int, states: tuple[int, ...], preamble: int, positions: str, mode: str
) -> None:
    """One packed forward pass gives at each target the logits of the engine: both follow the same rule."""
    model = random_model(positions)
    document = chain(random.Random(1), prompt, states, preamble)
    batch = collate(rows(document))
    trained = model(batch, "blocks", batch.targets != NO_TARGET)
    torch.testing.assert_close(replayed(CachedDecoder(model, mode), document), trained, rtol=EXACT, atol=EXACT)


def test_openings_of_documents() -> None:
    rng = random.Random(2)
    whole, given = chain(rng, 5, (3, 2)), chain(rng, 0, (3, 2))
    begun = chain(rng, 7, (3, 2), preamble=4)
    assert Opening.of(whole) == Opening(whole.prompt)
    assert Opening.of(given) == Opening((), given.states[0])
    assert Opening.of(begun) == Opening(begun.prompt[:3], unfinished=True)


PROMPT: State = (5, 6, 7)


def written(decoder: Decoder, most: Limits = Limits(41, 1000), opening: Opening = Opening(PROMPT)) -> Chain:  # noqa: B008
    return Engine(decoder, VOCABULARY, limits=most).write([opening])[0]


def test_a_chain_that_ends_is_done() -> None:
    one = written(Scripted(counting(9)))
    assert (one.status, len(one.states), one.states[-1][-1], one.tokens) == ("done", 9, END_NUMBER, 8 * 2 + 3)


def test_a_chain_over_its_limit_has_max_states() -> None:
    most = Limits(states=8)
    assert written(Scripted(counting(8)), most).status == "done"
    one = written(Scripted(counting(9)), most)
    assert (one.status, len(one.states)) == ("max-states", 8)


def test_a_given_state_counts_among_the_states_of_a_chain() -> None:
    first = counting(9)(())
    one = written(Scripted(counting(9)), Limits(states=8), Opening((), first))
    assert (one.status, len(one.states)) == ("max-states", 7)


def test_a_state_over_its_limit_has_max_tokens() -> None:
    long = (*[6] * 10, END_NUMBER)
    assert written(Scripted(lambda last: long), Limits(state_tokens=11)).status == "done"
    one = written(Scripted(lambda last: long), Limits(state_tokens=10))
    assert (one.status, one.states) == ("max-tokens", [long[:10]])


def test_a_full_context_has_max_tokens() -> None:
    """Prompt 3, then states of 3 after a context of 3: a chain needs 9 positions."""

    def three(last: State) -> State:
        return (5 + (last[0] - 4 if last else 0), 6, SEP_NUMBER if last[:1] != (9,) else END_NUMBER)

    assert written(Scripted(three, context=9)).status == "done"
    one = written(Scripted(three, context=8))
    assert (one.status, one.states) == ("max-tokens", [(5, 6, SEP_NUMBER), (6, 6)])


def test_a_preamble_over_its_limit_has_max_tokens() -> None:
    endless = written(Scripted(lambda last: (6,) * 99), Limits(state_tokens=10), Opening(PROMPT, unfinished=True))
    assert (endless.status, endless.tokens) == ("max-tokens", 10)


@pytest.mark.parametrize("tail", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("cycle", [1, 2, 3, 4, 5, 6, 7])
def test_every_loop_is_found(cycle: int, tail: int) -> None:
    """Brent's algorithm needs at most 4 (tail + cycle) states."""
    one = written(Scripted(counting(tail + cycle, back_to=tail)))
    assert one.status == "loop"
    assert one.states[-1] in one.states[:-1]
    assert len(one.states) <= 4 * (tail + cycle)


@pytest.mark.parametrize("states", [1, 2, 3, 4, 5, 8, 17, 64, 127, 128, 129])
def test_a_chain_that_ends_is_no_loop(states: int) -> None:
    one = written(Scripted(counting(states)))
    assert (one.status, len(one.states)) == ("done", states)


def test_loops_are_left_to_run_where_they_are_not_looked_for() -> None:
    looping = Engine(Scripted(counting(3, back_to=1)), VOCABULARY, limits=Limits(41, 31), detect_loops=False)
    assert looping.write([Opening(PROMPT)])[0].status == "max-states"
    sampled = Engine(Scripted(counting(3, back_to=1)), VOCABULARY, limits=Limits(41, 31))
    assert sampled.write([Opening(PROMPT)], Sampling(temperature=1e-3))[0].status == "max-states"


def test_states_stream_as_they_are_completed() -> None:
    """Two rows: an event comes before the decoder is called for any later token."""
    decoder = Scripted(counting(3))
    events = Engine(decoder, VOCABULARY).stream([Opening(PROMPT), Opening(PROMPT)], greedy, first_row=11)
    found = [(decoder.advanced, event) for event in events]
    states = [counting(3)(()), counting(3)((5, SEP_NUMBER)), counting(3)((6, SEP_NUMBER))]
    statuses = [None, None, "done"]
    assert found == [
        (2 * i + 1, RowEvent(row, state, status))
        for i, (state, status) in enumerate(zip(states, statuses, strict=True))
        for row in (11, 12)
    ]


def test_elsewhere_a_separator_is_an_ordinary_symbol() -> None:
    text_with_marks = (5, SEP_NUMBER, 6, SEP_NUMBER, SEP_NUMBER, END_NUMBER)
    script = Scripted(lambda last: text_with_marks)
    one = Engine(script, VOCABULARY, inductive=False).write([Opening(PROMPT)])[0]
    assert (one.states, one.status) == ([text_with_marks], "done")


def test_memory_stays_the_same_over_300_states() -> None:
    """The cache does not grow after every kind of state has been written."""
    for mode in MODES:
        decoder = CachedDecoder(random_model(), mode)
        states = chain(random.Random(3), 7, [5, 1, 2] * 100).states
        tokens = [token for state in states for token in state]
        sizes = [decoder.cache_bytes() for _ in engine(decoder, 300).stream([Opening(PROMPT)], following({0: tokens}))]
        assert len(sizes) == 300
        assert set(sizes[6:]) == {sizes[6]}


@pytest.mark.parametrize("states", [3, 19])
def test_memory_is_the_question_and_three_states(states: int) -> None:
    """Or the question and the whole text. A state of 5 after one of 5: 4 tokens are fed before its last one."""
    model, prompt = random_model(), len(PROMPT)
    tokens = [*[5, 6, 5, 6, SEP_NUMBER] * (states - 1), 5, END_NUMBER]
    expected = {("twice", True): 5 + 4 + 4, ("reencode", True): 5 + 4, ("twice", False): 5 * (states - 1) + 1}
    for (mode, inductive), positions in expected.items():
        writer = Engine(CachedDecoder(model, mode), VOCABULARY, inductive, Limits(5 * states, states), False)
        *_, last = writer.stream([Opening(PROMPT)], following({0: tokens}))
        numbers = 2 * model.config.layers * model.config.width
        assert (last.status, last.held_bytes) == ("done", 8 * numbers * (prompt + positions))


def test_the_engine_keeps_no_old_states() -> None:
    """All 300 states would take ten times as much. Only allocations of the engine's file count."""
    stream = Engine(Scripted(counting(600)), VOCABULARY, limits=Limits(41, 600)).stream([Opening(PROMPT)], greedy)
    for _ in range(100):
        next(stream)
    tracemalloc.start()
    try:
        for _ in range(100):
            next(stream)
        before = bytes_of_the_engine()
        for _ in range(300):
            next(stream)
        assert bytes_of_the_engine() - before < 2_000
    finally:
        tracemalloc.stop()


def bytes_of_the_engine() -> int:
    gc.collect()
    own = tracemalloc.Filter(inclusive=True, filename_pattern=engine_file)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([own]).traces)


def test_prompts_must_leave_room_and_be_there() -> None:
    decoder = CachedDecoder(random_model(context=11))
    with pytest.raises(ScratchpadError, match=r"prompt of 11 tokens leaves no room.*11 positions"):
        engine(decoder).write([Opening((5,) * 11)])
    with pytest.raises(ScratchpadError, match=r"are both empty\. Give a prompt or a state"):
        engine(decoder).write([Opening(())])
    assert engine(decoder).write([Opening((5,) * 10)])[0].status in ("max-tokens", "done")


def test_unknown_caches_and_limits_below_one_are_refused() -> None:
    with pytest.raises(ScratchpadError, match="did you mean 'twice'"):
        CachedDecoder(random_model(), "twise")
    for wrong in ({"state_tokens": 0}, {"states": 0}):
        with pytest.raises(ScratchpadError, match="at least 1"):
            dataclasses.replace(Limits(), **wrong)
