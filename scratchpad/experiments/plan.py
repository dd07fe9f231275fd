"""The plan of an experiment: its curves, how they are evaluated, and the form of the figure."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

from scratchpad.config.resolve import TaskLoader, resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError, error_prefix, unknown_name

FORMS = {
    "lengths": "accuracy over length, every seed thin and the median thick",
    "steps": "steps to learn over what is varied, with intervals",
    "bars": "bars, in and out of distribution",
    "progress": "accuracy over training steps",
}
_VOTED = ("lengths", "bars")
_ON_SCHEDULE = ("steps", "progress")
MEASURES = {"answers": "correct answers", "exact": "correct scratchpads"}
SEEDS = "take --seeds N, which trains every curve with the seeds 0 to N-1"
_MOST_COMBINATIONS = 1000


@dataclass(frozen=True)
class Curve:
    """One training configuration; each seed is a run.

    at: its place along the figure, `n=3`; empty where no setting varies. settings: the varied settings, as written.
    voters: the number of its seeds that vote on every state, evaluated as one; 0: each seed is evaluated by itself.
    """

    label: str
    config: RunConfig
    at: str = ""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    voters: int = 0

    @property
    def title(self) -> str:
        """The label in tables."""
        return f"{self.label}, {self.voters} seeds voting" if self.voters else self.label

    @property
    def name(self) -> str:
        """A name that no other curve of the experiment has."""
        return f"{self.title}, {self.at}" if self.at else self.title

    @property
    def position(self) -> float:
        """The position along the figure. ScratchpadError where it is not a number."""
        try:
            return float(self.at.rpartition("=")[2])
        except ValueError:
            raise ScratchpadError(
                f'{self.name}: the form steps needs a number that varies (vary = "n=2|3"), not {self.at or "nothing"}'
            ) from None

    def seeded(self, seed: int) -> RunConfig:
        return dataclasses.replace(self.config, train=dataclasses.replace(self.config.train, seed=seed))

    def folder(self, out: Path, seed: int) -> Path:
        return out / slug(self.name) / f"seed-{seed}"


@dataclass(frozen=True)
class Plan:
    """An experiment at one scale.

    cases: how each run is evaluated, by label: settings that replace those of the run (other sizes, format or task).
    form: of the figure. measure: the metric of figure and table. varied: the setting along the figure, or empty.
    learned: the accuracy from which a run counts as learned. vote: labels of curves whose seeds, if there are several,
    are also evaluated as one that votes. fixed: settings that curves and `vary` set, each with the one that sets it;
    `with_settings` refuses them. source, setup, paper, note: texts beside the result. reported: the paper's result by
    curve. tasks: loads the tasks of the curves and cases, each once.
    """

    name: str
    title: str
    curves: tuple[Curve, ...]
    cases: Mapping[str, Mapping[str, str]]
    form: str = "lengths"
    measure: str = "answers"
    varied: str = ""
    learned: float = 0.95
    source: str = ""
    setup: str = ""
    paper: str = ""
    note: str = ""
    reported: Mapping[str, str] = dataclasses.field(default_factory=dict)
    vote: tuple[str, ...] = ()
    fixed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tasks: TaskLoader = dataclasses.field(default_factory=TaskLoader, compare=False, repr=False)

    def __post_init__(self) -> None:
        names = [slug(curve.name) for curve in self.curves]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ScratchpadError(f"{self.name}: two curves would share the folder {twice[0]}: rename one")
        self._check_schedules()
        self._check_starts()
        self._check_votes()
        if self.form == "steps":
            _ = [curve.position for curve in self.curves]

    def _check_schedules(self) -> None:
        for curve in self.curves:
            if self.on_schedule and not curve.config.train.evaluate_every:
                raise ScratchpadError(
                    f"{self.context(curve)}: the form {self.form} needs train.evaluate_every, steps between two tests"
                )

    def _check_starts(self) -> None:
        for number, curve in enumerate(self.curves):
            start, base, above = curve.config.train.start, self.start_curve(curve), self.curves[:number]
            if start is None or base in above or (base is None and (Path(start) / "config.json").is_file()):
                continue
            known = ", ".join(one.label for one in above if one.at == curve.at)
            raise ScratchpadError(
                f"{self.name}: {curve.name} has train.start={start}: a curve starts from one above it "
                f"({known or 'here there is none'}), or from a run folder"
            )

    def _check_votes(self) -> None:
        for label in self.vote:
            if label not in [curve.label for curve in self.curves]:
                raise unknown_name(f"curve in vote of {self.name}", label, [curve.label for curve in self.curves])
        if self.vote and self.form not in _VOTED:
            raise ScratchpadError(f"{self.name}: vote goes with the forms {' and '.join(_VOTED)}, not with {self.form}")
        for curve, case in product(self.curves, self.cases):
            with error_prefix(self.context(curve, case)):
                how = self.case_config(curve.config, case).evaluate
            if curve.label in self.vote and (how.method != "free" or how.temperature):
                needed = "voting needs evaluate.method=free and evaluate.temperature=0"
                raise ScratchpadError(f"{self.context(curve)}: {needed}")

    def context(self, curve: Curve, case: str = "") -> str:
        """What error messages begin with: the experiment, the curve and the case."""
        return f"{self.name}, curve {curve.name}" + (f", case {case}" if case else "")

    @property
    def on_schedule(self) -> bool:
        """Whether evaluations during training are part of the result: they give the number of steps to learn."""
        return self.form in _ON_SCHEDULE

    def start_curve(self, curve: Curve) -> Curve | None:
        """The curve that `curve` starts from, named by its train.start; each seed starts from the run of that seed."""
        named = (curve.config.train.start, curve.at)
        return next((one for one in self.curves if (one.label, one.at) == named), None)

    def with_votes(self, seeds: int) -> Plan:
        """The plan with a further curve after each one that votes: its seeds as one. With one seed there is none."""
        curves: list[Curve] = []
        for curve in self.curves:
            curves.append(curve)
            if curve.label in self.vote and seeds > 1:
                curves.append(dataclasses.replace(curve, voters=seeds))
        return dataclasses.replace(self, curves=tuple(curves))

    def with_settings(self, values: Mapping[str, str]) -> Plan:
        """The plan with other settings for all curves. ScratchpadError for settings that it fixes itself."""
        check_common_settings(values)
        in_cases = {name: f"case {label}" for label, case in self.cases.items() for name in case}
        for name, maker in {**self.fixed, **in_cases}.items():
            if given := next((one for one in values if covers_setting(one, name)), None):
                raise ScratchpadError(
                    f"--set {given}: {maker} of {self.name} sets {name} itself; for another value "
                    "write your own file, see docs/experiments.md"
                )
        values = with_free_method(values)
        changed = [dataclasses.replace(curve, config=curve.config.with_settings(values)) for curve in self.curves]
        return dataclasses.replace(self, curves=tuple(changed))

    def case_config(self, config: RunConfig, case: str) -> RunConfig:
        """The config for evaluating a run in a case; the method is free unless the case sets another one."""
        return config.with_settings({"evaluate.method": "free", **self.cases[case]})


def check_common_settings(values: Mapping[str, str]) -> None:
    """ScratchpadError for settings that every experiment makes itself: the seed, and the evaluation method."""
    if "train.seed" in values:
        raise ScratchpadError(f"--set train.seed: {SEEDS}")
    if set(values.get("evaluate.method", "free").split("|")) != {"free"}:
        raise ScratchpadError(
            f"--set evaluate.method={values['evaluate.method']}: curves are evaluated by free generation; for their "
            "runs by teacher forcing: `scratchpad evaluate RUN --method forced`"
        )


def with_free_method(values: Mapping[str, str]) -> Mapping[str, str]:
    """The settings, with evaluate.method=free if they set a temperature: only that method samples."""
    samples = any(value.strip("0.") for value in values.get("evaluate.temperature", "0").split("|"))  # 0.0 is 0
    return {"evaluate.method": "free", **values} if samples else values


def covers_setting(given: str, name: str) -> bool:
    """Whether the setting `given` sets `name`: it is the same setting, or the part around it (model, model.width)."""
    given, name = (one.removeprefix("task.settings.") for one in (given, name))
    return given == name or name.startswith(f"{given}.")


def slug(label: str) -> str:
    """A label as the name of a folder."""
    return re.sub(r"[^\w.=+-]+", "-", label).strip("-").lower()


def combinations(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Every combination of alternatives: `{"train.batch": "64|128"}` gives two."""
    choices = [[(name, value) for value in text.split("|")] for name, text in settings.items()]
    for name, value in chain.from_iterable(choices):
        if settings[name].split("|").count(value) > 1:
            raise ScratchpadError(f"{name}: {value} is given twice in {settings[name]}")
    found = [dict(combination) for combination in product(*choices)]
    if len(found) > _MOST_COMBINATIONS:
        raise ScratchpadError(f"{len(found)} combinations of settings in one sweep: at most {_MOST_COMBINATIONS}")
    return found


def paired_alternatives(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Pair alternatives in order: `{"n": "2|3", "model.context": "48|64"}` gives 2 with 48, and 3 with 64."""
    choices = {name: text.split("|") for name, text in settings.items()}
    if len({len(values) for values in choices.values()}) > 1:
        counts = ", ".join(f"{len(values)} of {name}" for name, values in choices.items())
        raise ScratchpadError(f"settings that vary together need equal numbers of alternatives; there are {counts}")
    return [dict(zip(choices, values, strict=True)) for values in zip(*choices.values(), strict=True)] or [{}]


def settings_label(settings: Mapping[str, str]) -> str:
    """Settings as a label: `batch=64, dropout=0`."""
    return ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settings.items())


def varying_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that have alternatives."""
    return {name: text for name, text in settings.items() if "|" in text}


def sweep(name: str, config: RunConfig, settings: Mapping[str, str]) -> Plan:
    """A plan with a curve for every combination of settings: `{"train.batch": "64|128", "model.dropout": "0|0.1"}`.

    The figure shows accuracy over length for up to seven curves that are evaluated at several sizes, otherwise bars.
    """
    check_common_settings(settings)
    varied = varying_settings(settings)
    curves = []
    for values in combinations(settings):
        own = {setting: values[setting] for setting in varied}
        curves.append(Curve(settings_label(own) or name, config.with_settings(with_free_method(values)), settings=own))
    tasks = TaskLoader()
    _check_swept(f"sweep-{name}", curves, tasks)
    title = f"{name}: {', '.join(varied)}" if varied else name
    form = "lengths" if len(curves) <= 7 and len(curves[0].config.evaluate.sizes) > 1 else "bars"
    return Plan(f"sweep-{name}", title, tuple(curves), {"": {}}, form, "exact", tasks=tasks)


def find_duplicate(
    name: str, curves: Sequence[Curve], tasks: TaskLoader, on_schedule: bool = False
) -> tuple[Curve, Curve] | None:
    """Two curves that would train the same weights, if any. on_schedule: curves may differ in evaluations alone."""
    found: dict[str, Curve] = {}
    for curve in curves:
        with error_prefix(f"{name}, curve {curve.name}"):
            config = resolve(curve.config, tasks).config
        other = found.setdefault(json.dumps((config if on_schedule else config.weight_settings).to_json()), curve)
        if other is not curve:
            return other, curve
    return None


def _check_swept(name: str, curves: Sequence[Curve], tasks: TaskLoader) -> None:
    """ScratchpadError where two curves of a sweep would train the same weights."""
    alike = find_duplicate(name, curves, tasks)
    if alike is None:
        return
    first, second = (curve.settings for curve in alike)
    setting = next(one for one in second if first[one] != second[one])
    if setting.startswith("evaluate."):
        raise ScratchpadError(
            f"--set {setting}={first[setting]}|{second[setting]}: the same weights would be trained twice; sweep with "
            "one of them, then again with the other: finished runs are evaluated again, not trained again"
        )
    raise ScratchpadError(f"{setting}: {second[setting]} is the same value as {first[setting]}")
