"""The experiments of the papers, read from the files of `catalogue`: a TOML file each, in the words of `--set`."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from scratchpad.errors import ScratchpadError, unknown
from scratchpad.experiments.plan import FORMS, MEASURES, Curve, Plan, in_step, values_of
from scratchpad.settings import split_assignments
from scratchpad.train.config import RunConfig

SCALES = ("small", "paper")
_FOLDER = Path(__file__).parent / "catalogue"

D = TypeVar("D")


@dataclass(frozen=True)
class Scale:
    """An experiment at one scale. settings, vary, curves and cases (these by label) are written as for `--set`.

    vary: a setting with alternatives, `n=2|3|4`: each curve is trained with each of them. Other settings with as many
    alternatives go along: `n=2|3|4 model.context=48|64|80`. without: curves of the
    experiment that this scale leaves out. vote: curves whose seeds are also judged as one that votes. note: what else
    differs from the paper.
    """

    settings: str
    vary: str = ""
    curves: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    vote: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Experiment:
    """An experiment at both scales: what it asks, its curves, and the paper's result.

    curves, cases: those of both scales; a scale adds its own, and replaces those of the same label.
    reported: the paper's result curve by curve.
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
    curves: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    reported: Mapping[str, str] = field(default_factory=dict)

    def plan(self, scale: str = "small") -> Plan:
        """The plan at a scale, small or paper. ScratchpadError where its settings are wrong."""
        if scale not in self.scales:
            raise unknown(f"scale of {self.name}", scale, self.scales)
        chosen = self.scales[scale]
        if not isinstance(chosen.vote, list | tuple):
            raise ScratchpadError(f'vote of {self.name}, {scale}: a list of curves, ["inductive"], not {chosen.vote!r}')
        base, vary = RunConfig().with_settings(_read(chosen.settings)), in_step(_read(chosen.vary))
        told = {**self.curves, **chosen.curves}
        each = {label: _read(text) for label, text in told.items() if label not in chosen.without}
        curves = [
            Curve(label, base.with_settings(own).with_settings(values), values_of(dict([*values.items()][:1])), values)
            for label, own in each.items()
            for values in vary
        ]
        makers = {name: f"curve {label}" for label, own in each.items() for name in own}
        cases = {label: _read(text) for label, text in ({**self.cases, **chosen.cases} or {"": ""}).items()}
        return Plan(
            f"{self.name}-{scale}", self.title, tuple(curves), cases, self.form, self.measure, next(iter(vary[0]), ""),
            self.learned, self.source, self.setup, self.result, chosen.note, self.reported,
            tuple(chosen.vote), makers | dict.fromkeys(vary[0], "vary"),
        )  # fmt: skip


def experiment_names() -> list[str]:
    """The names of all experiments, numbers in order."""
    return sorted((path.stem for path in _FOLDER.glob("*.toml")), key=_natural)


def experiment(name: str) -> Experiment:
    """An experiment by its name, or by the path of a file of your own. ScratchpadError for one that is not there."""
    if name.endswith(".toml"):
        return read_experiment(Path(name))
    if name not in experiment_names():
        raise unknown("experiment", name, experiment_names())
    return read_experiment(_FOLDER / f"{name}.toml")


def read_experiment(path: Path) -> Experiment:
    """The experiment of a TOML file. ScratchpadError says what is wrong with it."""
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScratchpadError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScratchpadError(f"{path}: {error}") from None
    scales = {name: _made(Scale, value.pop(name), f"{path}, [{name}]") for name in SCALES if name in value}
    found = _made(Experiment, {"name": path.stem, "scales": scales, **value}, str(path))
    for name, known in (("form", FORMS), ("measure", MEASURES)):
        if getattr(found, name) not in known:
            raise unknown(f"{name} of {path}", getattr(found, name), known)
    return found


def _made(kind: type[D], value: Mapping[str, Any], place: str) -> D:
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    for name in value:
        if name not in known:
            raise unknown(f"entry of {place}", name, known)
    try:
        return kind(**value)
    except TypeError as error:  # says what is missing
        raise ScratchpadError(f"{place}: {error}") from None


def _read(text: str) -> dict[str, str]:
    return split_assignments(shlex.split(text))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts fig2 before fig10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
