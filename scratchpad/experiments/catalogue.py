"""The catalogue of experiments. Each experiment is a TOML file with settings in the form of `--set`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scratchpad.config.parse import read_table
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError, error_prefix, unknown_name
from scratchpad.experiments.plan import (
    FORMS,
    MEASURES,
    SEEDS,
    Curve,
    Plan,
    covers_setting,
    paired_alternatives,
    settings_label,
    with_free_method,
)
from scratchpad.experiments.schema import Settings

SCALES = ("small", "paper")
_FOLDER = Path(__file__).parent / "catalogue"
_TRAINING_SETTINGS = ("train", "model", "curriculum")
_VOTING = re.compile(r", \d+ seeds voting$")


@dataclass(frozen=True)
class Scale:
    """An experiment at one scale.

    settings: the settings of all curves. curves, cases: settings of one curve or case, by label. vary: a setting with
    alternatives, such as `n=2|3|4`. Each curve is trained with each alternative. Other settings can vary together with
    the first: `n=2|3|4 model.context=48|64|80`. without: labels of curves that this scale leaves out. vote: labels of
    curves whose seeds are also evaluated as one voting model. note: other differences from the paper.
    minutes: the measured time in which one CPU core trains all curves with one seed.
    """

    settings: Settings
    vary: Settings = field(default_factory=Settings)
    curves: Mapping[str, Settings] = field(default_factory=dict)
    cases: Mapping[str, Settings] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    vote: tuple[str, ...] = ()
    note: str = ""
    minutes: int | None = None


@dataclass(frozen=True)
class Experiment:
    """An experiment at both scales: its set-up, its curves, and the paper's result.

    curves, cases: settings by label for both scales. A scale can add labels, or replace the settings of a label.
    reported: the paper's result, by curve.
    """

    name: str
    title: str
    source: str
    setup: str
    result: str
    scales: Mapping[str, Scale]
    form: str = "lengths"
    measure: str = "answers"
    learned: float = 0.95
    curves: Mapping[str, Settings] = field(default_factory=dict)
    cases: Mapping[str, Settings] = field(default_factory=dict)
    reported: Mapping[str, str] = field(default_factory=dict)

    def plan(self, scale: str = "small") -> Plan:
        """Return the plan at a scale, 'small' or 'paper'. Raises ScratchpadError if settings are wrong."""
        if scale not in self.scales:
            raise unknown_name(f"scale of {self.name}", scale, self.scales)
        name, chosen, curves = f"{self.name}-{scale}", self.scales[scale], self.curves_at(scale)
        with error_prefix(f"{name}, vary"):
            vary = paired_alternatives(chosen.vary)
        makers = {setting: f"curve {label}" for label, own in curves.items() for setting in own}
        return Plan(
            name, self.title, tuple(self._curves(scale, vary)), {**self.cases, **chosen.cases} or {"": {}}, self.form,
            self.measure, next(iter(vary[0]), ""), self.learned, self.source, self.setup, self.result, chosen.note,
            self.reported, chosen.vote, makers | dict.fromkeys(vary[0], "vary"),
        )  # fmt: skip

    def _curves(self, scale: str, vary: Sequence[Mapping[str, str]]) -> Iterator[Curve]:
        """Yield each curve with each combination of varied values. The first varied setting is the figure's axis."""
        place = f"{self.name}-{scale}"
        with error_prefix(f"{place}, settings"):
            base = RunConfig().with_settings(with_free_method(self.scales[scale].settings))
        for label, own in self.curves_at(scale).items():
            for values in vary:
                with error_prefix(f"{place}, curve {label}"):
                    config = base.with_settings(with_free_method(own)).with_settings(with_free_method(values))
                yield Curve(label, config, settings_label(dict([*values.items()][:1])), values)

    def curves_at(self, scale: str) -> dict[str, Settings]:
        """Return the settings of the curves at a scale, by label."""
        chosen = self.scales[scale]
        return {label: own for label, own in {**self.curves, **chosen.curves}.items() if label not in chosen.without}


def experiment_names() -> list[str]:
    """Return the names of all experiments in natural order."""
    parts = {path.stem: re.split(r"(\d+)", path.stem) for path in _FOLDER.glob("*.toml")}  # fig2 before fig10
    return sorted(parts, key=lambda name: [(int(part), "") if part.isdecimal() else (0, part) for part in parts[name]])


def experiment(name: str) -> Experiment:
    """Return an experiment by its name, or by the path of a TOML file. Raises ScratchpadError if no file is found."""
    if name.endswith(".toml"):
        return read_experiment(Path(name))
    if name not in experiment_names():
        raise unknown_name("experiment", name, experiment_names())
    return read_experiment(_FOLDER / f"{name}.toml")


def read_experiment(path: Path) -> Experiment:
    """Read an experiment from a TOML file. Raises ScratchpadError if the file has a mistake."""
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScratchpadError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScratchpadError(f"{path}: {error}") from None
    with error_prefix(str(path)):
        scales = {name: read_table(Scale, value.pop(name), name) for name in SCALES if name in value}
        if not scales:
            raise ScratchpadError("the file has no scale. Add a table [small] or [paper] with settings")
        found = read_table(Experiment, {"name": path.stem, **value}, scales=scales)
    _check_choices(found, path)
    _check_labels(found, path)
    with error_prefix(str(path)):
        _check_effects(found)
    return found


def _check_choices(found: Experiment, path: Path) -> None:
    for name, known in (("form", FORMS), ("measure", MEASURES)):
        if getattr(found, name) not in known:
            raise unknown_name(f"{name} of {path}", getattr(found, name), known)
    if not 0 < found.learned <= 1:
        raise ScratchpadError(f"{path}: learned = {found.learned:g} must be above 0 and at most 1")


def _check_labels(found: Experiment, path: Path) -> None:
    """Raise ScratchpadError if `without` or `reported` names an unknown curve, or if a scale has no curves."""
    known = dict.fromkeys([*found.curves, *(label for one in found.scales.values() for label in one.curves)])
    for scale, one in found.scales.items():
        for label in one.without:
            if label not in known:
                raise unknown_name(f"curve in {scale}.without of {path}", label, known)
        if not found.curves_at(scale):
            left = f" (without: {', '.join(one.without)})" if one.without else ""
            raise ScratchpadError(
                f"{path}: the scale {scale} has no curves{left}. Add curves to [curves] or [{scale}.curves] as "
                'label = "settings"'
            )
    for label in found.reported:
        if _VOTING.sub("", label) not in known:
            raise unknown_name(f"curve in reported of {path}", label, known)


def _check_effects(found: Experiment) -> None:
    """Raise ScratchpadError if a setting would be overwritten or would have no effect."""
    for inside, one in (("", found), *((f"{scale}.", one) for scale, one in found.scales.items())):
        for label, case in one.cases.items():
            _check_case(f"{inside}cases.{label}", case)
        for label, own in one.curves.items():
            _check_seed(f"{inside}curves.{label}", own)
    for scale, one in found.scales.items():
        _check_seed(f"{scale}.settings", one.settings)
        _check_seed(f"{scale}.vary", one.vary)
        _check_varied(f"{scale}.vary", one.vary, found.curves_at(scale))


def _check_case(entry: str, case: Settings) -> None:
    for name, value in case.items():
        if name.partition(".")[0] in _TRAINING_SETTINGS:
            raise ScratchpadError(
                f"{entry}: {name}={value}: a case evaluates a trained run. A case sets only the task, the format "
                "and evaluate.*. Set training options in the settings or in a curve"
            )


def _check_seed(entry: str, settings: Settings) -> None:
    if "train.seed" in settings:
        raise ScratchpadError(f"{entry}: train.seed={settings['train.seed']}: {SEEDS}")


def _check_varied(entry: str, vary: Settings, curves: Mapping[str, Settings]) -> None:
    for label, own in curves.items():
        for name, value in own.items():
            if any(covers_setting(given, name) for given in vary):
                raise ScratchpadError(
                    f"{entry} would replace {name}={value} of the curve {label}. Set {name} in only one place"
                )
