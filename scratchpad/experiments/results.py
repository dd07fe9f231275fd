"""The result files of an experiment: table.json, table.md, figure.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchpad.experiments.aggregate import SeedResult
from scratchpad.experiments.execute import PlannedRun
from scratchpad.experiments.figures import figure
from scratchpad.experiments.plan import Plan
from scratchpad.experiments.tables import Provenance, markdown, table
from scratchpad.reporting.charts import save
from scratchpad.training.checkpoint import write_atomically

FILES = ("table.json", "table.md", "figure.png")


def write_results(
    plan: Plan, work: Sequence[PlannedRun], seed_results: Sequence[SeedResult], out: Path, command: str
) -> dict[str, Any]:
    """Write table.json, table.md and figure.png into the folder `out`. Return the contents of table.json."""
    provenance = Provenance.of(command, work, seed_results)
    result = table(plan, seed_results, provenance)
    save(figure(plan, seed_results), out / FILES[2])
    write_atomically(out / FILES[1], markdown(result, provenance, FILES[2]))
    write_atomically(out / FILES[0], json.dumps(result, indent=1) + "\n")
    return result
