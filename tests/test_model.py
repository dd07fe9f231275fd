"""The model against GPT-2 of transformers, and against what each kind of positions promises."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import torch
from documents import SYMBOLS, batch_of, document, furthest, gradients, shapes, small_model, summed_loss
from gpt2 import as_gpt2, gradients_of
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

from scratchpad.errors import ScratchpadError
from scratchpad.layout.batch import Batch
from scratchpad.layout.rows import check_context
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.config import PRESETS, ModelConfig
from scratchpad.models.positions import alibi, rotary, rotate
from scratchpad.models.transformer import Transformer
from scratchpad.tasks import task_named
from scratchpad.tasks.document import Document

EXACT = 1e-10  # float64
ALL_SHAPES = shapes()


def plain_causal() -> Batch:
    """Ragged documents of one state: plain text under the causal mask."""
    rng = random.Random(0)
    return batch_of([document(rng, *lengths) for lengths in ((3, [2]), (17, [11]), (1, [1]), (5, [23]), (29, [1]))])


def moved(batch: Batch, by: int) -> Batch:
    return dataclasses.replace(batch, positions=batch.positions + by)


@pytest.mark.parametrize("backend", ["dense", "blocks"])
def test_logits_are_those_of_gpt2(backend: str) -> None:
    """In float32, to 1e-5 of the largest logit; 2^-23 an operation leaves about 1e-6."""
    batch, real = plain_causal(), plain_causal().real()
    model = small_model(gelu="tanh").float().eval()
    expected = as_gpt2(model)(batch.tokens, attention_mask=real.long()).logits[real]
    largest = expected.detach().abs().max().item()
    torch.testing.assert_close(model(batch, backend), expected, rtol=0, atol=1e-5 * largest)


@pytest.mark.parametrize("gelu", ["tanh", "exact"])
def test_logits_and_gradients_are_those_of_gpt2_in_float64(gelu: str) -> None:
    batch, real = plain_causal(), plain_causal().real()
    model = small_model(gelu=gelu)
    reference = as_gpt2(model)
    logits, expected = model(batch), reference(batch.tokens, attention_mask=real.long()).logits[real]
    torch.testing.assert_close(logits, expected, rtol=EXACT, atol=EXACT)
    summed_loss(expected, batch).backward()
    assert furthest(gradients(model, summed_loss(logits, batch)), gradients_of(reference, model)) < EXACT


@pytest.mark.parametrize("deviation", [0.02, None])
def test_initial_weights_are_drawn_as_in_gpt2(deviation: float | None) -> None:
    """The deviation, divided by sqrt(2 layers) in projections to the residual stream; within 4 sigmas.

    None is 1 / sqrt(inputs) of each matrix: what x @ W.T sums over.
    """
    config = ModelConfig(layers=3, heads=2, width=128, context=131, bias=True, deviation=deviation)
    into_residual = ("attention_out.weight", "mlp_out.weight")
    for name, value in Transformer(config, SYMBOLS).named_parameters():
        if name.endswith("bias"):
            assert not value.any()
        elif value.dim() == 1:
            assert bool((value == 1).all())
        else:
            inputs = 4 * 128 if name.endswith("mlp_out.weight") else 128
            expected = deviation or 1 / math.sqrt(inputs)
            expected /= math.sqrt(6) if name.endswith(into_residual) else 1
            assert value.detach().std().item() == pytest.approx(expected, rel=4 / math.sqrt(2 * value.numel())), name


@pytest.mark.parametrize(
    ("preset", "symbols", "papers"), [("10m", 0, 10.6e6), ("25m", 1010, 25.7e6), ("85m", 1010, 85.7e6)]
)
def test_presets_have_the_papers_sizes(preset: str, symbols: int, papers: float) -> None:
    """Positions do not count. The paper's first size leaves out the symbols; the others have the 1,010 of cycles."""
    config = dataclasses.replace(PRESETS[preset], positions="none")
    cycles = len(Vocabulary(task_named("cycles").symbols()))
    assert cycles == 1010
    with torch.device("meta"):
        model = Transformer(config, cycles)
    counted = sum(parameter.numel() for parameter in model.parameters()) - (cycles - symbols) * config.width
    norms_and_symbols = (2 * config.layers + 1 + symbols) * config.width
    assert counted == 12 * config.layers * config.width**2 + norms_and_symbols
    assert counted == pytest.approx(papers, abs=0.05e6)


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_moving_all_positions_changes_nothing(positions: str) -> None:
    model, batch = small_model(positions), batch_of(ALL_SHAPES["ragged"])
    torch.testing.assert_close(model(moved(batch, 101)), model(batch), rtol=EXACT, atol=EXACT)


def test_learned_positions_are_absolute() -> None:
    model, batch = small_model("learned"), batch_of(ALL_SHAPES["ragged"])
    assert not torch.allclose(model(moved(batch, 101)), model(batch), rtol=1e-3)


@pytest.mark.parametrize(("positions", "used"), [("learned", True), ("rotary", True), ("none", False)])
def test_which_positions_matter(positions: str, used: bool) -> None:
    model, batch = small_model(positions), batch_of(ALL_SHAPES["ragged"])
    stretched = dataclasses.replace(batch, positions=batch.positions * 3)
    assert torch.allclose(model(stretched), model(batch), rtol=EXACT, atol=EXACT) is not used


def test_rotary_turns_by_the_written_angles() -> None:
    """Pairs (first half, second half of a head) as complex numbers, rotated by position / 10000^(2i / width)."""
    x = torch.randn(3, 7, 10, dtype=torch.float64)
    turned_x = rotate(x, rotary(torch.tensor([0, 7, 211]), 10, torch.float64))
    for n, position in enumerate((0, 7, 211)):
        for head in range(7):
            for i in range(5):
                angle = position / 10_000 ** (2 * i / 10)
                pair = complex(x[n, head, i], x[n, head, i + 5]) * complex(math.cos(angle), math.sin(angle))
                assert turned_x[n, head, i].item() == pytest.approx(pair.real, rel=EXACT)
                assert turned_x[n, head, i + 5].item() == pytest.approx(pair.imag, rel=EXACT)


@pytest.mark.parametrize("heads", [1, 2, 3, 5, 8, 12, 16])
def test_alibi_falls_with_the_slopes_of_another_library(heads: int) -> None:
    """BLOOM's biases are slope times the position of the key."""
    theirs = build_alibi_tensor(torch.ones(1, 7), heads, torch.float64)
    expected = torch.tensor(alibi(heads), dtype=torch.float64)[:, None, None] * torch.arange(7)
    torch.testing.assert_close(theirs, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("backend", ["dense", "blocks"])
@pytest.mark.parametrize("positions", ["learned", "rotary", "alibi", "none"])
def test_layers_look_back_over_their_spans_and_no_further(positions: str, backend: str) -> None:
    """Two layers of span 5 see a token and 8 tokens before it; earlier tokens change nothing."""
    model = small_model(positions, span=5)
    rng = random.Random(2)
    text = [rng.randrange(SYMBOLS) for _ in range(31)]
    last = []
    for changed in (None, 30 - 9, 30 - 8):
        other = [(symbol + (i == changed)) % SYMBOLS for i, symbol in enumerate(text)]
        last.append(model(batch_of([Document(tuple(other), ((1,),))]), backend)[30])
    torch.testing.assert_close(last[1], last[0], rtol=EXACT, atol=EXACT)
    assert not torch.allclose(last[2], last[0], rtol=1e-6)


def test_a_document_may_take_every_position_of_a_model_and_no_more() -> None:
    check_context([29, 30, 30], 30)
    says = r"2 of the 3 documents checked need more than the 29 positions of the model\. Set model\.context=30 or more"
    with pytest.raises(ScratchpadError, match=says):
        check_context([29, 30, 30], 29)
    with pytest.raises(ScratchpadError, match="a document needs more than the 29 positions of the model"):
        check_context([30], 29)


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_without_learned_positions_no_text_is_too_long(positions: str) -> None:
    config = ModelConfig(layers=1, heads=2, width=8, positions=positions)
    model = Transformer(config, SYMBOLS)
    check_context([3006], model.config.context)
    assert model(batch_of([document(random.Random(0), 3001, [5])])).isfinite().all()


@pytest.mark.parametrize("backend", ["dense", "blocks"])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_neighbours_and_padding_change_nothing(name: str, backend: str) -> None:
    model = small_model("rotary")
    together = model(batch_of(ALL_SHAPES[name]), backend)
    alone = torch.cat([model(batch_of([each]), backend) for each in ALL_SHAPES[name]])
    torch.testing.assert_close(together, alone, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("backend", ["dense", "blocks"])
def test_logits_only_where_asked_for(backend: str) -> None:
    model, batch = small_model(), batch_of(ALL_SHAPES["some prompts empty"])
    where = (batch.tokens % 3 == 0) & batch.real()
    torch.testing.assert_close(model(batch, backend, where), model(batch, backend)[where[batch.real()]])


def test_a_context_must_be_known_where_positions_are_learned() -> None:
    with pytest.raises(ScratchpadError, match=r"model\.context is not set"):
        Transformer(ModelConfig(), SYMBOLS)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layers": 0}, "at least 1"),
        ({"width": 32, "heads": 3}, "model.width=32 must be a multiple of model.heads=3"),
        ({"width": 33, "heads": 3, "positions": "rotary"}, "even for rotary"),
        ({"positions": "rotery"}, "did you mean 'rotary'"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"gelu": "tanhh"}, "did you mean 'tanh'"),
        ({"context": 0}, "context=0"),
        ({"span": 0}, "model.span=0: the value must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        dataclasses.replace(ModelConfig(), **settings)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ScratchpadError, match="did you mean '25m'"):
        ModelConfig.preset("26m")
