"""The files an experiment leaves: table.json, table.md, figure.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchpad.experiments.aggregate import Finding
from scratchpad.experiments.execute import Errand
from scratchpad.experiments.figures import figure
from scratchpad.experiments.plan import Plan
from scratchpad.experiments.tables import Provenance, markdown, table
from scratchpad.reporting.charts import save_png
from scratchpad.training.checkpoint import write_whole

FILES = ("table.json", "table.md", "figure.png")


def write_results(
    plan: Plan, work: Sequence[Errand], findings: Sequence[Finding], out: Path, command: str
) -> dict[str, Any]:
    """Write the three files into the folder `out`, and return what table.json holds."""
    provenance = Provenance.of(command, work, findings)
    result = table(plan, findings, provenance)
    save_png(figure(plan, findings), out / FILES[2])
    write_whole(out / FILES[1], markdown(result, provenance, FILES[2]))
    write_whole(out / FILES[0], json.dumps(result, indent=1) + "\n")
    return result
