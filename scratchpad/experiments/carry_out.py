"""Carrying out a plan: what is there is taken, the rest trained; then every run is judged in every case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratchpad.evaluate.scores import Score
from scratchpad.experiments.findings import Finding, read_history
from scratchpad.experiments.plan import Curve, Plan
from scratchpad.generate.sampling import Sampling
from scratchpad.run import Run, evaluated_sizes, read_json_lines, task_of
from scratchpad.settings import plain
from scratchpad.start import check_fit, complete, is_trained, starting_point, symbols_of, train
from scratchpad.together import Job, train_together
from scratchpad.train.checkpoint import Checkpoints, write_whole
from scratchpad.train.config import RunConfig

_JUDGED = "judged.jsonl"
Tell = Callable[[str, dict[str, Any]], None]
"""Told the name of a run and each line of its metrics.jsonl."""


@dataclass(frozen=True)
class Errand:
    """One seed of one curve: to be trained in its folder, and judged."""

    curve: Curve
    seed: int
    folder: Path
    config: RunConfig
    trained: bool

    @property
    def name(self) -> str:
        return f"{self.curve.name}, seed {self.seed}"


@dataclass(frozen=True)
class Workshop:
    """How a plan is carried out. jobs: runs trained side by side; batch: questions answered at a time.

    tell hears of training, say of what is judged.
    """

    device: str = "auto"
    jobs: int = 1
    batch: int = 64
    tell: Tell = field(default=lambda name, line: None)
    say: Callable[[str], None] = field(default=lambda text: None)


def prepared(plan: Plan) -> Plan:
    """The plan with all that can be measured filled in; learned positions are enough for every case.

    ScratchpadError for settings that cannot be, and for cases that a run cannot be judged in.
    """
    found: dict[str, Curve] = {}
    for curve in reversed(plan.curves):  # what starts from a curve stands below it, and says what it must have room for
        heirs = [one.config for one in found.values() if plan.before(one) == curve]
        found[curve.name] = _prepared(plan, curve, heirs)
    for curve in plan.curves:
        if base := plan.before(curve):
            found[curve.name] = _fitted(found[curve.name], found[base.name])
        else:
            starting_point(found[curve.name].config, task_of(curve.config.task))
    return dataclasses.replace(plan, curves=tuple(found[curve.name] for curve in plan.curves))


def _prepared(plan: Plan, curve: Curve, heirs: Sequence[RunConfig]) -> Curve:
    alone = curve.config if plan.before(curve) is None else _starting_from(curve.config, None)
    asked = [plan.asked(alone, case) for case in plan.cases]
    config, *others = [complete(one, task_of(one.task)) for one in (alone, *asked)]
    config = _with_room(config, *(other.model.context or 0 for other in (*others, *heirs)))
    return dataclasses.replace(curve, config=_starting_from(config, curve.config.train.start))


def _fitted(curve: Curve, base: Curve) -> Curve:
    """A curve as it starts from another one's weights. ScratchpadError where they do not fit."""
    config, task = _with_room(curve.config, base.config.model.context or 0), task_of(curve.config.task)
    check_fit(config, task, base.config.model, symbols_of(base.config, task_of(base.config.task)), base.name)
    return dataclasses.replace(curve, config=config)


def _with_room(config: RunConfig, *contexts: int) -> RunConfig:
    """With as many learned positions as the most of these, where the model has any."""
    if config.model.context is None:
        return config
    most = max(config.model.context, *contexts)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, context=most))


def _starting_from(config: RunConfig, start: str | None) -> RunConfig:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, start=start))


def errands(plan: Plan, seeds: Sequence[int], out: Path) -> list[Errand]:
    """What a prepared plan asks for, seed by seed, and what of it is there.

    ScratchpadError, before anything is trained, where a folder holds another run.
    """
    return [_errand(plan, curve, seed, out) for seed in seeds for curve in plan.curves]


def _errand(plan: Plan, curve: Curve, seed: int, out: Path) -> Errand:
    config, base, folder = curve.seeded(seed), plan.before(curve), curve.folder(out, seed)
    if base:
        config = _starting_from(config, str(base.folder(out, seed)))
    return Errand(curve, seed, folder, config, is_trained(config, folder))


def carry_out(plan: Plan, work: Sequence[Errand], shop: Workshop) -> list[Finding]:
    """Train what is not trained yet, judge what is not judged yet, and return what was found.

    Interrupted after Ctrl-C (whatever was begun is saved), RunFailure where a run fails.
    """
    _train([errand for errand in work if not errand.trained], shop)
    return [finding for errand in work for finding in _judged(plan, errand, shop)]


def _train(work: Sequence[Errand], shop: Workshop) -> None:
    if shop.jobs > 1:
        train_together([Job(one.name, one.config, one.folder) for one in work], shop.jobs, shop.tell, shop.device)
        return
    for errand in work:
        name = errand.name
        begun = errand.folder.exists() and any(errand.folder.iterdir())
        train(errand.config, errand.folder, shop.device, begun, tell=lambda line, name=name: shop.tell(name, line))


def _judged(plan: Plan, errand: Errand, shop: Workshop) -> list[Finding]:
    """The findings of a run in every case. What has been judged stands in the run's folder and is not judged again."""
    step = Checkpoints(errand.folder).steps()[-1]
    history = read_history(errand.folder, errand.config.train.batch, plan.learned)
    known = {json.dumps(line["asked"]): line["scores"] for line in read_json_lines(errand.folder / _JUDGED)}
    run: Run | None = None
    findings = []
    for case in plan.cases:
        asked = plan.asked(errand.config, case)
        key = {"task": plain(asked.task), "evaluate": plain(asked.evaluate), "step": step}
        if json.dumps(key) not in known:
            shop.say(f"{errand.name}: judging{f' {case}' if case else ''}")
            run = run or Run.load(errand.folder, "last", shop.device)
            known[json.dumps(key)] = [score.to_json() for score in _scores(run, asked, shop.batch)]
            lines = [{"asked": json.loads(name), "scores": scores} for name, scores in known.items()]
            write_whole(errand.folder / _JUDGED, "".join(json.dumps(line) + "\n" for line in lines))
        findings += [
            Finding(errand.curve, case, errand.seed, Score(**score), history) for score in known[json.dumps(key)]
        ]
    return findings


def _scores(run: Run, asked: RunConfig, batch: int) -> list[Score]:
    """A run's scores when it is asked as the config says."""
    subject, how = run.asked(asked.task), asked.evaluate
    sizes = evaluated_sizes(asked, subject.task)
    sampling = Sampling(how.temperature, seed=how.seed)
    return [one.score for one in run.judged(sizes, how.n, how.method, how.seed, sampling, batch, subject)]
