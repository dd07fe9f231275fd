"""Dropout on a CPU: its rate, its scale, one mask for outputs and gradients, and attention under it.

Seeds are fixed, so nothing here is ever a matter of luck; the odds say how rarely another seed would fail.
"""

from __future__ import annotations

import math

import pytest
import torch
from documents import SYMBOLS, batch_of, shapes, small_model
from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.models.attention.backends import attention
from scratchpad.models.dropout import add_dropped, draw_kept, dropout, masked

DRAWS = 1_000_003
SIGMAS = 5.0  # two-sided odds of a false alarm: 6e-7 a comparison


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.9])
def test_rate_and_scale(p: float) -> None:
    kept, scale = draw_kept(torch.ones(DRAWS), p)
    tolerance = SIGMAS * math.sqrt(p * (1 - p) / DRAWS) + 1 / 65536  # p is rounded to 16 bits
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=tolerance)
    assert scale == pytest.approx(1 / (1 - p), rel=1e-4)


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5])
def test_neighbours_are_independent(distance: int) -> None:
    """Four numbers come from one random word; if p = 0.3, two neighbours are both dropped with odds 0.09."""
    kept, _ = draw_kept(torch.ones(DRAWS), 0.3)
    lost = kept == 0
    both = (lost[:-distance] & lost[distance:]).float().mean().item()
    deviation = math.sqrt(0.09 * 0.91 * 1.5 / DRAWS)  # overlapping pairs: the variance is at most 1.46 times as large
    assert both == pytest.approx(0.09, abs=SIGMAS * deviation)


def test_outputs_and_gradients_share_one_mask() -> None:
    x = torch.full((7, 11, 13), 3.0, dtype=torch.float64, requires_grad=True)
    y = dropout(x, 0.2)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(y.detach(), 3.0 * gradient)
    scale = 65536 / (65536 - round(0.2 * 65536))
    assert set(gradient.flatten().tolist()) == {0.0, scale}


def test_the_seed_decides() -> None:
    x = torch.ones(1009)
    draws = []
    for seed in (3, 3, 5):
        torch.manual_seed(seed)
        draws.append(dropout(x, 0.2))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_zero_is_the_identity() -> None:
    x = torch.randn(7, 11)
    state = torch.get_rng_state()
    assert dropout(x, 0.0) is x
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("p", [1.0, -0.1, math.nan])
def test_rates_that_are_none(p: float) -> None:
    with pytest.raises(ScratchpadError, match="must be at least 0 and below 1"):
        dropout(torch.ones(7), p)


def test_there_is_no_second_gradient() -> None:
    """The first gradient is written by hand, partly with operations that autograd cannot differentiate."""
    batch = batch_of(shapes()["ragged"][:1])
    heads = heads_of(int(batch.real().sum()))
    found = attention("blocks", batch.segments)(0, heads, 2, 0.0)
    (gradient,) = torch.autograd.grad(found.square().sum(), heads, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
    y = torch.randn(7, 11).requires_grad_()
    (gradient,) = torch.autograd.grad(dropout(y, 0.3).square().sum(), y, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_rate_next_to_one_stays_finite() -> None:
    assert bool(dropout(torch.ones(DRAWS), 0.999999).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_is_kept_is_kept_as_it_is(dtype: torch.dtype) -> None:
    x = torch.randn(7, 11, 13).to(dtype)
    kept = (torch.rand(7, 11, 13) > 0.4).to(torch.int16)
    assert torch.equal(masked(x, kept), torch.where(kept == 1, x, 0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_is_added_is_what_dropout_leaves(dtype: torch.dtype) -> None:
    """The sum is float32 even if y is not; both gradients are those of the plain sum."""
    x, y = torch.randn(11, 13, requires_grad=True), torch.randn(11, 13).to(dtype).requires_grad_()
    weights = torch.randn(11, 13)
    torch.manual_seed(3)
    found = add_dropped(x, y, 0.3)
    to_x, to_y = torch.autograd.grad((weights * found).sum(), (x, y))
    torch.manual_seed(3)
    kept, scale = draw_kept(y, 0.3)
    torch.testing.assert_close(found, x + scale * kept * y.float())
    torch.testing.assert_close(to_x, weights)
    torch.testing.assert_close(to_y, (weights * scale * kept).to(dtype))
    assert torch.equal(add_dropped(x, y, 0.0), x + y)


def heads_of(tokens: int, heads: int = 2, kv_heads: int = 2) -> Tensor:
    return torch.randn(tokens, heads + 2 * kv_heads, 3, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("name", ["ragged", "some prompts empty"])
def test_attention_under_dropout_has_the_right_mean(name: str) -> None:
    """The mean of 601 draws is the output without dropout; 6 sigmas: odds of 2e-9 an output, 1e-6 in all."""
    batch = batch_of(shapes()[name])
    heads = heads_of(int(batch.real().sum())).detach()
    attend = attention("blocks", batch.segments)
    draws = torch.stack([attend(0, heads, 2, 0.25) for _ in range(601)])
    expected = attend(0, heads, 2, 0.0)
    error = draws.std(0) / math.sqrt(len(draws))
    assert bool((error > 0).all())
    assert bool(((draws.mean(0) - expected).abs() < 6 * error).all())


@pytest.mark.parametrize(("query_heads", "kv_heads"), [(2, 2), (3, 1)])
def test_gradients_of_attention_under_dropout(query_heads: int, kv_heads: int) -> None:
    """Against finite differences, with the same draw in every call."""
    batch = batch_of(shapes()["ragged"][:1])
    attend = attention("blocks", batch.segments)

    def same_draw(heads: Tensor) -> Tensor:
        torch.manual_seed(7)
        return attend(0, heads, kv_heads, 0.3)

    assert torch.autograd.gradcheck(same_draw, heads_of(int(batch.real().sum()), query_heads, kv_heads))


@pytest.mark.parametrize("backend", ["blocks", "dense"])
def test_a_model_drops_in_training_only(backend: str) -> None:
    batch = batch_of(shapes()["ragged"])
    model = small_model(dropout=0.3)
    assert not torch.equal(model(batch, backend), model(batch, backend))
    model.eval()
    assert torch.equal(model(batch, backend), model(batch, backend))
    assert model(batch, backend).shape == (int(batch.real().sum()), SYMBOLS)
