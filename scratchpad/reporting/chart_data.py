"""The data of the plots in a report: one series per group of runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from scratchpad.reporting.charts import RunCurve, Series
from scratchpad.reporting.run_groups import Group
from scratchpad.reporting.run_records import RunRecord


def accuracy_series(groups: Sequence[Group], protocol: str) -> list[Series]:
    """Return each group's accuracy by length. If trained lengths differ between groups, the labels show them."""
    trained = [group.runs[0].trained for group in groups]
    series = []
    for group, lengths in zip(groups, trained, strict=True):
        curves = [_accuracy(run, protocol) for run in group.runs]
        suffix = f" (trained on {lengths.to_json()})" if lengths and len(set(trained)) > 1 else ""
        shown = tuple(curve for curve in curves if curve.x)
        series.append(Series(group.label + suffix, shown, group.format, lengths))
    return series


def loss_series(groups: Sequence[Group]) -> list[Series]:
    """Return each group's training loss by step. Marks are the steps at which a stage of a curriculum was passed."""
    return [
        Series(
            group.label,
            tuple(
                RunCurve(tuple(line["step"] for line in run.losses), tuple(line["loss"] for line in run.losses))
                for run in group.runs
                if run.losses
            ),
            group.format,
            marks=tuple(step for run in group.runs for step, _ in run.stages),
        )
        for group in groups
    ]


def evaluation_panels(groups: Sequence[Group], method: str) -> list[tuple[str, list[Series]]]:
    """Return pairs (title, series) of mean accuracy by training step: for trained lengths, and for other lengths."""
    if all(run.trained is None for group in groups for run in group.runs):
        return [("all evaluated lengths", [_evaluations(group, method, trained=False) for group in groups])]
    panels = [
        ("lengths trained on", [_evaluations(group, method, trained=True) for group in groups]),
        ("lengths not trained on", [_evaluations(group, method, trained=False) for group in groups]),
    ]
    return [(title, series) for title, series in panels if any(one.curves for one in series)]


def _accuracy(run: RunRecord, protocol: str) -> RunCurve:
    scores = sorted(run.scores_under(protocol), key=lambda score: score.size)
    x, y, low, high = (tuple(getattr(s, name) for s in scores) for name in ("size", "accuracy", "low", "high"))
    return RunCurve(x, y, low, high)


def _evaluations(group: Group, method: str, trained: bool) -> Series:
    """Return each run's mean accuracy by training step: over trained lengths if `trained`, else over other lengths."""
    curves = []
    for run in group.runs:
        means: dict[float, float] = {}
        for step, scores in run.evaluations:
            shares = [
                score.accuracy for score in scores if score.method == method and run.was_trained(score.size) == trained
            ]
            means |= {step: statistics.mean(shares)} if shares else {}
        curves += [RunCurve(tuple(means), tuple(means.values()))] if means else []
    return Series(group.label, tuple(curves), group.format)
