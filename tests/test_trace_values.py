"""Values of a running program as JSON and as text: the same in every run, written without the program's code."""

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
import re
from typing import Any

import pytest

from scratchpad.programs.tracing.exception_text import error_text
from scratchpad.programs.tracing.value_json import JsonWriter


class Hostile:
    """None of its methods may be called."""

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
    writer = JsonWriter(budget)
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
        ("<f at 0x7f00>", "<f at 0x7f00>", "'<f at 0x7f00>'"),
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
        (collections.deque([1, 2]), "deque([1, 2])", "deque([1, 2])"),
        (decimal.Decimal("1.50"), "Decimal('1.50')", "Decimal('1.50')"),
        (datetime.date(2021, 12, 1), "datetime.date(2021, 12, 1)", "datetime.date(2021, 12, 1)"),
        (array.array("i", [5]), "array('i', [5])", "array('i', [5])"),
        (ValueError("no", 3), "ValueError('no', 3)", "ValueError('no', 3)"),
        (cyclic(), [1, "<cycle>"], "[1, <cycle>]"),
    ],
)
def test_values_as_json_and_text(value: object, as_json: Any, as_text: str) -> None:
    assert written(value) == (as_json, as_text)


class HostileZone(datetime.tzinfo):
    def __repr__(self) -> str:
        raise AssertionError("the program's code was called")

    utcoffset = dst = tzname = __repr__  # type: ignore[assignment]


class HostileText(str):
    def __repr__(self) -> str:
        raise AssertionError("the program's code was called")

    __str__ = __repr__


class Share(fractions.Fraction):
    pass


class Window(collections.deque[int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2021, 12, 1, 3, 5), datetime.datetime(2021, 12, 1, fold=1, tzinfo=datetime.UTC),
        datetime.time(3, 5, 7, 11), slice(3), slice(5, None, "a"), fractions.Fraction(1, 3), Share(-5, 7),
        datetime.timezone(datetime.timedelta(hours=-3)), datetime.timezone(datetime.timedelta(hours=3), "there"),
        re.compile("a+"), re.compile(b"\\d", re.MULTILINE | re.IGNORECASE), re.compile("'", re.ASCII),
        re.search("b+", "abbc"), re.match(b"", b""), collections.deque([1, 2], 3), Window([5], 7),
    ],
)  # fmt: skip
def test_library_values_are_written_like_their_repr(value: object) -> None:
    assert written(value) == (repr(value), repr(value))


def test_program_objects_inside_library_values_are_not_called() -> None:
    text, zone = HostileText("a"), HostileZone()
    assert written(re.compile(text)) == ("<Pattern object>",) * 2
    assert written(re.compile("a").match(text))[1] == "<Match object>"
    assert written(slice(text, Hostile()))[1] == "slice(HostileText('a'), Hostile(a=1), None)"
    assert written(datetime.datetime(2021, 12, 1, tzinfo=zone))[1] == (
        "datetime.datetime(2021, 12, 1, 0, 0, tzinfo=HostileZone())"
    )
    assert written(datetime.timezone(datetime.timedelta(), text))[1] == (
        "datetime.timezone(datetime.timedelta(0), HostileText('a'))"
    )


def test_patterns_are_written_with_their_whole_text() -> None:
    """Their repr has only 200 characters of it."""
    one, other = (re.compile("a" * 211 + letter, re.VERBOSE) for letter in "bc")
    assert repr(one) == repr(other)
    assert written(one)[1] == f"re.compile('{'a' * 211}b', re.VERBOSE)" != written(other)[1]


def random_json(rng: random.Random, depth: int = 3) -> Any:
    """Return a random JSON value."""
    kind = rng.randrange(8 if depth else 6)
    if kind < 6:
        text = "".join(rng.choice('ab"\\\n é\u2028\ud800😀') for _ in range(rng.randrange(7)))
        return (None, rng.random() < 0.5, rng.randrange(-(10**21), 10**21), rng.randrange(11), rng.gauss(0, 1e7), text)[
            kind
        ]
    items = [random_json(rng, depth - 1) for _ in range(rng.randrange(5))]
    return items if kind == 6 else {f"{index}{rng.choice('abc')}": item for index, item in enumerate(items)}


def test_json_values_stay_unchanged() -> None:
    """Compared with the standard library's JSON and with Python's literals."""
    rng = random.Random(0)
    for _ in range(503):
        value = random_json(rng)
        as_json, as_text = written(value, budget=1 << 20)
        assert json.dumps(as_json) == json.dumps(value)
        assert as_text == repr(value)


def test_no_code_of_the_program_is_called() -> None:
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
    writer = JsonWriter(19)
    text = json.dumps(writer.json(value))
    assert mark in text
    assert len(text) < 101
    assert writer.cuts == 1


def test_deep_values_are_cut() -> None:
    deep: list[Any] = []
    for _ in range(503):
        deep = [deep]
    assert "<cut: too deep>" in json.dumps(JsonWriter(4096).json(deep))


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
def test_exceptions_as_text(error: BaseException, text: str) -> None:
    assert error_text(error) == text
