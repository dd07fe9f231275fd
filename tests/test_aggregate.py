"""Lines over seeds, from results made by hand: medians, intervals, steps to learn."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from run_folders import parity, write_run

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig
from scratchpad.evaluation.metrics import Score
from scratchpad.experiments.aggregate import History, SeedResult, over_seeds
from scratchpad.experiments.execute import PlannedRun
from scratchpad.experiments.plan import Curve, Plan
from scratchpad.experiments.tables import Provenance, cells, markdown
from scratchpad.provenance import hardware

PROVENANCE = Provenance("c", "m", ("a",), (0, 1), 1.0, {}, "today")
CURVE = Curve("mine", RunConfig().with_settings({"train.evaluate_every": "10"}), "n=3")


def result(seed: int, correct: int, learned_at: int | None, tokens: float) -> SeedResult:
    score = Score(
        "parity", "direct", 3, 100, correct, correct / 100, 0.0, 1.0, "free", 0, 0.5, correct / 200, None, tokens, 0.25,
        4096,
    )  # fmt: skip
    return SeedResult(CURVE, "", seed, score, History(70, learned_at, 11.0 * seed, ()))


def line(measure: str = "answers", form: str = "steps", **chosen: Any) -> dict[str, Any]:
    found = [result(0, 90, 40, 2.0), result(1, 10, None, 7.0), result(2, 20, 60, 3.0)]
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


def test_a_seed_has_the_step_at_which_it_learned() -> None:
    found = result(0, 90, 40, 2.0)
    shown = {}
    for form in ("steps", "lengths"):
        plan = Plan("p", "t", (CURVE,), {"": {}}, form)
        texts = dict.fromkeys(("title", "source", "setup", "paper", "note"), "t") | {
            "measure": "answers",
            "rows": over_seeds([found], plan),
        }
        seeds = [found.to_json(plan)] * 2
        assert seeds[0].get("learned_at") == (40 if form == "steps" else None)
        shown[form] = markdown(texts | {"seeds": seeds}, PROVENANCE, "figure.png")
    assert ("learned at step" in shown["steps"], "learned at step" in shown["lengths"]) == (True, False)


def test_questions_of_another_task_have_no_size_in_the_curves_measure() -> None:
    own = result(0, 90, None, 2.0)
    other = dataclasses.replace(own, score=dataclasses.replace(own.score, task="cycles"), case="others")
    rows = over_seeds([own, other], Plan("p", "t", (CURVE,), {"": {}, "others": {}}))
    assert [row["size"] for row in rows] == [3, None]
    columns, texts = cells(rows, "answers")
    assert [row[columns.index("size")] for row in texts] == ["3", ""]


def test_the_machine_is_the_one_that_trained(tmp_path: Path) -> None:
    """Of runs that were recorded without one, this one."""
    work = []
    for seed, machine in enumerate(("a fast one", "a slow one", "a fast one", None)):
        folder = write_run(tmp_path / f"seed-{seed}", parity())
        record = json.loads((folder / "config.json").read_text())
        record["machine"] |= {"hardware": machine} if machine else {}
        (folder / "config.json").write_text(json.dumps(record))
        work.append(PlannedRun(CURVE, seed, folder, resolve(parity()), True))
    assert Provenance.of("c", work[:3], []).machine == "a fast one and a slow one"
    assert Provenance.of("c", work[:1], []).machine == "a fast one"
    assert Provenance.of("c", work[3:], []).machine == hardware()
