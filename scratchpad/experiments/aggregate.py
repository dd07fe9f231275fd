"""What was found: every seed's judgement as a line, and the lines of all seeds as one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from scratchpad.evaluation.intervals import median_interval, wilson
from scratchpad.evaluation.metrics import Score
from scratchpad.experiments.plan import Curve, Plan
from scratchpad.training.run_folder import read_json_lines

_TOLD = ("n", "method", "sampling", "transition_accuracy", "tokens", "seconds", "memory_bytes", "seen_in_training")
"""What a seed's line takes over from its score."""


@dataclass(frozen=True)
class History:
    """How a run was trained: its steps, the step at which it was first seen to have learned (none: never), seconds.

    evaluations: (step, {size: accuracy}) of those made on schedule.
    """

    steps: int
    learned_at: int | None
    seconds: float
    evaluations: tuple[tuple[int, Mapping[int, float]], ...]


@dataclass(frozen=True)
class SeedResult:
    """One seed of one curve, judged in one case at one size. seed: 0 where a curve's seeds vote as one."""

    curve: Curve
    case: str
    seed: int
    score: Score
    history: History

    def share(self, measure: str) -> tuple[float, float, float]:
        """The share of right answers, or of whole scratchpads right (`exact`), with its 95 % interval."""
        share = self.score.accuracy if measure == "answers" else self.score.exact_accuracy
        return share, *wilson(round(share * self.score.n), self.score.n)

    def to_json(self, on_schedule: bool) -> dict[str, Any]:
        """The line of one seed. on_schedule: with the step at which it was seen to have learned."""
        shares = {}
        for measure in ("answers", "exact"):
            names = (measure, f"{measure}_low", f"{measure}_high")
            shares |= dict(zip(names, self.share(measure), strict=True))
        return {
            **_place(self),
            "seed": self.seed,
            **shares,
            **{name: getattr(self.score, name) for name in _TOLD},
            "steps": self.history.steps,
            **({"learned_at": self.history.learned_at} if on_schedule else {}),
            "training_seconds": round(self.history.seconds, 1),
        }


def read_history(folder: Path, config_batch: int, learned: float) -> History:
    """What metrics.jsonl of a run tells of its training. learned: the accuracy, at every size, that counts as such."""
    lines = [line for _, line in read_json_lines(folder / "metrics.jsonl")]
    logged = [line for line in lines if "loss" in line]
    before, seconds = 0, 0.0
    for line in logged:
        seconds += (line["step"] - before) * config_batch / max(1e-9, line["documents_per_second"])
        before = line["step"]
    evaluations = tuple(
        (line["step"], {score["size"]: score["accuracy"] for score in line["evaluation"]})
        for line in lines
        if "evaluation" in line
    )
    learned_at = next((step for step, shares in evaluations if min(shares.values()) >= learned), None)
    return History(before, learned_at, seconds, evaluations)


def over_seeds(seed_results: Iterable[SeedResult], plan: Plan) -> list[dict[str, Any]]:
    """A line for each curve, case and size: the median over seeds, with an interval, and what an answer costs.

    The interval is the run's own (Wilson) for one seed, and the median's for several.
    """
    ordered = sorted(seed_results, key=lambda one: _order(one, plan))  # sorted is stable: seeds keep their order
    return [_summary(list(same), plan) for _, same in groupby(ordered, key=lambda one: _order(one, plan))]


def _order(result: SeedResult, plan: Plan) -> tuple[int, int, int]:
    return plan.curves.index(result.curve), list(plan.cases).index(result.case), result.score.size


def _summary(same: Sequence[SeedResult], plan: Plan) -> dict[str, Any]:
    shares = [one.share(plan.measure) for one in same]
    found = [share for share, _, _ in shares]
    low, high = shares[0][1:] if len(same) == 1 else median_interval(found)
    costs = {name: _median(getattr(one.score, name) for one in same) for name in ("tokens", "seconds", "memory_bytes")}
    return {
        **_place(same[0]),
        "seeds": len(same),
        **({"voters": same[0].curve.voters} if same[0].curve.voters else {}),
        "n": same[0].score.n,
        plan.measure: statistics.median(found),
        "low": low,
        "high": high,
        "lowest": min(found),
        "highest": max(found),
        "transition_accuracy": _median(one.score.transition_accuracy for one in same),
        **costs,
        "steps": _median(one.history.steps for one in same),
        **(_steps_to_learn(same) if plan.on_schedule else {}),
        "training_seconds": round(_median(one.history.seconds for one in same), 1),
        "paper": plan.reported.get(same[0].curve.title, ""),
    }


def _steps_to_learn(same: Sequence[SeedResult]) -> dict[str, Any]:
    """How many seeds learned, and the median of the steps it took them; those that never did count as infinite."""
    steps = [one.history.learned_at if one.history.learned_at is not None else math.inf for one in same]
    low, high = median_interval(steps)
    found = {"learned_at": statistics.median_high(steps), "learned_low": low, "learned_high": high}
    return {"learned": sum(map(math.isfinite, steps)), **{name: _finite(value) for name, value in found.items()}}


def _place(result: SeedResult) -> dict[str, Any]:
    """Where a line belongs. The size of another task's questions is none in the sense of the curve's own."""
    is_own = result.score.task == result.curve.config.task.name
    return {
        "curve": result.curve.title,
        "at": result.curve.at,
        "settings": dict(result.curve.settings),
        "case": result.case,
        "format": result.score.format,
        "size": result.score.size if is_own else None,
    }


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
