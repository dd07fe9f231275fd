"""Which runs belong together: those that differ in nothing but the seed; and what to call them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchpad.config.parse import flat_settings
from scratchpad.reporting.run_records import RunRecord

_LONGEST_LABEL = 48
_NOT_TOLD_APART = ("train.seed", "evaluate.")
_NOT_SAID = (*_NOT_TOLD_APART, "model.context", "task.format")
"""Settings that label no group: the same within it or not, measured, or said anyway."""


@dataclass(frozen=True)
class Group:
    """Runs that were trained with equal settings but the seed, by seed."""

    label: str
    runs: tuple[RunRecord, ...]

    def name_of(self, run: RunRecord) -> str:
        """What to call one of the runs: the label, and with several its seed, or its folder where seeds repeat."""
        if len(self.runs) == 1:
            return self.label
        seeds = [one.config.train.seed for one in self.runs]
        own = f"seed {run.config.train.seed}" if len(set(seeds)) == len(seeds) else str(run.folder)
        return f"{self.label}, {own}"


def flat(value: Mapping[str, Any]) -> dict[str, str]:
    """Return nested settings as texts by their paths: {"train.steps": "500"}."""
    return {name: _text(item) for name, item in flat_settings(value).items()}


def common_and_differing(many: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What all mappings share, and for all else its value in each (an empty text where one has none)."""
    names = list(dict.fromkeys(name for one in many for name in one))
    values = {name: [one.get(name, "") for one in many] for name in names}
    common = {name: found[0] for name, found in values.items() if len(set(found)) == 1}
    return common, {name: found for name, found in values.items() if name not in common}


def task_groups(runs: Sequence[RunRecord]) -> list[list[Group]]:
    """The groups of each task, in the order the runs are given in."""
    tasks: dict[Hashable, list[RunRecord]] = {}
    for run in runs:
        task = run.config.task
        tasks.setdefault((task.name, task.data, task.file), []).append(run)
    return [_grouped(of_task) for of_task in tasks.values()]


def _grouped(runs: Sequence[RunRecord]) -> list[Group]:
    found: dict[Hashable, list[RunRecord]] = {}
    for run in runs:
        settings = flat(run.config.to_json()).items()
        found.setdefault(tuple(pair for pair in settings if not pair[0].startswith(_NOT_TOLD_APART)), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.config.train.seed)) for group in found.values()]
    return [Group(label, group) for label, group in zip(_labels(members), members, strict=True)]


def _labels(groups: Sequence[tuple[RunRecord, ...]]) -> list[str]:
    """The format; with what else differs where formats repeat; or folders where that is long or tells nothing."""
    formats = [group[0].config.task.format for group in groups]
    _, differing = common_and_differing([flat(group[0].config.to_json()) for group in groups])
    said = {name.rpartition(".")[2]: found for name, found in differing.items() if not name.startswith(_NOT_SAID)}
    longer = [
        ", ".join([form, *(f"{name}={found[i]}" for name, found in said.items())]) for i, form in enumerate(formats)
    ]
    for labels in (formats, longer):
        if len(set(labels)) == len(labels) and max(map(len, labels)) <= _LONGEST_LABEL:
            return labels
    return [str(group[0].folder) for group in groups]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
