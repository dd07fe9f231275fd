"""How a running program's values are written: as JSON and as text, the same everywhere, without the program's code."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import json
import math
import random
from typing import Any

import pytest

from scratchpad.programs.faults import error_text
from scratchpad.programs.values import Writer


class Hostile:
    """Nothing of it may be called."""

    def __init__(self) -> None:
        object.__setattr__(self, "a", 1)

    def _never(self, *_: object) -> Any:
        raise AssertionError("the program's code was called")

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = __getattribute__ = __bool__ = _never
    __class__ = property(_never)  # type: ignore[assignment]


class HostileList(list[int]):
    def __iter__(self) -> Any:
        raise AssertionError("the program's code was called")

    __len__ = __repr__ = __getitem__ = __iter__  # type: ignore[assignment]


class HostileMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError("the program's code was called")

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("the program's code was called")

    def __hash__(cls) -> int:
        raise AssertionError("the program's code was called")


class OfHostileMeta(metaclass=HostileMeta):
    pass


class Slots:
    __slots__ = ("empty", "full")

    def __init__(self) -> None:
        self.full = 3


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 2


Point = collections.namedtuple("Point", "x y")


def cyclic() -> list[Any]:
    held: list[Any] = [1]
    held.append(held)
    return held


def written(value: object, budget: int = 4096) -> tuple[Any, str]:
    writer = Writer(budget)
    return writer.json(value), writer.text(value)


@pytest.mark.parametrize(
    ("value", "as_json", "as_text"),
    [
        (None, None, "None"),
        (True, True, "True"),
        (7, 7, "7"),
        (-2.5, -2.5, "-2.5"),
        (math.inf, "inf", "inf"),
        (math.nan, "nan", "nan"),
        ('a"\n', 'a"\n', "'a\"\\n'"),
        ([1, (2,), []], [1, [2], []], "[1, (2,), []]"),
        (
            {"a": 1, 2: None, None: 3, True: 4},
            {"a": 1, "2": None, "null": 3, "true": 4},
            "{'a': 1, 2: None, None: 3, True: 4}",
        ),
        ({1: "a", "1": "b"}, "{1: 'a', '1': 'b'}", "{1: 'a', '1': 'b'}"),
        ({(1, 2): 3}, {"(1, 2)": 3}, "{(1, 2): 3}"),
        ({10, 9, 1}, "{1, 9, 10}", "{1, 9, 10}"),
        ({"b", "a"}, "{'a', 'b'}", "{'a', 'b'}"),
        ({(2,), 1, "a"}, "{1, 'a', (2,)}", "{1, 'a', (2,)}"),
        (set(), "set()", "set()"),
        (frozenset({2, 1}), "frozenset({1, 2})", "frozenset({1, 2})"),
        (b"ab", "b'ab'", "b'ab'"),
        (1j, "1j", "1j"),
        (range(3), "range(0, 3)", "range(0, 3)"),
        (..., "Ellipsis", "Ellipsis"),
        (len, "<callable_object len>", "<callable_object len>"),
        (Slots, "<callable_object Slots>", "<callable_object Slots>"),
        ("".join, "<callable_object join>", "<callable_object join>"),
        (lambda: 0, "<callable_object <lambda>>", "<callable_object <lambda>>"),
        (functools.partial(len), "<callable_object len>", "<callable_object len>"),
        (functools.lru_cache(written), "<callable_object written>", "<callable_object written>"),
        (math, "<module math>", "<module math>"),
        (iter([]), "<list_iterator object>", "<list_iterator object>"),
        ((x for x in ()), "<generator object>", "<generator object>"),
        (Slots(), "Slots(full=3)", "Slots(full=3)"),
        (Colour.RED, "Colour.RED", "Colour.RED"),
        (Level.LOW, 2, "Level(2)"),
        (Point(1, [2]), [1, [2]], "Point((1, [2]))"),
        (collections.Counter("aab"), {"a": 2, "b": 1}, "Counter({'a': 2, 'b': 1})"),
        (collections.deque([1, 2], 3), "deque([1, 2])", "deque([1, 2])"),
        (fractions.Fraction(1, 2), "Fraction(_denominator=2, _numerator=1)", "Fraction(_denominator=2, _numerator=1)"),
        (decimal.Decimal("1.50"), "Decimal('1.50')", "Decimal('1.50')"),
        (datetime.date(2021, 12, 1), "datetime.date(2021, 12, 1)", "datetime.date(2021, 12, 1)"),
        (array.array("i", [5]), "array('i', [5])", "array('i', [5])"),
        (ValueError("no", 3), "ValueError('no', 3)", "ValueError('no', 3)"),
        (cyclic(), [1, "<cycle>"], "[1, <cycle>]"),
    ],
)
def test_values(value: object, as_json: Any, as_text: str) -> None:
    assert written(value) == (as_json, as_text)


def drawn(rng: random.Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = rng.randrange(8 if depth else 6)
    if kind < 6:
        text = "".join(rng.choice('ab"\\\n é\u2028\ud800😀') for _ in range(rng.randrange(7)))
        return (None, rng.random() < 0.5, rng.randrange(-(10**21), 10**21), rng.randrange(11), rng.gauss(0, 1e7), text)[
            kind
        ]
    items = [drawn(rng, depth - 1) for _ in range(rng.randrange(5))]
    return items if kind == 6 else {f"{index}{rng.choice('abc')}": item for index, item in enumerate(items)}


def test_what_json_has_stays_as_it_is() -> None:
    """Held against the standard library's own writer, and Python's own literals."""
    rng = random.Random(0)
    for _ in range(503):
        value = drawn(rng)
        as_json, as_text = written(value, budget=1 << 20)
        assert json.dumps(as_json) == json.dumps(value)
        assert as_text == repr(value)


def test_nothing_of_the_program_is_called() -> None:
    assert written(Hostile()) == ("Hostile(a=1)", "Hostile(a=1)")
    assert written(HostileList([1, 2])) == ([1, 2], "HostileList([1, 2])")
    assert written(OfHostileMeta) == ("<callable_object OfHostileMeta>",) * 2
    assert written(OfHostileMeta()) == ("OfHostileMeta()",) * 2
    assert written({OfHostileMeta()}) == ("{OfHostileMeta()}",) * 2
    assert error_text(ValueError(OfHostileMeta())) == "ValueError: OfHostileMeta()"


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("x" * 1009, "xxxxxxxxxxxxxxxxxxx<cut: 990 more characters>"),
        (list(range(1009)), "<cut: 1003 more>"),
        (dict.fromkeys(range(1009), 0), "<cut>"),
        (set(range(5003)), "<cut: 5003 elements>"),
        (1 << 20011, "<cut: integer of 20012 bits>"),
    ],
    ids=("string", "list", "dict", "set", "integer"),
)
def test_huge_values_are_cut_with_a_mark(value: object, mark: str) -> None:
    writer = Writer(19)
    text = json.dumps(writer.json(value))
    assert mark in text
    assert len(text) < 101
    assert writer.cuts == 1


def test_deep_values_are_cut() -> None:
    deep: list[Any] = []
    for _ in range(503):
        deep = [deep]
    assert "<cut: too deep>" in json.dumps(Writer(4096).json(deep))


class Loud(Exception):
    def __str__(self) -> str:
        raise AssertionError("the program's code was called")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such thing"), "ValueError: no such thing"),
        (KeyError("a"), "KeyError: 'a'"),
        (ValueError(), "ValueError"),
        (ValueError("a\nb"), "ValueError: a\\nb"),
        (ValueError("a\rb"), "ValueError: a\\rb"),
        (FileNotFoundError(2, "No such file", "f"), "FileNotFoundError: [Errno 2] No such file: 'f'"),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
            "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: bad",
        ),
        (Loud("a", 3), "Loud: 'a', 3"),
        (ValueError(Hostile()), "ValueError: Hostile(a=1)"),
        (ValueError("x" * 2003), f"ValueError: {'x' * 1000}..."),
    ],
)
def test_errors(error: BaseException, text: str) -> None:
    assert error_text(error) == text
