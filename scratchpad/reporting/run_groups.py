"""Groups of runs that differ only in the seed, and labels for these groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchpad.config.parse import flat_settings
from scratchpad.reporting.run_records import RunRecord

_MAX_LABEL_CHARACTERS = 48
_IGNORED = ("train.seed", "evaluate.")
"""Settings in which the runs of a group may differ."""
_UNLABELLED = (*_IGNORED, "model.context", "task.format")
"""Settings that do not appear in a label."""


@dataclass(frozen=True)
class Group:
    """Runs that differ only in the seed, ordered by seed."""

    label: str
    runs: tuple[RunRecord, ...]

    @property
    def format(self) -> str:
        """The name of the format."""
        return self.runs[0].config.task.format

    def name_of(self, run: RunRecord) -> str:
        """Return the group's label. If the group has several runs, add the run's seed (or folder, if seeds repeat)."""
        if len(self.runs) == 1:
            return self.label
        seeds = [one.config.train.seed for one in self.runs]
        own = f"seed {run.config.train.seed}" if len(set(seeds)) == len(seeds) else str(run.folder)
        return f"{self.label}, {own}"


def chance_of(groups: Sequence[Group]) -> float:
    """Return the accuracy of a model that always gives the most common answer; 0 if unknown or if tasks differ."""
    shares = {run.task.most_common_share if run.task else 0 for group in groups for run in group.runs}
    return shares.pop() if len(shares) == 1 else 0


def settings_text(value: Mapping[str, Any]) -> dict[str, str]:
    """Return nested settings as a flat dict of texts, such as `{"train.steps": "500"}`."""
    texts = {}
    for name, item in flat_settings(value).items():
        texts[name] = ", ".join(map(str, item)) if isinstance(item, list) else "none" if item is None else str(item)
    return texts


def common_and_differing(many: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the entries that are equal in all mappings, and the other entries as lists of one text per mapping."""
    names = list(dict.fromkeys(name for one in many for name in one))
    values = {name: [one.get(name, "") for one in many] for name in names}
    common = {name: texts[0] for name, texts in values.items() if len(set(texts)) == 1}
    return common, {name: texts for name, texts in values.items() if name not in common}


def group_by_task(runs: Sequence[RunRecord]) -> list[list[Group]]:
    """Return one list of groups per task, in the order of the runs."""
    tasks: dict[Hashable, list[RunRecord]] = {}
    for run in runs:
        task = run.config.task
        tasks.setdefault((task.name, task.data, task.file), []).append(run)
    return [_groups(of_task) for of_task in tasks.values()]


def _groups(runs: Sequence[RunRecord]) -> list[Group]:
    found: dict[Hashable, list[RunRecord]] = {}
    for run in runs:
        settings = settings_text(run.config.to_json()).items()
        found.setdefault(tuple(pair for pair in settings if not pair[0].startswith(_IGNORED)), []).append(run)
    members = [tuple(sorted(group, key=lambda run: run.config.train.seed)) for group in found.values()]
    return [Group(label, group) for label, group in zip(_labels(members), members, strict=True)]


def _labels(groups: Sequence[tuple[RunRecord, ...]]) -> list[str]:
    """Return the format of each group as its label. If formats repeat, add differing settings or use the folders."""
    formats = [group[0].config.task.format for group in groups]
    _, differing = common_and_differing([settings_text(group[0].config.to_json()) for group in groups])
    named = {name.rpartition(".")[2]: texts for name, texts in differing.items() if not name.startswith(_UNLABELLED)}
    longer = [
        ", ".join([format_name, *(f"{name}={texts[i]}" for name, texts in named.items())])
        for i, format_name in enumerate(formats)
    ]
    for labels in (formats, longer):
        if len(set(labels)) == len(labels) and max(map(len, labels)) <= _MAX_LABEL_CHARACTERS:
            return labels
    return [str(group[0].folder) for group in groups]
