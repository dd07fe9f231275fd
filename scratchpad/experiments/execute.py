"""Carrying out a plan: what is there is taken, the rest trained; then every run is judged in every case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
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
from scratchpad.training.launcher import TrainingJob, launch_runs
from scratchpad.training.run_folder import is_trained, read_json_lines, require_keys, saved_config
from scratchpad.training.setup import check_start_fits, load_start, measure, train

_JUDGED, _VOTES = "judged.jsonl", "votes.jsonl"
OnMetrics = Callable[[str, dict[str, Any]], None]
"""Told the name of a run and each line of its metrics.jsonl."""


@dataclass(frozen=True)
class PlannedRun:
    """One seed of one curve: to be trained in its folder, and judged."""

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
    """How a plan is carried out. jobs: runs trained side by side; batch: questions answered at a time.

    on_metrics hears of training, say of what is judged.
    """

    device: str = "auto"
    jobs: int = 1
    batch: int = 64
    on_metrics: OnMetrics = field(default=lambda name, line: None)
    say: Callable[[str], None] = field(default=lambda text: None)


def prepared(plan: Plan, out: Path) -> Plan:
    """The plan with all that can be measured filled in; learned positions are enough for every case, and as many as
    those of a run that is there, in the experiment's folder `out`, where these are enough.

    ScratchpadError for settings that cannot be, and for cases that a run cannot be judged in.
    """
    _check_alike(plan)
    found: dict[str, Curve] = {}
    for curve in reversed(plan.curves):  # what starts from a curve stands below it, and says what it must have room for
        heirs = [one.config for one in found.values() if plan.start_curve(one) == curve]
        found[curve.name] = _prepared(plan, curve, heirs, _room_there(curve, out))
    for curve in plan.curves:
        with error_prefix(plan.context(curve)):
            if base := plan.start_curve(curve):
                found[curve.name] = _fitted(plan, found[curve.name], found[base.name])
            else:
                load_start(resolve(found[curve.name].config, plan.tasks))
    return dataclasses.replace(plan, curves=tuple(found[curve.name] for curve in plan.curves))


def _check_alike(plan: Plan) -> None:
    """ScratchpadError where two curves would train the same weights."""
    alike = find_duplicate(plan.name, plan.curves, plan.tasks, plan.on_schedule)
    if alike:
        raise ScratchpadError(
            f"{plan.name}: the curves {alike[0].name} and {alike[1].name} would train the same weights twice: leave "
            "one out; what is only judged otherwise is a case"
        )


def _prepared(plan: Plan, curve: Curve, heirs: Sequence[RunConfig], room: int | None) -> Curve:
    alone = curve.config if plan.start_curve(curve) is None else _starting_from(curve.config, None)
    with error_prefix(plan.context(curve)):
        run = measure(resolve(alone, plan.tasks), room=room)
    contexts = [one.model.context or 0 for one in heirs]
    for case in plan.cases:
        with error_prefix(plan.context(curve, case)):
            other = resolve(plan.case_config(alone, case), plan.tasks)
            check_symbols(other.task, run.codec, "it is")
            contexts.append(measure(other, only_evaluated=True, room=room).config.model.context or 0)
    config = _with_room(run.config, *contexts)
    return dataclasses.replace(curve, config=_starting_from(config, curve.config.train.start))


def _room_there(curve: Curve, out: Path) -> int | None:
    """The learned positions of a run of the curve that is there; None where there is none."""
    runs = sorted(path.parent for path in curve.folder(out, 0).parent.glob("seed-*/config.json"))
    return saved_config(runs[0]).model.context if runs else None


def _fitted(plan: Plan, curve: Curve, base: Curve) -> Curve:
    """A curve as it starts from another one's weights. ScratchpadError where they do not fit."""
    run = resolve(_with_room(curve.config, base.config.model.context or 0), plan.tasks)
    symbols = resolve(base.config, plan.tasks).codec.to_json()
    check_start_fits(run, base.config.model, symbols, base.name)
    return dataclasses.replace(curve, config=run.config)


def _with_room(config: RunConfig, *contexts: int) -> RunConfig:
    """With as many learned positions as the most of these, where the model has any."""
    if config.model.context is None:
        return config
    most = max(config.model.context, *contexts)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, context=most))


def _starting_from(config: RunConfig, start: str | None) -> RunConfig:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, start=start))


def planned_runs(plan: Plan, seeds: Sequence[int], out: Path) -> list[PlannedRun]:
    """What a prepared plan asks for, seed by seed, and what of it is there.

    ScratchpadError, before anything is trained, where a folder holds another run.
    """
    return [_planned_run(plan, curve, seed, out) for seed in seeds for curve in plan.curves]


def _planned_run(plan: Plan, curve: Curve, seed: int, out: Path) -> PlannedRun:
    config, base, folder = curve.seeded(seed), plan.start_curve(curve), curve.folder(out, seed)
    if base:
        config = _starting_from(config, str(base.folder(out, seed)))
    resolved = measure(resolve(config, plan.tasks))
    return PlannedRun(curve, seed, folder, resolved, is_trained(resolved, folder, plan.on_schedule))


def execute_plan(plan: Plan, work: Sequence[PlannedRun], options: ExecutionOptions) -> list[SeedResult]:
    """Train what is not trained yet, judge what is not judged yet, and return what was found.

    Interrupted after Ctrl-C (whatever was begun is saved), RunFailure where a run fails.
    """
    _train([run for run in work if not run.trained], options)
    voting = [curve for curve in plan.curves if curve.voters]
    return [
        *(result for run in work for result in _judged(plan, run, options)),
        *(result for curve in voting for result in _voted(plan, curve, work, options)),
    ]


def _train(work: Sequence[PlannedRun], options: ExecutionOptions) -> None:
    if options.jobs > 1:
        jobs = [TrainingJob(run.name, run.config, run.folder) for run in work]
        launch_runs(jobs, options.jobs, options.on_metrics, options.device)
        return
    for run in work:
        name = run.name
        begun = run.folder.exists() and any(run.folder.iterdir())
        train(
            run.resolved,
            run.folder,
            options.device,
            begun,
            on_metrics=lambda line, name=name: options.on_metrics(name, line),
        )


def _judged(plan: Plan, run: PlannedRun, options: ExecutionOptions) -> list[SeedResult]:
    """The seed_results of a run in every case, kept in the run's folder."""
    history = read_history(run.folder, run.config.train.batch, plan.learned)
    known = _SavedScores(run.folder / _JUDGED, {"step": Checkpoints(run.folder).steps()[-1]})
    scores = _by_case(plan, run.name, run.config, known, lambda: _loaded(plan, run, options), options)
    return [SeedResult(run.curve, case, run.seed, score, history) for case, score in scores]


def _voted(plan: Plan, curve: Curve, work: Sequence[PlannedRun], options: ExecutionOptions) -> list[SeedResult]:
    """The seed_results of all seeds of a curve as one that votes, kept in the curve's folder."""
    voters = [run for run in work if run.curve == dataclasses.replace(curve, voters=0)]
    histories = [read_history(one.folder, one.config.train.batch, plan.learned) for one in voters]
    history = History(max(one.steps for one in histories), None, sum(one.seconds for one in histories), ())
    digests = [Checkpoints(one.folder).load().digest for one in voters]  # the file outlives runs that are made anew
    known = _SavedScores(voters[0].folder.parent / _VOTES, {"weights": digests})

    def load() -> Run:
        first, *others = (_loaded(plan, one, options) for one in voters)
        return first.voting(others)

    scores = _by_case(plan, curve.name, curve.config, known, load, options)
    return [SeedResult(curve, case, 0, score, history) for case, score in scores]


def _loaded(plan: Plan, run: PlannedRun, options: ExecutionOptions) -> Run:
    return Run.load(run.folder, "last", options.device, tasks=plan.tasks)


class _SavedScores:
    """A file of what has been judged. whose: which checkpoints its answers are asked of."""

    def __init__(self, path: Path, whose: dict[str, Any]) -> None:
        self._path, self._whose = path, whose
        known = (require_keys(place, line, ("asked", "scores")) for place, line in read_json_lines(path))
        self._scores = {json.dumps(line["asked"]): line["scores"] for line in known}

    def scores(self, asked: RunConfig, judge: Callable[[], list[Score]]) -> list[Score]:
        """Those that stand in the file; else those of `judge`, which stand there from now on."""
        key = json.dumps({"task": to_json(asked.task), "evaluate": to_json(asked.evaluate), **self._whose})
        if key not in self._scores:
            self._scores[key] = [score.to_json() for score in judge()]
            lines = [{"asked": json.loads(name), "scores": scores} for name, scores in self._scores.items()]
            write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        return [Score(**score) for score in self._scores[key]]


def _by_case(
    plan: Plan, name: str, config: RunConfig, known: _SavedScores, load: Callable[[], Run], options: ExecutionOptions
) -> Iterator[tuple[str, Score]]:
    """The scores in every case of the plan. A run is loaded once, and only where something is to be judged."""
    loaded = cache(load)
    for case in plan.cases:
        asked = plan.case_config(config, case)

        def judge(case: str = case, asked: RunConfig = asked) -> list[Score]:
            options.say(f"{name}: judging{f' {case}' if case else ''}")
            return _scores(loaded(), asked, options.batch)

        for score in known.scores(asked, judge):
            yield case, score


def _scores(run: Run, asked: RunConfig, batch: int) -> list[Score]:
    """A run's scores when it is asked as the config says. What it is asked as it was trained is kept in its folder."""
    how = asked.evaluate
    evaluated = None if asked.task == run.config.task else run.with_task(asked.task)
    sizes = how.sizes or (evaluated or run.evaluated).task.default_test_sizes()
    sampling = Sampling(how.temperature, seed=how.seed)
    return [one.score for one in run.evaluate_by_size(sizes, how.n, how.method, how.seed, sampling, batch, evaluated)]
