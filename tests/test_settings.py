"""Reading settings: every type, nested settings, and invalid values."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import read_table, split_assignments, to_json, with_settings
from scratchpad.errors import ScratchpadError, unknown_name


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    law: Lengths | None = None


@dataclass(frozen=True)
class Outer:
    steps: int = 7
    fast: bool = False
    title: str = "a"
    sizes: tuple[int, ...] = ()
    rates: tuple[float, ...] = (0.5,)
    limit: int | None = 3
    inner: Inner = field(default=Inner())
    extra: Mapping[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"steps": "11"}, Outer(steps=11)),
        ({"steps": 11.0}, Outer(steps=11)),
        ({"fast": "true"}, Outer(fast=True)),
        ({"fast": "No"}, Outer(fast=False)),
        ({"fast": True}, Outer(fast=True)),
        ({"title": "none"}, Outer(title="none")),
        ({"sizes": "6,18"}, Outer(sizes=(6, 18))),
        ({"sizes": "5"}, Outer(sizes=(5,))),
        ({"sizes": 5}, Outer(sizes=(5,))),
        ({"sizes": ""}, Outer(sizes=())),
        ({"sizes": [2, 3]}, Outer(sizes=(2, 3))),
        ({"rates": "1e-3,2"}, Outer(rates=(0.001, 2.0))),
        ({"limit": "none"}, Outer(limit=None)),
        ({"limit": None}, Outer(limit=None)),
        ({"limit": "5"}, Outer(limit=5)),
        ({"inner.rate": "3e-4"}, Outer(inner=Inner(rate=3e-4))),
        ({"inner.law": "2-5", "inner.rate": 1}, Outer(inner=Inner(rate=1.0, law=Lengths(2, 5)))),
        ({"inner.law": "none"}, Outer()),
        ({"extra.bits": "5"}, Outer(extra={"bits": "5"})),
        ({"inner": Inner(law=Lengths(2, 3)), "inner.rate": 1}, Outer(inner=Inner(rate=1.0, law=Lengths(2, 3)))),
        ({"extra.bits": 5, "extra": {"window": 7}}, Outer(extra={"window": 7, "bits": 5})),
        ({"inner": {"rate": "3e-4"}}, Outer(inner=Inner(rate=3e-4))),
        ({"inner": {"rate": 2, "law": 3}, "inner.rate": 1}, Outer(inner=Inner(rate=1.0, law=Lengths(3, 3)))),
    ],
)
def test_written_values_are_read_by_type(written: dict[str, Any], expected: Outer) -> None:
    assert with_settings(Outer(), written, "a run") == expected


def test_other_settings_stay() -> None:
    before = Outer(steps=11, inner=Inner(rate=0.25), extra={"a": 1})
    after = with_settings(before, {"inner.law": 3, "extra.b": 2}, "a run")
    assert after == Outer(steps=11, inner=Inner(rate=0.25, law=Lengths(3, 3)), extra={"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"steps": "many"}, "steps takes a whole number, not 'many'"),
        ({"steps": 1.5}, "steps takes a whole number, not 1.5"),
        ({"steps": math.inf}, "steps takes a whole number, not inf"),
        ({"steps": None}, "steps takes a whole number, not None"),
        ({"steps": True}, "steps takes a whole number, not True"),
        ({"fast": "perhaps"}, "fast takes true or false, not 'perhaps'"),
        ({"title": 5}, "title takes a text, not 5"),
        ({"inner.rate": "nan"}, "inner.rate takes a finite number, not 'nan'"),
        ({"inner.rate": 10**400}, "inner.rate takes a finite number, not 1000"),
        ({"inner.rate": "-inf"}, "inner.rate takes a finite number, not '-inf'"),
        ({"rates": (0.5, math.inf)}, "rates takes a finite number, not inf"),
        ({"sizes": "6,,18"}, "sizes takes a whole number, not ''"),
        ({"inner.law": "5-3"}, "inner.law=5-3: lengths '5-3'"),
        ({"stps": 1}, "unknown setting of a run 'stps': did you mean 'steps'"),
        ({"inner.rat": 1}, "unknown setting of a run 'inner.rat': did you mean 'inner.rate'"),
        ({"steps.x": 1}, "steps of a run is a single setting: write steps="),
        (
            {"inner": 5},
            (
                r"inner=5: inner has several settings: set one of them with inner\.NAME=\.\.\., where NAME is one of "
                "rate, law"
            ),
        ),
        ({"inner": "x", "inner.rate": 1}, "inner=x: inner has several settings"),
        ({"extra": "bits=3"}, r"extra=bits=3: extra has several settings: set one of them with extra\.NAME=\.\.\."),
        ({"inner": Inner(law=Lengths(2, 3)), "inner.law.low": 1}, r"inner\.law of a run is a single setting"),
    ],
)
def test_invalid_values_are_refused(written: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        with_settings(Outer(), written, "a run")


def test_settings_survive_json() -> None:
    made = with_settings(
        Outer(), {"sizes": "2,3", "inner.law": "2-5", "limit": "none", "extra.law": Lengths(3, 3)}, "a run"
    )
    saved = to_json(made)
    assert saved["sizes"] == [2, 3]
    assert saved["inner"] == {"rate": 0.5, "law": "2-5"}
    assert saved["limit"] is None
    assert saved["extra"] == {"law": 3}
    flat = {name: value for name, value in saved.items() if name not in ("inner", "extra")}
    again = with_settings(Outer(), {**flat, "inner.law": "2-5", "extra.law": 3}, "a run")
    assert to_json(again) == saved


def test_assignments() -> None:
    assert split_assignments(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    with pytest.raises(ScratchpadError, match="--set takes name=value, not 'a'"):
        split_assignments(["a"])
    with pytest.raises(ScratchpadError, match="--set takes name=value, not '=1'"):
        split_assignments(["=1"])
    with pytest.raises(ScratchpadError, match="--set a is given twice: '1' and '2'"):
        split_assignments(["a=1", "a=2"])


def test_unknown_names_list_the_known_nearest_first() -> None:
    assert str(unknown_name("task", "cycels", ["parity", "cycles"])) == (
        "unknown task 'cycels': did you mean 'cycles'? known: cycles, parity"
    )
    assert str(unknown_name("task", "xyz", ["parity", "cycles"])) == "unknown task 'xyz': known: parity, cycles"


def test_lengths_contain_what_they_draw() -> None:
    assert [length for length in range(1, 8) if Lengths.parse("2:3,5:1").contains(length)] == [2, 5]
    assert [length for length in range(1, 8) if Lengths.parse("3-5").contains(length)] == [3, 4, 5]


@dataclass(frozen=True)
class Table:
    title: str
    rate: float = 0.5
    sizes: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def test_command_line_json_and_toml_give_the_same() -> None:
    text = 'title = "b"\nrate = 2\nsizes = [6, 18]\nlabels.x = "y"\n'
    written = split_assignments(["title=b", "rate=2", "sizes=6,18", "labels.x=y"])
    expected = Table("b", 2.0, (6, 18), {"x": "y"})
    assert read_table(Table, tomllib.loads(text)) == expected
    assert with_settings(Table("a"), written, "a table") == expected
    assert with_settings(Table("a"), json.loads(json.dumps(to_json(expected))), "a table") == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rate = 2", "^part: entries missing: title$"),
        ("title = 3", "^part.title takes a text, not 3$"),
        ('title = "a"\nrate = "2"', "^part.rate takes a finite number, not '2'$"),
        ('title = "a"\nrate = true', "^part.rate takes a finite number, not True$"),
        ('title = "a"\nsizes = 5', "^part.sizes takes a list in which each item is a whole number, not 5$"),
        ('title = "a"\nsizes = [5, "6"]', "^part.sizes takes a whole number, not '6'$"),
        ('title = "a"\nlabels = "x"', "^part.labels takes a table such as .label = "),
        ('title = "a"\nlabels.x = 5', "^part.labels.x takes a text, not 5$"),
        ('titel = "a"', "^unknown entry 'part.titel': did you mean 'part.title'"),
    ],
)
def test_values_of_a_table_keep_their_types(text: str, says: str) -> None:
    """TOML has types: unlike a text on the command line, "2" is not a number."""
    with pytest.raises(ScratchpadError, match=says):
        read_table(Table, tomllib.loads(text), "part")
