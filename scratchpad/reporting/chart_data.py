"""The series of runs that the plots of a report show."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from scratchpad.reporting.charts import RunCurve, Series
from scratchpad.reporting.run_groups import Group
from scratchpad.reporting.run_records import RunRecord


def accuracy_series(groups: Sequence[Group], protocol: str) -> list[Series]:
    """Return accuracy over length. If groups differ in trained lengths, each label includes the trained lengths."""
    trained = [group.runs[0].trained for group in groups]
    series = []
    for group, lengths in zip(groups, trained, strict=True):
        curves = [_accuracy(run, protocol) for run in group.runs]
        suffix = f" (trained on {lengths.to_json()})" if lengths and len(set(trained)) > 1 else ""
        series.append(Series(group.label + suffix, tuple(curve for curve in curves if curve.x), lengths))
    return series


def loss_series(groups: Sequence[Group]) -> list[Series]:
    """Return training loss over steps, with a mark at each step that passed a stage of a curriculum."""
    return [
        Series(
            group.label,
            tuple(
                RunCurve(tuple(line["step"] for line in run.losses), tuple(line["loss"] for line in run.losses))
                for run in group.runs
                if run.losses
            ),
            marks=tuple(step for run in group.runs for step, _ in run.stages),
        )
        for group in groups
    ]


def evaluation_panels(groups: Sequence[Group], method: str) -> list[tuple[str, list[Series]]]:
    """Return panels (title, mean accuracy over training steps): one for trained lengths, one for other lengths."""
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
    """Return each run's mean accuracy over its trained lengths, or over all other lengths if `trained` is False."""
    curves = []
    for run in group.runs:
        means: dict[float, float] = {}
        for step, scores in run.evaluations:
            shares = [
                score.accuracy for score in scores if score.method == method and run.was_trained(score.size) == trained
            ]
            means |= {step: statistics.mean(shares)} if shares else {}
        curves += [RunCurve(tuple(means), tuple(means.values()))] if means else []
    return Series(group.label, tuple(curves))
