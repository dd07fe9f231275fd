"""Lines over seeds from findings made by hand: medians, intervals, steps to learn."""

from __future__ import annotations

import math
from typing import Any

import pytest

from scratchpad.evaluate.scores import Score
from scratchpad.experiments.findings import Finding, History, over_seeds
from scratchpad.experiments.plan import Curve, Plan
from scratchpad.train.config import RunConfig

CURVE = Curve("mine", RunConfig(), "n=3")


def finding(seed: int, correct: int, learned_at: int | None, tokens: float) -> Finding:
    score = Score(
        "parity", "direct", 3, 100, correct, correct / 100, 0.0, 1.0, "free", 0, 0.5, correct / 200, None, tokens, 0.25,
        4096,
    )  # fmt: skip
    return Finding(CURVE, "", seed, score, History(70, learned_at, 11.0 * seed, ()))


def line(measure: str = "answers", form: str = "steps", **chosen: Any) -> dict[str, Any]:
    found = [finding(0, 90, 40, 2.0), finding(1, 10, None, 7.0), finding(2, 20, 60, 3.0)]
    plan = Plan("p", "t", (CURVE,), {"": {}}, form, measure, reported={"mine": "half"})
    [row] = over_seeds(found[: chosen.get("seeds", 3)], plan)
    return row


def test_a_line_holds_the_median_and_where_the_seeds_lie() -> None:
    row = line()
    assert (row["answers"], row["low"], row["high"]) == (0.2, 0.1, 0.9)
    assert (row["tokens"], row["training_seconds"], row["seeds"], row["paper"]) == (3.0, 11.0, 3, "half")
    assert (line("exact")["exact"], line("exact")["high"]) == (0.1, 0.45)


def test_a_seed_that_never_learned_counts_as_infinite() -> None:
    row = line()
    assert (row["learned"], row["learned_at"], row["learned_low"], row["learned_high"]) == (2, 60, 40, None)
    assert "learned_at" not in line(form="lengths")


def test_one_seed_has_its_own_interval() -> None:
    """Wilson's interval of 90 of 100, by the formula: middle and half width for z = 1.959964."""
    row, z = line(seeds=1), 1.959964
    middle = (0.9 + z * z / 200) / (1 + z * z / 100)
    half = z * math.sqrt(0.9 * 0.1 / 100 + z * z / 40_000) / (1 + z * z / 100)
    assert (row["low"], row["high"]) == (pytest.approx(middle - half), pytest.approx(middle + half))
