"""The attention back-ends: against loops in plain Python, against each other, and in bf16."""

from __future__ import annotations

import gc
import math
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
import torch
from documents import SYMBOLS, batch_of, document, furthest, gradients, shapes, small_model, summed_loss
from torch import Tensor
from torch.nn import functional as F

from scratchpad.errors import ScratchpadError
from scratchpad.layout.attention_rule import PADDING, PROMPT
from scratchpad.layout.rows import Budget
from scratchpad.models.attention import blocks
from scratchpad.models.attention.backends import attention
from scratchpad.models.config import ModelConfig
from scratchpad.models.positions import Reach
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document

HEADS, HEAD_WIDTH = 3, 5
EXACT = 1e-10  # float64, sums of at most a few hundred terms: rounding alone stays below 1e-12
ALL_SHAPES = shapes()


class Place(NamedTuple):
    """What a token of a packed row is: in the prompt, in a state as written, or in a copy of a state as context."""

    kind: str
    state: int
    place: int


def packed_places(doc: Document[int]) -> list[Place]:
    """The tokens of a document's packed row, in order."""
    places = [Place("prompt", 0, j) for j in range(len(doc.prompt))]
    for i, state in enumerate(doc.states):
        if i:
            places += [Place("context", i - 1, j) for j in range(len(doc.states[i - 1]))]
        if i or doc.prompt:
            places += [Place("state", i, j) for j in range(len(state))]
    return places


def may_see(query: Place, key: Place) -> bool:
    """The attention rule in the paper's words: three sentences about prompt, state and context."""
    if key.kind == "prompt":
        return query.kind != "prompt" or key.place <= query.place
    if query.kind == "state" and key.kind == "context":
        return key.state == query.state - 1
    return (query.kind, query.state) == (key.kind, key.state) and key.place <= query.place


def position(doc: Document[int], at: Place) -> int:
    """The index of a token in the text that a plain model would get: prompt, the state before, the state."""
    if at.kind == "prompt":
        return at.place
    before = len(doc.states[at.state - 1]) if at.kind == "state" and at.state else 0
    return len(doc.prompt) + before + at.place


def attended(
    doc: Document[int], q: Tensor, k: Tensor, v: Tensor, span: int | None = None, slope: float = 0.0
) -> list[list[float]]:
    """Attention of one row and one head in loops: softmax of scaled products with seen keys, times the values."""
    outputs, places = [], packed_places(doc)
    at = [position(doc, place) for place in places]
    for i, query in enumerate(places):
        seen = [j for j, key in enumerate(places) if may_see(query, key) and (span is None or at[j] > at[i] - span)]
        products = {j: sum(a * b for a, b in zip(q[i], k[j], strict=True)) / math.sqrt(q.shape[1]) for j in seen}
        weights = [math.exp(products[j] - slope * (at[i] - at[j])) for j in seen]
        total = sum(weights)
        mixed = [sum(w * v[j][d] for w, j in zip(weights, seen, strict=True)) / total for d in range(v.shape[1])]
        outputs.append([float(x) for x in mixed])
    return outputs


def random_heads(tokens: int) -> Tensor:
    """Queries, keys and values, (N, 3 H, D)."""
    return torch.randn(tokens, 3 * HEADS, HEAD_WIDTH, dtype=torch.float64).mul(1.5).requires_grad_()


@pytest.mark.parametrize("backend", ["dense", "blocks"])
@pytest.mark.parametrize(
    ("span", "slopes"), [(None, None), (None, (1.5, 0.25, 0.07)), (7, (0.5, 0.01, 0.3)), (4, None)]
)
@pytest.mark.parametrize("name", [name for name in ALL_SHAPES if name != "200 states"])
def test_attention_is_the_rule_written_out(
    name: str, span: int | None, slopes: tuple[float, ...] | None, backend: str
) -> None:
    documents = ALL_SHAPES[name]
    batch = batch_of(documents)
    heads = random_heads(int(batch.real().sum()))
    falls = None if slopes is None else torch.tensor(slopes, dtype=torch.float64)
    reach = None if span is None and slopes is None else Reach(span, falls)
    found = attention(backend, batch.segments, batch.positions, reach)(0, heads, HEADS, 0.0)
    start = 0
    for doc in documents:
        own = slice(start, start + len(packed_places(doc)))
        for head, slope in enumerate(slopes or [0.0] * HEADS):
            by_hand = attended(doc, *heads[own, head::HEADS].detach().unbind(1), span=span, slope=slope)
            expected = torch.tensor(by_hand, dtype=torch.float64)
            torch.testing.assert_close(found[own, head], expected, rtol=EXACT, atol=EXACT)
        start = own.stop
    assert start == len(heads)


@pytest.mark.parametrize("budget", ["packed", "split"])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_blocks_equals_dense_in_outputs_and_gradients(name: str, budget: Budget) -> None:
    batch = batch_of(ALL_SHAPES[name], budget)
    heads = random_heads(int(batch.real().sum()))
    weights = torch.randn_like(heads[:, :HEADS])
    outputs = [attention(backend, batch.segments)(0, heads, HEADS, 0.0) for backend in ("dense", "blocks")]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=EXACT, atol=EXACT)
    dense, blocks = (torch.autograd.grad((weights * output).sum(), heads)[0] for output in outputs)
    torch.testing.assert_close(blocks, dense, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(
    ("positions", "span"),
    [("learned", None), ("rotary", None), ("none", None), ("alibi", None), ("alibi", 7), ("learned", 5), ("none", 1)],
)
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_a_model_is_the_same_with_either_backend(name: str, positions: str, span: int | None) -> None:
    model, batch = small_model(positions, span=span), batch_of(ALL_SHAPES[name], question_loss=True)
    logits = {backend: model(batch, backend) for backend in ("dense", "blocks")}
    torch.testing.assert_close(logits["blocks"], logits["dense"], rtol=EXACT, atol=EXACT)
    expected, found = (gradients(model, summed_loss(logits[backend], batch)) for backend in ("dense", "blocks"))
    assert furthest(found, expected) < EXACT


@pytest.mark.parametrize("slopes", [None, (1.5, 0.25, 0.0, -0.1, 0.02, 0.3)])
@pytest.mark.parametrize("backend", ["dense", "blocks"])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_query_heads_that_share_keys_are_those_with_copies_of_them(
    name: str, backend: str, slopes: tuple[float, ...] | None
) -> None:
    """6 query heads and 2 heads of keys and values give what 6 heads with each key and value head three times give."""
    batch = batch_of(ALL_SHAPES[name])
    reach = None if slopes is None else Reach(None, torch.tensor(slopes, dtype=torch.float64, requires_grad=True))
    learned = [] if reach is None or reach.slopes is None else [reach.slopes]
    grouped = torch.randn(int(batch.real().sum()), 6 + 2 * 2, HEAD_WIDTH, dtype=torch.float64, requires_grad=True)
    weights = torch.randn_like(grouped[:, :6])
    found = attention(backend, batch.segments, batch.positions, reach)(0, grouped, 2, 0.0)
    copies = [0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9]
    expected = attention("dense", batch.segments, batch.positions, reach)(0, grouped[:, copies], 6, 0.0)
    torch.testing.assert_close(found, expected, rtol=EXACT, atol=EXACT)
    ours, theirs = (torch.autograd.grad((weights * one).sum(), [grouped, *learned]) for one in (found, expected))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=EXACT, atol=EXACT)


@dataclass(frozen=True)
class LearnedBias(Reach):
    """A learned number for each head and distance, (H, distances), in place of slopes."""

    table: Tensor = field(default_factory=lambda: torch.zeros(0))

    def mask(self, seen: Tensor, distance: Tensor, dtype: torch.dtype) -> Tensor:
        added = self.table[:, distance.clamp(0, self.table.shape[1] - 1)]  # (H, ..., 1, Q, K)
        return added.movedim(0, -3).squeeze(-4).masked_fill(~super().mask(seen, distance, dtype), -math.inf)


@pytest.mark.parametrize("span", [None, 7])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_a_learned_bias_has_the_same_gradient_in_blocks(name: str, span: int | None) -> None:
    batch = batch_of(ALL_SHAPES[name])
    table = torch.randn(HEADS, 11, dtype=torch.float64, requires_grad=True)
    heads = random_heads(int(batch.real().sum()))
    weights = torch.randn_like(heads[:, :HEADS])
    found = []
    for backend in ("dense", "blocks"):
        attend = attention(backend, batch.segments, batch.positions, LearnedBias(span, table=table))
        loss = (weights * attend(0, heads, HEADS, 0.0)).sum() + attend(1, heads, HEADS, 0.0).square().sum()
        found.append(torch.autograd.grad(loss, [heads, table]))
    for expected, mine in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, rtol=EXACT, atol=EXACT)


def test_blocks_in_groups_of_rows_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_GROUP_TOKENS", 61)
    batch = batch_of([doc for name in ("ragged", "some prompts empty") for doc in ALL_SHAPES[name]])
    heads = random_heads(int(batch.real().sum()))
    dense, grouped = (attention(backend, batch.segments)(0, heads, HEADS, 0.0) for backend in ("dense", "blocks"))
    torch.testing.assert_close(grouped, dense, rtol=EXACT, atol=EXACT)


def test_random_batches() -> None:
    """31 batches with random lengths: the equality does not depend on the chosen shapes."""
    rng = random.Random(1)
    for _ in range(31):
        documents = [
            document(rng, rng.randrange(1, 14), [rng.randrange(1, 12) for _ in range(rng.randrange(1, 8))])
            for _ in range(rng.randrange(1, 6))
        ]
        batch = batch_of(documents, rng.choice(["packed", "split", 47]))
        heads = random_heads(int(batch.real().sum()))
        dense, blocks = (attention(backend, batch.segments)(0, heads, HEADS, 0.0) for backend in ("dense", "blocks"))
        torch.testing.assert_close(blocks, dense, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("backend", ["dense", "blocks"])
def test_prompts_alone_are_plain_causal(backend: str) -> None:
    lengths = torch.tensor([5, 2])
    place = torch.arange(5)
    segments = torch.where(place < lengths[:, None], PROMPT, PADDING)
    heads = random_heads(7)
    found = attention(backend, segments)(0, heads, HEADS, 0.0)
    for own in (slice(0, 5), slice(5, 7)):
        qs, ks, vs = heads[own].detach().transpose(0, 1).split(HEADS)
        expected = F.scaled_dot_product_attention(qs, ks, vs, is_causal=True).transpose(0, 1)
        torch.testing.assert_close(found[own], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize(("states", "kept"), [(1, False), (2, True)])
def test_rows_of_one_block_keep_no_scores(states: int, kept: bool) -> None:
    """Scores of all pairs of 60 tokens would be larger than all vectors together."""
    doc = document(random.Random(0), 20, [40 // states] * states)
    sizes: list[int] = []

    def packed(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    batch = batch_of([doc])
    with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
        attention("blocks", batch.segments)(0, random_heads(int(batch.real().sum())).float(), HEADS, 0.0)
    assert (max(sizes) > batch.tokens.shape[1] * HEAD_WIDTH * 3 * HEADS) == kept


def test_its_memory_is_free_at_once() -> None:
    """Without a circle of references: what a batch needs would else stay until the garbage collector runs."""
    batch = batch_of(ALL_SHAPES["ragged"])
    heads = random_heads(int(batch.real().sum()))
    gc.collect()
    gc.disable()
    try:
        attention("blocks", batch.segments)(0, heads, HEADS, 0.1).sum().backward()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("positions", ["learned", "alibi"])
@pytest.mark.parametrize("name", ["ragged", "some prompts empty"])
def test_bf16_autocast_stays_near_fp32(name: str, positions: str) -> None:
    """bf16 keeps 8 bits: each product is off by up to 2^-9, the whole small model by a few times that."""
    batch = batch_of(ALL_SHAPES[name])
    model = Transformer(ModelConfig(2, 2, 32, positions, context=61, dropout=0.0), SYMBOLS)
    exact = model(batch, "blocks")
    exact_gradients = gradients(model, summed_loss(exact, batch))
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(batch, "blocks")
    rough_gradients = gradients(model, summed_loss(rough.float(), batch))
    assert rough.dtype == torch.bfloat16
    assert float(((rough - exact).norm() / exact.norm()).detach()) < 0.02
    assert all(value.dtype == torch.float32 for value in rough_gradients.values())
    assert furthest(rough_gradients, exact_gradients) < 0.05


@pytest.mark.parametrize("positions", ["rotary", "alibi"])
@pytest.mark.parametrize("backend", ["dense", "blocks"])
def test_bf16_autocast_trains_with_dropout(backend: str, positions: str) -> None:
    batch = batch_of(ALL_SHAPES["some prompts empty"])
    model = Transformer(ModelConfig(layers=2, heads=2, width=32, context=61, dropout=0.2, positions=positions), SYMBOLS)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch, backend)
    found = gradients(model, summed_loss(logits.float(), batch))
    assert all(bool(value.isfinite().all()) and bool(value.any()) for value in found.values())


def test_gradients_under_autocast_are_those_without() -> None:
    batch = batch_of(ALL_SHAPES["ragged"])
    heads = random_heads(int(batch.real().sum())).float().detach().requires_grad_()
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = attention("blocks", batch.segments)(0, heads, HEADS, 0.0)
            found += torch.autograd.grad(output.square().sum(), heads)
    assert torch.equal(*found)


def test_an_unknown_backend_names_the_known_ones() -> None:
    with pytest.raises(ScratchpadError, match=r"did you mean 'blocks'.*dense"):
        attention("block", torch.zeros(1, 2, dtype=torch.int64))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("backend", ["dense", "blocks"])
def test_distances_are_not_rounded_in_bf16(backend: str, autocast: bool) -> None:
    """The last of 541 tokens sees only the 11 furthest, whose biases differ by 1; bf16 has every fourth number."""
    heads = torch.zeros(541, 3, 7)
    heads[-1, 0] = 1.0
    heads[11:, 1] = -500.0
    heads[:, 2] = torch.randn(541, 7)
    segments, positions = torch.full((1, 541), PROMPT), torch.arange(541)[None]
    attend = attention(backend, segments, positions, Reach(None, torch.ones(1, dtype=torch.float64)))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = attend(0, heads.bfloat16(), 1, 0.0)[-1, 0]
    shares = torch.arange(11.0).softmax(0)
    expected = shares @ heads[:11, 2].bfloat16().float()
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.03)  # shares and values of 8 bits, up to 3
