"""Results of an experiment: one line per seed, and one line over all seeds with a median and an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median, median_high
from typing import Any

from scratchpad.evaluation.intervals import median_interval, wilson
from scratchpad.evaluation.metrics import Score
from scratchpad.experiments.plan import Curve, Plan
from scratchpad.training.run_folder import read_json_lines

_COPIED = ("n", "method", "sampling", "transition_accuracy", "tokens", "seconds", "memory_bytes", "seen_in_training")
"""Fields of a score that are copied into the line of a seed."""


@dataclass(frozen=True)
class History:
    """The training of a run.

    steps: the number of training steps. seconds: the training time. learned_at: the first evaluated step at which the
    run had learned (None: never). evaluations: (step, {size: accuracy}) of each scheduled evaluation.
    """

    steps: int
    learned_at: int | None
    seconds: float
    evaluations: tuple[tuple[int, Mapping[int, float]], ...]


@dataclass(frozen=True)
class SeedResult:
    """The result of a run (a curve with a seed) in one case at one question size. If all seeds vote, `seed` is 0."""

    curve: Curve
    case: str
    seed: int
    score: Score
    history: History

    def share(self, measure: str) -> tuple[float, float, float]:
        """Return the share of correct answers ('answers') or correct scratchpads ('exact'), with its 95 % interval."""
        share = self.score.accuracy if measure == "answers" else self.score.exact_accuracy
        return share, *wilson(round(share * self.score.n), self.score.n)

    def to_json(self, plan: Plan) -> dict[str, Any]:
        """Return the table line of this seed, with all numbers that the figure of the plan needs."""
        shares = {}
        for measure in ("answers", "exact"):
            names = (measure, f"{measure}_low", f"{measure}_high")
            shares |= dict(zip(names, self.share(measure), strict=True))
        return {
            **_place(self),
            "seed": self.seed,
            **shares,
            **{name: getattr(self.score, name) for name in _COPIED},
            "steps": self.history.steps,
            **({"learned_at": self.history.learned_at} if plan.on_schedule else {}),
            **({"evaluations": self.history.evaluations} if plan.form == "progress" else {}),
            "training_seconds": round(self.history.seconds, 1),
        }


def read_history(folder: Path, config_batch: int, learned: float) -> History:
    """Read a run's metrics.jsonl. A run has learned once its accuracy is at least `learned` at every size."""
    lines = [line for _, line in read_json_lines(folder / "metrics.jsonl")]
    before, seconds = 0, 0.0
    for line in (line for line in lines if "loss" in line):
        seconds += (line["step"] - before) * config_batch / max(1e-9, line["documents_per_second"])
        before = line["step"]
    evaluated = ((line["step"], line["evaluation"]) for line in lines if "evaluation" in line)
    evaluations = tuple((step, {score["size"]: score["accuracy"] for score in scores}) for step, scores in evaluated)
    learned_at = next((step for step, shares in evaluations if min(shares.values()) >= learned), None)
    return History(before, learned_at, seconds, evaluations)


def over_seeds(seed_results: Iterable[SeedResult], plan: Plan) -> list[dict[str, Any]]:
    """Return one table line per curve, case and size: the median over seeds, its interval, and the costs of an answer.

    The interval is the Wilson interval of the accuracy for one seed, and of the median for several seeds.
    """

    def order(result: SeedResult) -> tuple[int, int, int]:
        return plan.curves.index(result.curve), list(plan.cases).index(result.case), result.score.size

    ordered = sorted(seed_results, key=order)  # sorted is stable: seeds keep their order
    return [_summary(list(same), plan) for _, same in groupby(ordered, key=order)]


def _summary(same: Sequence[SeedResult], plan: Plan) -> dict[str, Any]:
    shares = [one.share(plan.measure) for one in same]
    found = [share for share, _, _ in shares]
    low, high = shares[0][1:] if len(same) == 1 else median_interval(found)
    costs = {name: median(getattr(one.score, name) for one in same) for name in ("tokens", "seconds", "memory_bytes")}
    return {
        **_place(same[0]),
        "seeds": len(same),
        **({"voters": same[0].curve.voters} if same[0].curve.voters else {}),
        "n": same[0].score.n,
        plan.measure: median(found),
        "low": low,
        "high": high,
        "lowest": min(found),
        "highest": max(found),
        "transition_accuracy": median(one.score.transition_accuracy for one in same),
        **costs,
        "steps": median(one.history.steps for one in same),
        **(_steps_to_learn(same) if plan.on_schedule else {}),
        "training_seconds": round(median(one.history.seconds for one in same), 1),
        "paper": plan.reported.get(same[0].curve.title, ""),
    }


def _steps_to_learn(same: Sequence[SeedResult]) -> dict[str, Any]:
    """Return how many seeds learned, and the median steps to learn. A seed that never learned needs infinite steps."""
    steps = [one.history.learned_at if one.history.learned_at is not None else math.inf for one in same]
    low, high = median_interval(steps)
    values = {"learned_at": median_high(steps), "learned_low": low, "learned_high": high}
    found = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return {"learned": sum(map(math.isfinite, steps)), **found}


def _place(result: SeedResult) -> dict[str, Any]:
    """Return the curve, case and size of a table line. The size is None if the case's task is not the curve's."""
    is_own = result.score.task == result.curve.config.task.name
    return {
        "curve": result.curve.title,
        "at": result.curve.at,
        "settings": dict(result.curve.settings),
        "case": result.case,
        "format": result.score.format,
        "size": result.score.size if is_own else None,
    }
