"""The table of an experiment: as JSON, as Markdown with the figure, and as rows for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scratchpad.evaluation.intervals import spread_name
from scratchpad.experiments.aggregate import SeedResult, over_seeds
from scratchpad.experiments.execute import PlannedRun
from scratchpad.experiments.plan import MEASURES, Plan
from scratchpad.number_format import NOTHING, duration, memory, percent, percent_range, unbroken
from scratchpad.provenance import hardware, package_version
from scratchpad.training.run_folder import read_run_record

JsonObject = Mapping[str, Any]


@dataclass(frozen=True)
class Provenance:
    """The origin of a table. machine, commits: those used for training. seconds: the training time of all runs."""

    command: str
    machine: str
    commits: tuple[str, ...]
    seeds: tuple[int, ...]
    seconds: float
    versions: Mapping[str, str]
    written: str

    @classmethod
    def of(cls, command: str, work: Sequence[PlannedRun], seed_results: Sequence[SeedResult]) -> Provenance:
        runs = {(one.curve.name, one.seed): one.history.seconds for one in seed_results if not one.curve.voters}
        records = [read_run_record(run.folder) for run in work]
        return cls(
            command,
            " and ".join(sorted({record.get("machine", {}).get("hardware") or hardware() for record in records})),
            tuple(sorted({str(record.get("git")) for record in records})),
            tuple(sorted({run.seed for run in work})),
            round(sum(runs.values()), 1),
            {**records[0].get("versions", {}), "scratchpad": package_version()},
            datetime.now(UTC).strftime("%Y-%m-%d"),
        )

    @property
    def line(self) -> str:
        seeds = f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}"
        return (
            f"`{self.command}`; trained at commit {', '.join(self.commits)}; {self.machine}; {seeds}; "
            f"{self.seconds / 60:.1f} minutes of training; {self.written}"
        )


def table(plan: Plan, seed_results: Sequence[SeedResult], provenance: Provenance) -> dict[str, Any]:
    """Return the contents of table.json. `rows` has the results over all seeds; `seeds` has one line per seed."""
    return {
        **texts(plan),
        "provenance": dict(vars(provenance)),
        "rows": over_seeds(seed_results, plan),
        "seeds": [result.to_json(plan) for result in seed_results if not result.curve.voters],
    }


def texts(plan: Plan) -> dict[str, str]:
    """Return the texts of table.json."""
    return {name: getattr(plan, name) for name in ("name", "title", "source", "setup", "paper", "note", "measure")}


def markdown(result: Mapping[str, Any], provenance: Provenance, picture: str) -> str:
    """Return table.md: the set-up, the paper's result, the results over all seeds and of each seed, the provenance."""
    rows, seeds = result["rows"], result["seeds"]
    several, votes = len(provenance.seeds) > 1, any("voters" in row for row in rows)
    parts = [
        f"# {result['title']}",
        *(f"{name}: {result[key]}" for name, key in _TEXTS.items() if result[key]),
        f"![{result['title']}]({picture})",
        f"Median over {len(provenance.seeds)} seeds, {spread_name(len(provenance.seeds))}.{_VOTES * votes}"
        if several
        else "",
        _table(*cells(rows, result["measure"])),
        "## Every seed\n\n" + _table(*_seed_cells(seeds, result["measure"])) if several else "",
        provenance.line,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_VOTES = " Voting seeds give one answer together; its 95 % interval is that of a single run."
_TEXTS = {"Source": "source", "Set-up of the paper": "setup", "The paper's result": "paper", "Here": "note"}


def cells(rows: Sequence[JsonObject], measure: str) -> tuple[list[str], list[list[str]]]:
    """Return column names, and a list of texts for each line of `over_seeds`. Empty columns are left out."""
    columns: dict[str, list[str]] = {
        "curve": [_name(row) for row in rows],
        "case": [row["case"] for row in rows],
        "size": ["" if row["size"] is None else str(row["size"]) for row in rows],
        MEASURES[measure]: [percent(row[measure]) for row in rows],
        spread_name(max(row["seeds"] for row in rows)): [percent_range(row["low"], row["high"]) for row in rows],
        "single transitions": [percent(row["transition_accuracy"], 2) for row in rows],
        "steps to learn": [_learned(row) if "learned" in row else "" for row in rows],
        "tokens per answer": [f"{row['tokens']:.0f}" for row in rows],
        "time per answer": [duration(row["seconds"]) for row in rows],
        "memory per answer": [memory(row["memory_bytes"]) for row in rows],
        "training": [f"{row['steps']:.0f} steps, {row['training_seconds']:.0f} s" for row in rows],
        "the paper": [row["paper"] for row in rows],
    }
    return _without_empty(columns)


def _seed_cells(rows: Sequence[JsonObject], measure: str) -> tuple[list[str], list[list[str]]]:
    columns = {
        "curve": [_name(row) for row in rows],
        "case": [row["case"] for row in rows],
        "size": ["" if row["size"] is None else str(row["size"]) for row in rows],
        "seed": [str(row["seed"]) for row in rows],
        MEASURES[measure]: [percent(row[measure]) for row in rows],
        "95 % interval": [percent_range(row[f"{measure}_low"], row[f"{measure}_high"]) for row in rows],
        "learned at step": [str(row.get("learned_at") or NOTHING) for row in rows],
        "seen in training": [f"{row['seen_in_training']} of {row['n']}" for row in rows],
    }
    return _without_empty(columns)


def _without_empty(columns: Mapping[str, list[str]]) -> tuple[list[str], list[list[str]]]:
    kept = {name: texts for name, texts in columns.items() if any(text not in ("", NOTHING) for text in texts)}
    return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *(map(unbroken, row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _name(row: JsonObject) -> str:
    return f"{row['curve']}, {row['at']}" if row["at"] else row["curve"]


def _learned(row: JsonObject) -> str:
    """Return the median steps to learn and their interval. If the median seed did not learn: how many seeds did."""
    if row["learned_at"] is None:
        return f"not in {row['steps']:.0f}" if not row["learned"] else f"{row['learned']} of {row['seeds']} seeds"
    high = row["learned_high"] if row["learned_high"] is not None else math.inf
    spread = f" ({row['learned_low']}{NOTHING}{high})" if row["learned_low"] != high else ""
    return f"{row['learned_at']}{spread}"
