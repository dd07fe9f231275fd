"""Every number in the tables of a report is computed again from evaluation.jsonl."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest
from test_report import PLAIN, Page
from tiny_runs import tiny, trained

from scratchpad.evaluation.intervals import wilson
from scratchpad.number_format import NOTHING, memory, percent, percent_range
from scratchpad.reporting.html_page import report

FORMATS = ("inductive", "direct", "scratchpad")
SIZES = (2, 3)
Sample = dict[str, Any]
Rows = list[list[str]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs with some correct and some wrong samples, evaluated with both methods."""
    out = tmp_path_factory.mktemp("runs")
    learned = {"train__steps": 60, "train__batch": 16, "train__learning_rate": 1e-2, "bits": "1-2", "window": 3}
    for name in FORMATS:
        run = trained(out / name, tiny(task__format=name, evaluate__sizes="2,3", **learned))
        for method in ("forced", "free"):
            run.evaluate(n=23, method=method)
    return {name: out / name for name in FORMATS}


@pytest.fixture(scope="module")
def rows(folders: dict[str, Path]) -> Rows:
    return Page(report(list(folders.values()))).rows


def samples(folder: Path, method: str, size: int) -> list[Sample]:
    every = [json.loads(line) for line in (folder / "evaluation.jsonl").read_text().splitlines()]
    return [line for line in every if (line["method"], line["size"]) == (method, size)]


def under(rows: Rows, label: str, name: str, end: str = "") -> Rows:
    """Return the cells of all rows `name` in the tables of a group. Such a table has a row with the label alone."""
    found, inside = [], False
    for row in rows:
        inside = row == [label] or (inside and len(row) > 1)
        if inside and row[0] == name:
            found.append(row[1:])
    return found


def accuracy(of: Callable[[Sample], bool], lines: list[Sample]) -> str:
    correct = sum(map(of, lines))
    text = f"{percent(correct / len(lines))} {percent_range(*wilson(correct, len(lines)))}"
    return text.translate(PLAIN)


@pytest.mark.parametrize("name", FORMATS)
def test_accuracies_are_those_of_the_samples(folders: dict[str, Path], rows: Rows, name: str) -> None:
    """The tables are of teacher forcing, of generated answers and of generated scratchpads."""
    forced, free = ([samples(folders[name], method, size) for size in SIZES] for method in ("forced", "free"))
    expected = [
        [accuracy(lambda line: line["exact"], lines) for lines in forced],
        [accuracy(lambda line: line["answer"] == line["truth"], lines) for lines in free],
        [accuracy(lambda line: line["status"] == "done" and all(line["transitions"]), lines) for lines in free],
    ][: 2 if name == "direct" else 3]
    assert [row[1:] for row in rows if row[0] == name and len(row) == 3] == expected
    assert any(0 < sum(line["exact"] for line in lines) < len(lines) for lines in forced), "the samples are all alike"


def test_transitions_are_those_of_the_samples(folders: dict[str, Path], rows: Rows) -> None:
    by_method = [[samples(folders["inductive"], method, size) for size in SIZES] for method in ("forced", "free")]
    single, first = [], []
    for by_size in by_method:
        single.append([percent(mean(one for line in lines for one in line["transitions"]), 2) for lines in by_size])
        wrong = [[line["transitions"].index(False) + 1 for line in lines if not line["exact"]] for lines in by_size]
        first.append([f"{median(places):g}" if places else NOTHING.translate(PLAIN) for places in wrong])
    assert under(rows, "inductive", "correct single transitions") == single
    assert under(rows, "inductive", "first wrong state") == first
    chains = [row for row in rows if row[0].endswith(" bits") and len(row) == 5]
    assert chains == [
        [f"{size} bits", str(len(lines)), percent(mean(line["exact"] for line in lines)), predicted(lines), shown]
        for by_size, shares in zip(by_method, single, strict=True)
        for size, lines, shown in zip(SIZES, by_size, shares, strict=True)
    ]


def predicted(lines: list[Sample]) -> str:
    """Return the share of correct chains if transitions failed independently. All true chains of a size are as long."""
    [length] = {sum(symbol.isdecimal() for symbol in line["question"]) + 1 for line in lines}
    by_place = [
        [line["transitions"][place] for line in lines if place < len(line["transitions"])] for place in range(length)
    ]
    return percent(prod(mean(found) for found in by_place if found))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("method", "unit"), [("forced", "per question"), ("free", "per answer")])
def test_costs_are_those_of_the_samples(
    folders: dict[str, Path], rows: Rows, name: str, method: str, unit: str
) -> None:
    by_size = [samples(folders[name], method, size) for size in SIZES]
    of = "of the forward pass" if method == "forced" else "of generation"
    assert under(rows, name, f"tokens {unit}") == [
        [f"{mean(line['tokens'] for line in lines):,.1f}" for lines in by_size]
    ]
    memories = [memory(round(mean(line["memory_bytes"] for line in lines))) for lines in by_size]
    assert under(rows, name, f"memory {of} {unit}") == [memories]
