"""The figure of an experiment, of the same kind as in the paper."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from matplotlib.figure import Figure

from scratchpad.evaluation.intervals import median_interval, wilson
from scratchpad.experiments.aggregate import SeedResult
from scratchpad.experiments.plan import MEASURES, Curve, Plan
from scratchpad.reporting.charts import RunCurve, Series, accuracy_plot, evaluation_plot
from scratchpad.reporting.comparison_charts import Bar, Learned, bars_plot, steps_plot
from scratchpad.tasks.formats import format_named


def figure(plan: Plan, seed_results: Sequence[SeedResult]) -> Figure:
    """Return the figure whose kind is `plan.form`."""
    return {"lengths": _lengths, "steps": _steps, "bars": _bars, "progress": _progress}[plan.form](plan, seed_results)


def _lengths(plan: Plan, seed_results: Sequence[SeedResult]) -> Figure:
    series = []
    for curve in plan.curves:
        for case in plan.cases:
            found = [one for one in seed_results if (one.curve, one.case) == (curve, case)]
            lines = [_line(plan, [one for one in found if one.seed == seed]) for seed in _seeds(found)]
            label = f"{curve.name}, {case}" if case else curve.name
            trained = plan.tasks.load(curve.config.task).covered_sizes()
            series.append(Series(label, tuple(lines), _format(curve, found), trained))
    length = f"length ({plan.tasks.load(plan.curves[0].config.task).size_setting})"
    return accuracy_plot(series, length, _axis(plan), _chance(plan), plan.title)


def _line(plan: Plan, found: Sequence[SeedResult]) -> RunCurve:
    ordered = sorted(found, key=lambda one: one.score.size)
    shares = [one.share(plan.measure) for one in ordered]
    share, low, high = (tuple(part) for part in zip(*shares, strict=True))
    return RunCurve(tuple(one.score.size for one in ordered), share, low, high)


def _bars(plan: Plan, seed_results: Sequence[SeedResult]) -> Figure:
    """Draw a row of bars per curve: one bar per case, or one bar per size if a single case has several sizes."""
    sizes = sorted({one.score.size for one in seed_results})
    by_size = len(plan.cases) == 1 and len(sizes) > 1
    keys: list[tuple[str, int | None]] = (
        [(case, size) for case in plan.cases for size in sizes] if by_size else [(case, None) for case in plan.cases]
    )
    length = plan.tasks.load(plan.curves[0].config.task).size_setting
    labels = [f"{length} {size}" if size else case for case, size in keys]
    rows = []
    for curve in plan.curves:
        of_curve = [one for one in seed_results if one.curve == curve]
        rows.append((curve.name, [_bar(plan, of_curve, case, size) for case, size in keys]))
    return bars_plot(rows, labels, _axis(plan), _chance(plan), plan.title)


def _bar(plan: Plan, seed_results: Sequence[SeedResult], case: str, size: int | None) -> Bar | None:
    """Return the bar of a case. Each seed gives its mean over sizes; the bar is the median over seeds."""
    found = [one for one in seed_results if one.case == case and size in (None, one.score.size)]
    means, questions = [], 0
    for seed in _seeds(found):
        of_seed = [one for one in found if one.seed == seed]
        means.append(statistics.mean(one.share(plan.measure)[0] for one in of_seed))
        questions = sum(one.score.n for one in of_seed)
    if not means:
        return None
    low, high = wilson(round(means[0] * questions), questions) if len(means) == 1 else median_interval(means)
    return Bar(statistics.median(means), low, high, tuple(means), found[0].score.format)


def _steps(plan: Plan, seed_results: Sequence[SeedResult]) -> Figure:
    series: dict[tuple[str, str], list[Learned]] = {}
    for curve in plan.curves:
        runs = {one.seed: one.history for one in seed_results if one.curve == curve}
        steps = tuple(run.learned_at if run.learned_at is not None else math.inf for run in runs.values())
        given_up = max(run.steps for run in runs.values())
        learned = Learned(curve.position, statistics.median_high(steps), *median_interval(steps), steps, given_up)
        series.setdefault((curve.label, curve.config.task.format), []).append(learned)
    labelled = [(Series(label, format=name), places) for (label, name), places in series.items()]
    varied, length = plan.varied.rpartition(".")[2], plan.tasks.load(plan.curves[0].config.task).size_setting
    return steps_plot(labelled, f"length ({varied})" if varied == length else f"setting {varied}", plan.title)


def _progress(plan: Plan, seed_results: Sequence[SeedResult]) -> Figure:
    """Return the figure of accuracy over training steps, for the largest size that is evaluated during training."""
    series, largest = [], 0
    for curve in plan.curves:
        runs = {one.seed: one.history for one in seed_results if one.curve == curve}
        lines = []
        for run in runs.values():
            largest = max(largest, *(size for _, shares in run.evaluations for size in shares))
            points = [(step, shares[max(shares)]) for step, shares in run.evaluations]
            lines.append(RunCurve(tuple(step for step, _ in points), tuple(share for _, share in points)))
        series.append(Series(curve.name, tuple(lines), curve.config.task.format))
    setting = plan.tasks.load(plan.curves[0].config.task).size_setting
    return evaluation_plot([(f"tested at {setting} = {largest}", series)], _axis(plan), _chance(plan), plan.title)


def _seeds(seed_results: Sequence[SeedResult]) -> list[int]:
    return sorted({one.seed for one in seed_results})


def _format(curve: Curve, found: Sequence[SeedResult]) -> str:
    return found[0].score.format if found else curve.config.task.format


def _chance(plan: Plan) -> float:
    """Return the share of the most common answer, or 0 if it is unknown or varies, or if scratchpads are scored."""
    configs = [plan.case_config(curve.config, case).task for curve in plan.curves for case in plan.cases]
    if plan.measure == "exact" and all(format_named(config.format).has_work for config in configs):
        return 0
    shares = {plan.tasks.load(config).most_common_share for config in configs}
    return shares.pop() if len(shares) == 1 else 0


def _axis(plan: Plan) -> str:
    return f"{MEASURES[plan.measure]} (%)"
