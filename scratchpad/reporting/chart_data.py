"""From runs to what is plotted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from scratchpad.reporting.charts import Curve, Series
from scratchpad.reporting.run_groups import Group
from scratchpad.reporting.run_records import RunRecord


def accuracy_series(groups: Sequence[Group], way: str) -> list[Series]:
    """Accuracy over length; where the trained lengths differ, each label says its own."""
    laws = [group.runs[0].trained for group in groups]
    series = []
    for group, law in zip(groups, laws, strict=True):
        curves = [_accuracy(run, way) for run in group.runs]
        own = f" (trained on {law.to_json()})" if law and len(set(laws)) > 1 else ""
        series.append(Series(group.label + own, tuple(curve for curve in curves if curve.x), law))
    return series


def loss_series(groups: Sequence[Group]) -> list[Series]:
    """Training loss over steps, and where stages of a curriculum were passed."""
    return [
        Series(
            group.label,
            tuple(_loss(run) for run in group.runs if run.losses),
            marks=tuple(step for run in group.runs for step, _ in run.stages),
        )
        for group in groups
    ]


def evaluation_panels(groups: Sequence[Group], method: str) -> list[tuple[str, list[Series]]]:
    """Accuracy over training steps by one method: the mean over the lengths trained on, and over those beyond."""
    if all(run.trained is None for group in groups for run in group.runs):
        return [("all lengths judged", [_evaluations(group, method, trained=False) for group in groups])]
    panels = [
        ("lengths trained on", [_evaluations(group, method, trained=True) for group in groups]),
        ("lengths not trained on", [_evaluations(group, method, trained=False) for group in groups]),
    ]
    return [(title, series) for title, series in panels if any(one.curves for one in series)]


def _accuracy(run: RunRecord, way: str) -> Curve:
    scores = sorted((score for (by, _), score in run.scores.items() if by == way), key=lambda score: score.size)
    x, y, low, high = (tuple(getattr(s, name) for s in scores) for name in ("size", "accuracy", "low", "high"))
    return Curve(x, y, low, high)


def _loss(run: RunRecord) -> Curve:
    return Curve(tuple(line["step"] for line in run.losses), tuple(line["loss"] for line in run.losses))


def _evaluations(group: Group, method: str, trained: bool) -> Series:
    curves = []
    for run in group.runs:
        means: dict[float, float] = {}
        for step, scores in run.evaluations:
            judged = [score for score in scores if score.method == method]
            shares = [score.accuracy for score in judged if run.was_trained(score.size) == trained]
            means |= {step: statistics.mean(shares)} if shares else {}
        curves += [Curve(tuple(means), tuple(means.values()))] if means else []
    return Series(group.label, tuple(curves))
