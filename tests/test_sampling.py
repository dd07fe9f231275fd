"""The choice of tokens: probabilities against explicit sums, and a random stream for each row."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest
import torch

from scratchpad.errors import ScratchpadError
from scratchpad.generation.sampling import Sampling, greedy, probabilities

SYMBOLS = 13


def drawn_from(logits: list[float], sampling: Sampling) -> list[float]:
    """The probabilities in plain Python: temperature, then the k most likely, then the most likely up to the sum p."""
    top = max(logits)
    weights = [math.exp((logit - top) / sampling.temperature) for logit in logits]
    ranked = sorted(range(len(logits)), key=lambda i: -logits[i])[: sampling.top_k]
    total, kept, reached = sum(weights[i] for i in ranked), [], 0.0
    for i in ranked:
        kept.append(i)
        reached += weights[i] / total
        if reached >= (sampling.top_p or 1.0):
            break
    share = sum(weights[i] for i in kept)
    return [weights[i] / share if i in kept else 0.0 for i in range(len(logits))]


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("top_k", [None, 1, 2, 5, 12, 13, 99])
@pytest.mark.parametrize("top_p", [None, 1e-9, 0.3, 0.9, 0.999])
def test_probabilities_are_those_written_out(temperature: float, top_k: int | None, top_p: float | None) -> None:
    rng = random.Random(0)
    sampling = Sampling(temperature, top_k, top_p)
    rows = [[rng.gauss(0, 2) for _ in range(SYMBOLS)] for _ in range(7)]
    found = probabilities(torch.tensor(rows, dtype=torch.float64), sampling)
    found = found / found.sum(-1, keepdim=True)
    expected = torch.tensor([drawn_from(row, sampling) for row in rows], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_top_p_keeps_the_token_that_reaches_it_and_no_more() -> None:
    shares = torch.tensor([[0.125, 0.5, 0.125, 0.25]], dtype=torch.float64)
    kept = [(probabilities(shares.log(), Sampling(1.0, top_p=p))[0] > 0).tolist() for p in (0.5, 0.51, 0.75, 0.76)]
    assert kept[0] == [False, True, False, False]
    assert kept[1] == kept[2] == [False, True, False, True]
    assert kept[3] == [True, True, False, True]


@pytest.mark.parametrize("temperature", [1e-3, 1e-9, 1e-300, 5e-324])
def test_a_temperature_near_zero_is_greedy(temperature: float) -> None:
    logits = torch.randn(101, SYMBOLS) * 100
    assert Sampling(temperature).chooser()(logits, range(101)) == greedy(logits, range(101))


def test_a_temperature_of_zero_is_greedy_and_takes_the_first_of_equals() -> None:
    assert Sampling().is_greedy
    assert Sampling().chooser()(torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 1.0]]), [0, 1]) == [1, 0]


def drawn(sampling: Sampling, row: int, count: int, others: Callable[[int], list[int]]) -> list[int]:
    """The draws of one row from the same logits many times, while other rows come and go."""
    choose, logits = sampling.chooser(), torch.randn(SYMBOLS, generator=torch.Generator().manual_seed(3))
    found = []
    for i in range(count):
        rows = [row, *others(i)]
        rows.sort()
        found.append(choose(logits.expand(len(rows), -1), rows)[rows.index(row)])
    return found


def test_a_row_draws_from_a_stream_of_its_own() -> None:
    alone = drawn(Sampling(1.0, seed=7), 5, 41, lambda i: [])
    assert drawn(Sampling(1.0, seed=7), 5, 41, lambda i: [1, 2, 3, 9][i % 5 :]) == alone
    assert drawn(Sampling(1.0, seed=7), 6, 41, lambda i: []) != alone
    assert drawn(Sampling(1.0, seed=8), 5, 41, lambda i: []) != alone
    assert drawn(Sampling(1.0, seed=7), 5, 41, lambda i: []) == alone


def test_draws_have_the_frequencies_of_the_probabilities() -> None:
    """Chi-square over 20,000 draws; a correct sampler exceeds the bound for one seed in a million."""
    sampling, rows = Sampling(1.5, top_k=7, seed=1), range(1000)
    logits = torch.randn(SYMBOLS, dtype=torch.float64)
    choose = sampling.chooser()
    counts = Counter(token for _ in range(20) for token in choose(logits.expand(len(rows), -1), rows))
    shares = probabilities(logits[None], sampling)[0].tolist()
    assert set(counts) == {i for i, share in enumerate(shares) if share}
    statistic = sum((counts[i] - 20_000 * share) ** 2 / (20_000 * share) for i, share in enumerate(shares) if share)
    assert statistic < 38.3  # 6 degrees of freedom


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": -0.1}, "temperature=-0.1"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"top_k": 0}, "top-k=0"),
        ({"top_p": 0.0}, "top-p=0.0"),
        ({"top_p": 1.1}, "top-p=1.1"),
        ({"top_p": math.nan}, "top-p=nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        Sampling(**settings)  # type: ignore[arg-type]
