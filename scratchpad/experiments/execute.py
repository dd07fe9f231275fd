"""Execution of an experiment's plan: train the runs that are not trained yet, then evaluate every run in every case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from scratchpad.config.parse import to_json
from scratchpad.config.resolve import ResolvedRun, resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.evaluation.metrics import Score
from scratchpad.experiments.aggregate import History, SeedResult, read_history
from scratchpad.experiments.plan import Curve, Plan, find_duplicate
from scratchpad.generation.sampling import Sampling
from scratchpad.run import Run, check_symbols
from scratchpad.training.checkpoint import Checkpoints, write_atomically
from scratchpad.training.launcher import OnRunMetrics, TrainingJob, launch_runs
from scratchpad.training.run_folder import is_trained, read_json_lines, require_keys, saved_config
from scratchpad.training.setup import check_start_fits, load_start, measure, train

_RUN_SCORES, _VOTE_SCORES = "judged.jsonl", "votes.jsonl"


@dataclass(frozen=True)
class PlannedRun:
    """A training run: one curve with one seed, and its folder. trained: whether the folder has the finished run."""

    curve: Curve
    seed: int
    folder: Path
    resolved: ResolvedRun
    trained: bool

    @property
    def config(self) -> RunConfig:
        return self.resolved.config

    @property
    def name(self) -> str:
        return f"{self.curve.name}, seed {self.seed}"


@dataclass(frozen=True)
class ExecutionOptions:
    """How to execute a plan.

    jobs: the number of runs trained at the same time. batch: the number of questions answered at the same time.
    on_metrics: called with metrics of runs in training. on_message: called with a line of text before each evaluation.
    """

    device: str = "auto"
    jobs: int = 1
    batch: int = 64
    on_metrics: OnRunMetrics = field(default=lambda name, line: None)
    on_message: Callable[[str], None] = field(default=lambda text: None)


def prepared(plan: Plan, out: Path) -> Plan:
    """Fill in the settings that follow from the data, such as the number of learned positions. Return the new plan.

    The number of positions suffices for every case. If a run in the experiment's folder `out` already has enough
    positions, the new plan keeps that run's number. Raises ScratchpadError if settings are impossible, if two curves
    would train the same weights, or if a run cannot answer a case.
    """
    duplicate = find_duplicate(plan.name, plan.curves, plan.tasks, plan.on_schedule)
    if duplicate:
        raise ScratchpadError(
            f"{plan.name}: the curves {duplicate[0].name} and {duplicate[1].name} would train the same weights "
            "twice. Remove one of the two curves. To evaluate the same weights in another way, add a case"
        )
    found: dict[str, Curve] = {}
    for curve in reversed(plan.curves):  # a curve needs as many positions as the later curves that start from it
        heirs = [one.config for one in found.values() if plan.start_curve(one) == curve]
        runs = sorted(path.parent for path in curve.folder(out, 0).parent.glob("seed-*/config.json"))
        found[curve.name] = _prepared(plan, curve, heirs, saved_config(runs[0]).model.context if runs else None)
    for curve in plan.curves:
        with error_prefix(plan.context(curve)):
            if base := plan.start_curve(curve):
                model = found[base.name].config.model
                run = resolve(_with_room(found[curve.name].config, model.context or 0), plan.tasks)
                symbols = resolve(found[base.name].config, plan.tasks).codec.to_json()
                check_start_fits(run, model, symbols, found[base.name].name)
                found[curve.name] = dataclasses.replace(found[curve.name], config=run.config)
            else:
                load_start(resolve(found[curve.name].config, plan.tasks))
    return dataclasses.replace(plan, curves=tuple(found[curve.name] for curve in plan.curves))


def _prepared(plan: Plan, curve: Curve, heirs: Sequence[RunConfig], room: int | None) -> Curve:
    alone = curve.config if plan.start_curve(curve) is None else _starting_from(curve.config, None)
    with error_prefix(plan.context(curve)):
        run = measure(resolve(alone, plan.tasks), room=room)
    contexts = [one.model.context or 0 for one in heirs]
    for case in plan.cases:
        with error_prefix(plan.context(curve, case)):
            other = resolve(plan.case_config(alone, case), plan.tasks)
            check_symbols(other.task, run.codec, "the curve is")
            contexts.append(measure(other, only_evaluated=True, room=room).config.model.context or 0)
    config = _with_room(run.config, *contexts)
    return dataclasses.replace(curve, config=_starting_from(config, curve.config.train.start))


def _with_room(config: RunConfig, *contexts: int) -> RunConfig:
    """Return the config with model.context raised to the largest of `contexts`, if model.context is set."""
    if config.model.context is None:
        return config
    most = max(config.model.context, *contexts)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, context=most))


def _starting_from(config: RunConfig, start: str | None) -> RunConfig:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, start=start))


def planned_runs(plan: Plan, seeds: Sequence[int], out: Path) -> list[PlannedRun]:
    """Return the runs of a prepared plan, seed by seed. Raises ScratchpadError if a folder has a different run."""
    return [_planned_run(plan, curve, seed, out) for seed in seeds for curve in plan.curves]


def _planned_run(plan: Plan, curve: Curve, seed: int, out: Path) -> PlannedRun:
    config, base, folder = curve.seeded(seed), plan.start_curve(curve), curve.folder(out, seed)
    if base:
        config = _starting_from(config, str(base.folder(out, seed)))
    resolved = measure(resolve(config, plan.tasks))
    return PlannedRun(curve, seed, folder, resolved, is_trained(resolved, folder, plan.on_schedule))


def execute_plan(plan: Plan, work: Sequence[PlannedRun], options: ExecutionOptions) -> list[SeedResult]:
    """Train runs that are not trained yet, evaluate cases that are not evaluated yet, and return all results.

    Raises Interrupted after Ctrl-C (unfinished runs are saved) and RunFailure if a run fails.
    """
    _train([run for run in work if not run.trained], options)
    voting = [curve for curve in plan.curves if curve.voters]
    return [
        *(result for run in work for result in _run_results(plan, run, options)),
        *(result for curve in voting for result in _vote_results(plan, curve, work, options)),
    ]


def _train(work: Sequence[PlannedRun], options: ExecutionOptions) -> None:
    if options.jobs > 1:
        jobs = [TrainingJob(run.name, run.config, run.folder) for run in work]
        launch_runs(jobs, options.jobs, options.on_metrics, options.device)
        return
    for run in work:
        begun = run.folder.exists() and any(run.folder.iterdir())
        train(run.resolved, run.folder, options.device, begun, on_metrics=partial(options.on_metrics, run.name))


def _run_results(plan: Plan, run: PlannedRun, options: ExecutionOptions) -> list[SeedResult]:
    history = read_history(run.folder, run.config.train.batch, plan.learned)
    saved = _SavedScores(run.folder / _RUN_SCORES, {"step": Checkpoints(run.folder).steps()[-1]})
    scores = _by_case(plan, run.name, run.config, saved, lambda: _loaded(run, options), options)
    return [SeedResult(run.curve, case, run.seed, score, history) for case, score in scores]


def _vote_results(plan: Plan, curve: Curve, work: Sequence[PlannedRun], options: ExecutionOptions) -> list[SeedResult]:
    """Let a curve's seeds vote as one model. Return the results, and save them in the curve's folder."""
    voters = [run for run in work if run.curve == dataclasses.replace(curve, voters=0)]
    histories = [read_history(one.folder, one.config.train.batch, plan.learned) for one in voters]
    history = History(max(one.steps for one in histories), None, sum(one.seconds for one in histories), ())
    digests = [Checkpoints(one.folder).load().digest for one in voters]  # saved votes may be from older runs
    saved = _SavedScores(voters[0].folder.parent / _VOTE_SCORES, {"weights": digests})

    def load() -> Run:
        first, *others = (_loaded(one, options) for one in voters)
        return first.voting(others)

    scores = _by_case(plan, curve.name, curve.config, saved, load, options)
    return [SeedResult(curve, case, 0, score, history) for case, score in scores]


def _loaded(run: PlannedRun, options: ExecutionOptions) -> Run:
    return Run.load(run.folder, "last", options.device, run.config.task.file, run.resolved.tasks)


class _SavedScores:
    """A file of scores, with the evaluation's settings as keys. weights: identifies the evaluated checkpoints."""

    def __init__(self, path: Path, weights: dict[str, Any]) -> None:
        self._path, self._weights = path, weights
        known = (require_keys(place, line, ("asked", "scores")) for place, line in read_json_lines(path))
        self._scores = {json.dumps(line["asked"]): line["scores"] for line in known}

    def get(self, config: RunConfig, evaluate: Callable[[], list[Score]]) -> list[Score]:
        """Return the saved scores of an evaluation. If no scores are saved, call `evaluate` and save its result."""
        key = json.dumps({"task": to_json(config.task), "evaluate": to_json(config.evaluate), **self._weights})
        if key not in self._scores:
            self._scores[key] = [score.to_json() for score in evaluate()]
            lines = [{"asked": json.loads(name), "scores": scores} for name, scores in self._scores.items()]
            write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        return [Score(**score) for score in self._scores[key]]


def _by_case(
    plan: Plan, name: str, config: RunConfig, saved: _SavedScores, load: Callable[[], Run], options: ExecutionOptions
) -> Iterator[tuple[str, Score]]:
    """Yield each case of the plan with its scores. Call `load` at most once, and only if a case has no saved scores."""
    loaded = cache(load)
    for case in plan.cases:
        case_config = plan.case_config(config, case)

        def evaluate(case: str = case, case_config: RunConfig = case_config) -> list[Score]:
            options.on_message(f"{name}: evaluating{f' {case}' if case else ''}")
            return _scores(loaded(), case_config, options.batch)

        for score in saved.get(case_config, evaluate):
            yield case, score


def _scores(run: Run, case_config: RunConfig, batch: int) -> list[Score]:
    """Return the scores of a run in a case. If the case has the run's task, the run's folder also keeps the scores."""
    how = case_config.evaluate
    evaluated = None if case_config.task == run.config.task else run.with_task(case_config.task)
    sizes = how.sizes or (evaluated or run.evaluated).task.default_test_sizes()
    sampling = Sampling(how.temperature, seed=how.seed)
    return [one.score for one in run.evaluate_by_size(sizes, how.n, how.method, how.seed, sampling, batch, evaluated)]
