"""The plan of an experiment: which curves to train, how to evaluate them, and which figure to draw."""

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
    "lengths": "accuracy over length, a dot per seed and a line for the median",
    "steps": "steps to learn over the varied setting, with intervals",
    "bars": "a row per curve, a bar per case or size",
    "progress": "accuracy over training steps",
}
_VOTED = ("lengths", "bars")
_ON_SCHEDULE = ("steps", "progress")
MEASURES = {"answers": "correct answers", "exact": "correct scratchpads"}
SEEDS = "use --seeds N instead, which trains every curve with the seeds 0 to N-1"
_MOST_COMBINATIONS = 1000


@dataclass(frozen=True)
class Curve:
    """One training configuration. A curve with a seed is a run.

    at: the varied setting, such as `n=3`; empty if no setting varies. settings: all varied settings, as texts. voters:
    the number of seeds that vote on every state as one model (0: each seed is evaluated separately).
    """

    label: str
    config: RunConfig
    at: str = ""
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    voters: int = 0

    @property
    def title(self) -> str:
        """The label in tables, which includes the number of voters."""
        return f"{self.label}, {self.voters} seeds voting" if self.voters else self.label

    @property
    def name(self) -> str:
        """A name that is unique within the experiment."""
        return f"{self.title}, {self.at}" if self.at else self.title

    @property
    def position(self) -> float:
        """The place on the figure's horizontal axis. Raises ScratchpadError if the varied value is not a number."""
        try:
            return float(self.at.rpartition("=")[2])
        except ValueError:
            raise ScratchpadError(
                f'{self.name}: form = "steps" needs a varied number, such as vary = "n=2|3", not {self.at or "nothing"}'
            ) from None

    def seeded(self, seed: int) -> RunConfig:
        return dataclasses.replace(self.config, train=dataclasses.replace(self.config.train, seed=seed))

    def folder(self, out: Path, seed: int) -> Path:
        return out / slug(self.name) / f"seed-{seed}"


@dataclass(frozen=True)
class Plan:
    """An experiment at one scale.

    cases: ways to evaluate each run, by label. A case has settings that replace the run's own, such as other sizes,
    another format or task. form: the kind of figure. measure: the metric in figure and table. varied: the setting on
    the horizontal axis, or empty. learned: the accuracy from which a run has learned. vote: labels of curves whose
    seeds are also evaluated as one voting model, if there are several seeds. fixed: {setting that
    `with_settings` refuses: the curve or `vary` that sets it}. source, setup, paper, note: texts beside the
    result. reported: the paper's result by curve. tasks: loads each task once.
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
            raise ScratchpadError(f"{self.name}: two curves have the same folder {twice[0]}. Rename one curve")
        self._check_schedules()
        self._check_starts()
        self._check_votes()
        if self.form == "steps":
            _ = [curve.position for curve in self.curves]

    def _check_schedules(self) -> None:
        for curve in self.curves:
            if self.on_schedule and not curve.config.train.evaluate_every:
                raise ScratchpadError(
                    f'{self.context(curve)}: form = "{self.form}" needs train.evaluate_every (the steps between tests)'
                )

    def _check_starts(self) -> None:
        for number, curve in enumerate(self.curves):
            start, base, above = curve.config.train.start, self.start_curve(curve), self.curves[:number]
            if start is None or base in above or (base is None and (Path(start) / "config.json").is_file()):
                continue
            known = ", ".join(one.label for one in above if one.at == curve.at)
            raise ScratchpadError(
                f"{self.name}: {curve.name} has train.start={start}, which must be an earlier curve "
                f"({known or 'there is none'}) or a run folder"
            )

    def _check_votes(self) -> None:
        for label in self.vote:
            if label not in [curve.label for curve in self.curves]:
                raise unknown_name(f"curve in vote of {self.name}", label, [curve.label for curve in self.curves])
        if self.vote and self.form not in _VOTED:
            raise ScratchpadError(f"{self.name}: vote needs form = {' or '.join(_VOTED)}, not {self.form}")
        for curve, case in product(self.curves, self.cases):
            with error_prefix(self.context(curve, case)):
                how = self.case_config(curve.config, case).evaluate
            if curve.label in self.vote and (how.method != "free" or how.temperature):
                needed = "voting needs evaluate.method=free and evaluate.temperature=0"
                raise ScratchpadError(f"{self.context(curve)}: {needed}")

    def context(self, curve: Curve, case: str = "") -> str:
        """Return the beginning of error messages: the experiment, the curve and the case."""
        return f"{self.name}, curve {curve.name}" + (f", case {case}" if case else "")

    @property
    def on_schedule(self) -> bool:
        """Whether the result uses evaluations during training, which give the number of steps to learn."""
        return self.form in _ON_SCHEDULE

    def start_curve(self, curve: Curve) -> Curve | None:
        """Return the curve from whose runs `curve` starts (each run from the one with the same seed), or None."""
        named = (curve.config.train.start, curve.at)
        return next((one for one in self.curves if (one.label, one.at) == named), None)

    def with_votes(self, seeds: int) -> Plan:
        """Return the plan with a voting curve after each curve that `vote` names. A single seed adds no curve."""
        curves: list[Curve] = []
        for curve in self.curves:
            curves.append(curve)
            if curve.label in self.vote and seeds > 1:
                curves.append(dataclasses.replace(curve, voters=seeds))
        return dataclasses.replace(self, curves=tuple(curves))

    def with_settings(self, values: Mapping[str, str]) -> Plan:
        """Return the plan with these settings in all curves. Raises ScratchpadError if a setting is in `fixed`."""
        check_common_settings(values)
        in_cases = {name: f"case {label}" for label, case in self.cases.items() for name in case}
        for name, maker in {**self.fixed, **in_cases}.items():
            if given := next((one for one in values if covers_setting(one, name)), None):
                raise ScratchpadError(
                    f"--set {given}: {maker} of {self.name} sets {name} itself. To use another value, "
                    "write your own experiment file (docs/experiments.md)"
                )
        values = with_free_method(values)
        changed = [dataclasses.replace(curve, config=curve.config.with_settings(values)) for curve in self.curves]
        return dataclasses.replace(self, curves=tuple(changed))

    def case_config(self, config: RunConfig, case: str) -> RunConfig:
        """Return the config that evaluates a run in a case. A case has evaluate.method=free by default."""
        return config.with_settings({"evaluate.method": "free", **self.cases[case]})


def check_common_settings(values: Mapping[str, str]) -> None:
    """Raise ScratchpadError if the settings have a seed, or an evaluation method other than 'free'."""
    if "train.seed" in values:
        raise ScratchpadError(f"--set train.seed: {SEEDS}")
    if set(values.get("evaluate.method", "free").split("|")) != {"free"}:
        raise ScratchpadError(
            f"--set evaluate.method={values['evaluate.method']}: experiments evaluate by free generation. For "
            "teacher forcing, use `scratchpad evaluate RUN --method forced` on a trained run"
        )


def with_free_method(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings. If they set a temperature, add evaluate.method=free, because only this method samples."""
    samples = any(value.strip("0.") for value in values.get("evaluate.temperature", "0").split("|"))  # "0.0" is zero
    return {"evaluate.method": "free", **values} if samples else values


def covers_setting(given: str, name: str) -> bool:
    """Return whether the setting `given` is `name` or contains `name`, as `model` contains `model.width`."""
    given, name = (one.removeprefix("task.settings.") for one in (given, name))
    return given == name or name.startswith(f"{given}.")


def slug(label: str) -> str:
    """Return a label as a folder name."""
    return re.sub(r"[^\w.=+-]+", "-", label).strip("-").lower()


def combinations(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Return every combination of alternatives: `{"train.batch": "64|128"}` gives two combinations."""
    choices = [[(name, value) for value in text.split("|")] for name, text in settings.items()]
    for name, value in chain.from_iterable(choices):
        if settings[name].split("|").count(value) > 1:
            raise ScratchpadError(f"{name}: {value} is given twice in {settings[name]}")
    found = [dict(combination) for combination in product(*choices)]
    if len(found) > _MOST_COMBINATIONS:
        raise ScratchpadError(f"{len(found)} combinations of settings are too many. Give at most {_MOST_COMBINATIONS}")
    return found


def paired_alternatives(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Pair alternatives in order: `{"n": "2|3", "model.context": "48|64"}` gives 2 with 48, and 3 with 64."""
    choices = {name: text.split("|") for name, text in settings.items()}
    if len({len(values) for values in choices.values()}) > 1:
        counts = ", ".join(f"{len(values)} of {name}" for name, values in choices.items())
        raise ScratchpadError(f"settings that vary together need equal numbers of alternatives; given: {counts}")
    return [dict(zip(choices, values, strict=True)) for values in zip(*choices.values(), strict=True)] or [{}]


def settings_label(settings: Mapping[str, str]) -> str:
    """Return settings as a label, such as `batch=64, dropout=0`."""
    return ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settings.items())


def varying_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that have alternatives."""
    return {name: text for name, text in settings.items() if "|" in text}


def sweep(name: str, config: RunConfig, settings: Mapping[str, str]) -> Plan:
    """Return a plan with a curve per combination of settings: `{"train.batch": "64|128", "model.dropout": "0|0.1"}`.

    The figure shows accuracy over length if there are several sizes and at most seven curves; otherwise it shows bars.
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
    """Return two curves that would train the same weights, or None. on_schedule: also compare evaluation settings."""
    found: dict[str, Curve] = {}
    for curve in curves:
        with error_prefix(f"{name}, curve {curve.name}"):
            config = resolve(curve.config, tasks).config
        other = found.setdefault(json.dumps((config if on_schedule else config.weight_settings).to_json()), curve)
        if other is not curve:
            return other, curve
    return None


def _check_swept(name: str, curves: Sequence[Curve], tasks: TaskLoader) -> None:
    alike = find_duplicate(name, curves, tasks)
    if alike is None:
        return
    first, second = (curve.settings for curve in alike)
    setting = next(one for one in second if first[one] != second[one])
    if setting.startswith("evaluate."):
        raise ScratchpadError(
            f"--set {setting}={first[setting]}|{second[setting]}: the same weights would be trained twice. Sweep "
            "with one value, then with the other value. The second sweep only evaluates the finished runs"
        )
    raise ScratchpadError(f"{setting}: {second[setting]} is the same value as {first[setting]}. Remove one value")
