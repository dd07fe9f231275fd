"""What an experiment is, before anything is trained: its curves, how they are judged, and how that is drawn."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from scratchpad.errors import ScratchpadError
from scratchpad.train.config import RunConfig

FORMS = {
    "lengths": "accuracy over length, every seed thin and the median thick",
    "steps": "steps to learn over what is varied, with intervals",
    "bars": "bars, in and out of distribution",
    "progress": "accuracy over training steps",
}
MEASURES = {"answers": "right answers", "exact": "whole scratchpads right"}
_MOST_COMBINATIONS = 1000


@dataclass(frozen=True)
class Curve:
    """One training, for each seed. at: what is varied along the figure, `n=3`; empty where nothing is."""

    label: str
    config: RunConfig
    at: str = ""

    @property
    def name(self) -> str:
        """What it is called among all curves of its experiment."""
        return f"{self.label}, {self.at}" if self.at else self.label

    @property
    def place(self) -> float:
        """Where it stands along the figure."""
        return float(self.at.rpartition("=")[2])

    def seeded(self, seed: int) -> RunConfig:
        return dataclasses.replace(self.config, train=dataclasses.replace(self.config.train, seed=seed))

    def folder(self, out: Path, seed: int) -> Path:
        return out / slug(self.name) / f"seed-{seed}"


@dataclass(frozen=True)
class Plan:
    """An experiment at one scale.

    cases: how each run is judged, by label: settings on top of its own (other sizes, another format or task).
    varied: the setting along the figure, where there is one. learned: the accuracy from which a run counts as learned.
    source, setup, paper, note: texts that stand beside the result; reported: what the paper found, by curve.
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

    def __post_init__(self) -> None:
        names = [slug(curve.name) for curve in self.curves]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ScratchpadError(f"{self.name}: two curves would share the folder {twice[0]}: give each its own label")
        for number, curve in enumerate(self.curves):
            if self.before(curve) in self.curves[number:]:
                raise ScratchpadError(
                    f"{self.name}: {curve.name} has train.start={curve.config.train.start}: a curve starts from one "
                    "that stands above it, or from a run folder"
                )

    def before(self, curve: Curve) -> Curve | None:
        """The curve whose run, of the same seed, another one starts from: the one that its train.start names."""
        named = (curve.config.train.start, curve.at)
        return next((one for one in self.curves if (one.label, one.at) == named), None)

    def with_settings(self, values: Mapping[str, str]) -> Plan:
        """The same plan with settings for all of its curves."""
        changed = [dataclasses.replace(curve, config=curve.config.with_settings(values)) for curve in self.curves]
        return dataclasses.replace(self, curves=tuple(changed))

    def asked(self, config: RunConfig, case: str) -> RunConfig:
        """The config that says how a run is judged in a case: by what the model writes, where the case says nothing."""
        return config.with_settings({"evaluate.method": "free", **self.cases[case]})


def slug(label: str) -> str:
    """A label as the name of a folder."""
    return re.sub(r"[^\w.=+-]+", "-", label).strip("-").lower()


def combinations(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """Every combination of settings with alternatives: `{"train.batch": "64|128"}` is two of them."""
    choices = [[(name, value) for value in text.split("|")] for name, text in settings.items()]
    found = [dict(combination) for combination in product(*choices)]
    if len(found) > _MOST_COMBINATIONS:
        raise ScratchpadError(f"{len(found)} combinations of settings: at most {_MOST_COMBINATIONS} are one sweep")
    return found


def values_of(settings: Mapping[str, str]) -> str:
    """Settings as a label: `batch=64, dropout=0`."""
    return ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settings.items())


def varying(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings that have alternatives."""
    return {name: text for name, text in settings.items() if "|" in text}


def sweep(name: str, config: RunConfig, settings: Mapping[str, str]) -> Plan:
    """A plan with a curve for every combination of settings: `{"train.batch": "64|128", "model.dropout": "0|0.1"}`.

    Drawn over length where that can be read: for a few curves that are judged at several lengths.
    """
    varied = varying(settings)
    curves = []
    for values in combinations(settings):
        label = values_of({setting: values[setting] for setting in varied})
        curves.append(Curve(label or name, config.with_settings(values)))
    over_length = len(curves) <= 7 and len(curves[0].config.evaluate.sizes) > 1
    title = f"{name}: {', '.join(varied)}" if varied else name
    form = "lengths" if over_length else "bars"
    return Plan(f"sweep-{name}", title, tuple(curves), {"": {}}, form, "exact")
