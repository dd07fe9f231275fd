"""Draw the figures of docs/results again with this version: `python -m tools.redraw_results [FOLDER ...]`.

The numbers come from table.json and do not change. The tool also writes table.md, and the texts of the catalogue in
table.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.metrics import Score
from scratchpad.experiments.aggregate import History, SeedResult, over_seeds
from scratchpad.experiments.catalogue import experiment
from scratchpad.experiments.figures import figure
from scratchpad.experiments.plan import Plan
from scratchpad.experiments.results import FILES
from scratchpad.experiments.tables import Provenance, markdown, texts
from scratchpad.reporting.charts import save
from tools.write_results import RESULTS, publish


def plan_of(table: Mapping[str, Any]) -> Plan:
    """Return the plan of a published result."""
    name, _, scale = table["name"].rpartition("-")
    return experiment(name).plan(scale).with_votes(len(table["provenance"]["seeds"]))


def seed_results(plan: Plan, table: Mapping[str, Any]) -> list[SeedResult]:
    """Return the results of all seeds, and of seeds that vote as one model, from the lines of a table."""
    voted = [{"seed": 0, **line} for line in table["rows"] if "voters" in line]
    return [_seed_result(plan, line) for line in [*table["seeds"], *voted]]


def _seed_result(plan: Plan, line: Mapping[str, Any]) -> SeedResult:
    [curve] = [one for one in plan.curves if (one.title, one.at) == (line["curve"], line["at"])]
    config = curve.config if line["size"] is not None else plan.case_config(curve.config, line["case"])
    answers, exact = (line.get(measure, line[plan.measure]) for measure in ("answers", "exact"))
    score = Score(
        task=config.task.name, format=line["format"], size=line["size"] or 0, n=line["n"],
        correct=round(answers * line["n"]), accuracy=answers, low=0, high=1, method="free", seed=line["seed"],
        transition_accuracy=line["transition_accuracy"], exact_accuracy=exact, first_wrong=None,
        tokens=line["tokens"], seconds=line["seconds"], memory_bytes=line["memory_bytes"],
    )  # fmt: skip
    evaluated = line.get("evaluations", ())
    evaluations = tuple((step, {int(size): share for size, share in shares.items()}) for step, shares in evaluated)
    history = History(line["steps"], line.get("learned_at"), line["training_seconds"], evaluations)
    return SeedResult(curve, line["case"], line["seed"], score, history)


def redraw(folder: Path) -> None:
    """Write figure.png, table.md and the texts of table.json in a folder of docs/results.

    Raises ScratchpadError if the numbers over seeds do not follow from the numbers of the seeds.
    """
    table = json.loads((folder / FILES[0]).read_text(encoding="utf-8"))
    plan = plan_of(table)
    results = seed_results(plan, table)
    rows = over_seeds(results, plan)
    if [{**row, "paper": ""} for row in table["rows"]] != [{**row, "paper": ""} for row in rows]:
        raise ScratchpadError(f"{folder}: the rows do not follow from the seeds. Execute the experiment again.")
    table |= {**texts(plan), "rows": rows}
    save(figure(plan, results), folder / FILES[2])
    (folder / FILES[1]).write_text(markdown(table, Provenance(**table["provenance"]), FILES[2]), encoding="utf-8")
    (folder / FILES[0]).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for place in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(RESULTS.glob("*/")):
        redraw(place)
    publish([])
