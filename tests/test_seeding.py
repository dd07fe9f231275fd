"""Random draws, compared with the published Philox algorithm and with the distributions they promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import islice, permutations

import numpy as np
import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, permutation, stream_name

MASK = 2**64 - 1

CHI_SQUARE_ONE_IN_A_MILLION = {4: 33.4, 10: 46.9, 11: 48.9}
"""By degrees of freedom: the value that a correct generator exceeds once in a million choices of seeds."""


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, ...]:
    """Philox 4x64 with 10 rounds (Salmon et al. 2011, section 4.3)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * 0xD2E7470EE14C6C93, c2 * 0xCA5A826395121157
        c0, c1, c2, c3 = (second >> 64) ^ c1 ^ k0, second & MASK, (first >> 64) ^ c3 ^ k1, first & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c0, c1, c2, c3


def words(name: str, index: int) -> Iterable[int]:
    """The words that a stream promises: key from the name's digest, index in the counter's third word."""
    digest = blake2b(name.encode(), digest_size=16).digest()
    key = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
    block = 0
    while True:
        block += 1
        yield from philox((block, 0, index, 0), key)


def chi_square(counts: Iterable[int], cells: int) -> float:
    """Pearson's statistic for cells that are equally likely."""
    found = list(counts)
    mean = sum(found) / cells
    return sum((count - mean) ** 2 for count in found) / mean + (cells - len(found)) * mean


def test_the_reference_is_philox() -> None:
    """The known answer for zero counter and key from the authors' own test vectors (Random123, kat_vectors)."""
    answer = (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
    assert philox((0, 0, 0, 0), (0, 0)) == answer


@pytest.mark.parametrize(("name", "index"), [("a", 0), ("a", 1), ("another name", 7), ("", 2**63 + 5)])
def test_words_are_philoxs(name: str, index: int) -> None:
    stream = Stream(name, index)
    assert [stream.word() for _ in range(211)] == list(islice(words(name, index), 211))


def test_numbers_come_from_words_as_documented() -> None:
    stream, expected = Stream("numbers", 3), iter(words("numbers", 3))
    assert [stream.below(n) for n in (2, 7, 1000003)] == [next(expected) * n >> 64 for n in (2, 7, 1000003)]
    assert stream.between(-5, 6) == -5 + (next(expected) * 12 >> 64)
    assert {stream.between(-1, 1) for _ in range(101)} == {-1, 0, 1}  # missing one by chance: odds of 5e-18
    expected = islice(expected, 101, None)
    assert stream.uniform() == (next(expected) >> 11) / 2**53
    assert stream.choice("abcdefg") == "abcdefg"[next(expected) * 7 >> 64]


def test_draws_never_change() -> None:
    """Saved runs and data depend on exactly these draws."""
    assert Stream("a name", 5).sample(10, 10) == [2, 6, 7, 1, 9, 4, 0, 3, 8, 5]
    assert permutation("a name", 5, 7).tolist() == [0, 6, 3, 1, 2, 5, 4]


def test_neighbouring_streams_share_no_words() -> None:
    """Odds of a false alarm: 31,500 words of 64 bits meet by chance with probability 3e-11."""
    names = [stream_name("task", {"bits": 5}, seed, split) for seed in range(7) for split in ("train", "test", "t")]
    drawn = [word for name in names for index in range(15) for word in islice(_taken(name, index), 100)]
    assert len(drawn) == len(set(drawn)) == 31_500


def _taken(name: str, index: int) -> Iterable[int]:
    stream = Stream(name, index)
    while True:
        yield stream.word()


def test_stream_names_keep_their_parts_apart() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("a", 1), ("a", "1"), ("a", None), ({"a": 1},), ({"a": 2},)]
    assert len({stream_name(*part) for part in parts}) == len(parts)
    assert stream_name({"b": 1, "a": 2}) == stream_name({"a": 2, "b": 1})


@pytest.mark.parametrize("n", [5, 11])
def test_below_is_uniform(n: int) -> None:
    stream = Stream("uniform")
    counts = Counter(stream.below(n) for _ in range(1000 * n))
    assert counts.keys() <= set(range(n))
    assert chi_square(counts.values(), n) < CHI_SQUARE_ONE_IN_A_MILLION[n - 1]


def test_samples_are_uniform_without_repeats() -> None:
    """Every ordered pair of four numbers is equally likely."""
    stream = Stream("sample")
    counts = Counter(tuple(stream.sample(4, 2)) for _ in range(12_000))
    assert counts.keys() == set(permutations(range(4), 2))
    assert chi_square(counts.values(), 12) < CHI_SQUARE_ONE_IN_A_MILLION[11]


def test_shuffled_keeps_the_items() -> None:
    items = list(range(101))
    shuffled = Stream("shuffle").shuffled(items)
    assert shuffled != items
    assert sorted(shuffled) == items


def test_a_permutation_orders_the_words() -> None:
    order = permutation("order", 3, 103)
    drawn = list(islice(words("order", 3), 103))
    assert order.dtype == np.int64
    assert order.tolist() == sorted(range(103), key=drawn.__getitem__)


def test_nothing_to_draw_from() -> None:
    with pytest.raises(ScratchpadError, match="0 possibilities"):
        Stream("x").below(0)
    with pytest.raises(ScratchpadError, match="7 distinct numbers from 5"):
        Stream("x").sample(5, 7)
