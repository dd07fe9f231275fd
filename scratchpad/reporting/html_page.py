"""One self-contained HTML page about runs: tables, plots, sample chains, settings. No network, no scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation import METHODS
from scratchpad.provenance import package_version
from scratchpad.reporting.chart_data import accuracy_series, evaluation_panels, loss_series
from scratchpad.reporting.charts import GRID, INK, PALETTE, SHADE, accuracy_plot, evaluation_plot, loss_plot, svg
from scratchpad.reporting.diagnosis import Diagnosis, diagnose
from scratchpad.reporting.diagnosis_view import PLACES_CAPTION, Attended, Findings, Picture, findings_of, places_figure
from scratchpad.reporting.run_groups import Group, common_and_differing, flat, task_groups
from scratchpad.reporting.run_records import RunRecord, read_run
from scratchpad.reporting.sample_chains import Chain, sample_chains
from scratchpad.reporting.tables import Table, accuracy_table, cost_table, question_counts, seeds_table
from scratchpad.tasks.formats import format_named

_MOST_SAMPLED = 12
_RIGHT = {"forced": "whole scratchpads right", "free": "right answers"}
_HOW = {
    "forced": "Judged by one forward pass: every token must be the model's first choice, given the true text before it",
    "free": "The model writes by itself, and its answer is compared with the true one",
}


@dataclass(frozen=True)
class Judgement:
    """All that was found with one method of judging."""

    title: str
    how: str
    questions: str
    table: Table
    seeds: Table | None
    picture: Picture
    costs_open: bool
    costs: list[tuple[str, Table]]


@dataclass(frozen=True)
class Section:
    """The runs on one task."""

    title: str
    summary: str
    measured: Callable[[object], str]
    facts: list[tuple[str, str]]
    judgements: list[Judgement]
    pictures: list[Picture]


@dataclass(frozen=True)
class Samples:
    """The sample chains of one run, or why there are none."""

    name: str
    measured: Callable[[object], str]
    chains: list[tuple[int, list[Chain]]]
    forced: bool
    note: str
    opened: bool


@dataclass(frozen=True)
class Facts:
    """Named texts of several runs: those they share, and for the others one text a run."""

    title: str
    common: dict[str, str]
    differing: dict[str, list[str]]


def report(folders: Sequence[str | Path], title: str | None = None, task_file: str | None = None) -> str:
    """The page about run folders, as HTML; task_file: the file of a task of one's own that they were trained on.

    ScratchpadError where a folder is no run, is damaged or is given twice.
    """
    return page(read_runs(folders, task_file), title)


def read_runs(folders: Sequence[str | Path], task_file: str | None = None) -> list[RunRecord]:
    """The runs of these folders, as `report` takes them."""
    places = [Path(folder).resolve() for folder in folders]
    twice = next((str(folder) for folder, at in zip(folders, places, strict=True) if places.count(at) > 1), None)
    if not folders:
        raise ScratchpadError("a report needs at least one run folder")
    if twice:
        raise ScratchpadError(f"run folder {twice} is given twice")
    return [read_run(folder, task_file) for folder in folders]


def accuracy_figure(runs: Sequence[RunRecord]) -> Figure:
    """The plot of accuracy over length of runs on one task, as the page shows it first. ScratchpadError without one."""
    tasks = task_groups(runs)
    ways = _ways(tasks[0])
    if len(tasks) > 1 or not ways:
        problem = "these runs are on several tasks" if len(tasks) > 1 else "none of these runs was judged yet"
        raise ScratchpadError(f"no plot of accuracy: {problem} (`scratchpad evaluate` judges runs on one task)")
    return _accuracy_plot(tasks[0], ways[0])


def page(
    runs: Sequence[RunRecord], title: str | None = None, attention: Mapping[Path, Sequence[Attended]] | None = None
) -> str:
    """The page about runs that were read, as HTML. attention: what is drawn of runs, by their folders."""
    tasks = task_groups(runs)
    ordered = [(group, run) for groups in tasks for group in groups for run in group.runs]
    names = [group.name_of(run) for group, run in ordered]
    environment = Environment(
        loader=PackageLoader("scratchpad.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.jinja").render(
        title=title or _title(tasks),
        sections=[_section(groups) for groups in tasks],
        notes=[note for group, run in ordered for note in _notes(group.name_of(run), run)],
        samples=_samples(ordered[:_MOST_SAMPLED]),
        findings=[found for group, run in ordered[:_MOST_SAMPLED] if (found := _findings(group, run, attention or {}))],
        unsampled=max(0, len(ordered) - _MOST_SAMPLED),
        names=names,
        folders=[str(run.folder) for _, run in ordered],
        facts=_facts([run for _, run in ordered]),
        writer=f"scratchpad {package_version()}",
        runs_git=", ".join(sorted({str(run.record.get("git")) for run in runs})),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _title(tasks: Sequence[Sequence[Group]]) -> str:
    names = dict.fromkeys(groups[0].runs[0].config.task.name for groups in tasks)
    formats = dict.fromkeys(run.config.task.format for groups in tasks for group in groups for run in group.runs)
    return f"{', '.join(names)}: {', '.join(formats)}"


def _section(groups: Sequence[Group]) -> Section:
    run = groups[0].runs[0]
    file = run.config.task.data or run.config.task.file
    pictures = [_losses(groups)] if any(one.losses for group in groups for one in group.runs) else []
    pictures += [_evaluations(groups, method) for method in METHODS if _was_followed(groups, method)]
    return Section(
        title=f"{run.config.task.name}: {file}" if file else run.config.task.name,
        summary=f"{run.task.summary} ({run.task.source})" if run.task else "",
        measured=run.measured,
        facts=_summary(groups),
        judgements=[_judgement(groups, way) for way in _ways(groups)],
        pictures=pictures,
    )


def _summary(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """What to know before the tables: what was trained, on what lengths, how long, by how large a model."""
    runs = [run for group in groups for run in group.runs]
    trained = dict.fromkeys(run.measured(run.trained.to_json()) if run.trained else "not known" for run in runs)
    steps = dict.fromkeys(f"{run.config.train.steps:,} steps of {run.config.train.batch:,} documents" for run in runs)
    models = [run.config.model for run in runs]
    sizes = dict.fromkeys(f"{model.layers} layers, {model.heads} heads, width {model.width}" for model in models)
    seeds = ", ".join(map(str, dict.fromkeys(run.config.train.seed for run in runs)))
    return [
        ("runs", f"{len(runs)}, of seed {seeds}"),
        ("trained on", "; ".join(trained)),
        ("training", "; ".join(steps)),
        ("model", "; ".join(sizes)),
    ]


def _ways(groups: Sequence[Group]) -> list[str]:
    """The ways of judging that any run was judged in: forced, free, then free with each sampling."""
    found = {way for group in groups for run in group.runs for way, _ in run.scores}
    return sorted(found, key=lambda way: (METHODS.index(way.partition(", ")[0]), way))


def _judgement(groups: Sequence[Group], way: str) -> Judgement:
    right = _right(way)
    several = any(len(group.runs) > 1 for group in groups)
    bands = "Bands: lowest to highest run, each a thin line" if several else "Bands: 95 % Wilson intervals"
    caption = f"{right.capitalize()} over length. {bands}."
    return Judgement(
        title=right.capitalize(),
        how=_HOW[way.partition(", ")[0]],
        questions=question_counts(groups, way),
        table=accuracy_table(groups, way),
        seeds=seeds_table(groups, way),
        picture=_picture(_accuracy_plot(groups, way), caption),
        costs_open=way != "forced",
        costs=cost_table(groups, way),
    )


def _right(way: str) -> str:
    """What is counted as right: of sampled answers, with how they were drawn."""
    method, comma, sampling = way.partition(", ")
    return _RIGHT[method] + comma + sampling


def _accuracy_plot(groups: Sequence[Group], way: str) -> Figure:
    length = groups[0].runs[0].length
    return accuracy_plot(accuracy_series(groups, way), f"length ({length})", f"{_right(way)} (%)")


def _losses(groups: Sequence[Group]) -> Picture:
    series = loss_series(groups)
    marked = " Dotted: a stage of the curriculum was passed." if any(one.marks for one in series) else ""
    return _picture(loss_plot(series), f"Training loss, on a logarithmic scale.{marked}")


def _was_followed(groups: Sequence[Group], method: str) -> bool:
    """Whether a run was evaluated by a method more than once during its training."""
    steps = [
        [step for step, of_step in run.evaluations for one in of_step if one.method == method]
        for group in groups
        for run in group.runs
    ]
    return any(len(set(of_run)) > 1 for of_run in steps)


def _evaluations(groups: Sequence[Group], method: str) -> Picture:
    caption = f"Evaluations during training: {_RIGHT[method]}, means over the lengths judged."
    return _picture(evaluation_plot(evaluation_panels(groups, method), f"{_RIGHT[method].split()[-1]} (%)"), caption)


def _picture(figure: Figure, caption: str) -> Picture:
    """The plot with its colours named, so that the page can change them with the light."""
    text = svg(figure)
    names = {INK: "--ink", GRID: "--grid", SHADE: "--shade"} | {c: f"--series-{i}" for i, c in enumerate(PALETTE)}
    for colour, name in names.items():
        text = text.replace(colour, f"var({name})")
    return Picture(Markup(text), caption)


def _notes(name: str, run: RunRecord) -> list[str]:
    """What a reader must know about a run that is not finished, not judged, or whose task is not at hand."""
    notes = []
    if run.last_step < run.config.train.steps and run.config.train.stop_at is None:
        notes.append(f"{name}: {run.last_step:,} of {run.config.train.steps:,} steps are logged.")
    if run.from_training:
        notes.append(
            f"{name}: no scores yet; shown is the last evaluation of its training, at step {run.judged_at[-1]:,}. "
            f"Judge it with: scratchpad evaluate {run.folder}"
        )
    if not run.scores:
        notes.append(f"{name}: not judged yet. Judge it with: scratchpad evaluate {run.folder}")
    if len(run.judged_at) > 1:
        notes.append(f"{name}: scores of several checkpoints, of steps {', '.join(map(str, run.judged_at))}.")
    if run.problem:
        notes.append(f"{name}: what its task would have written is not shown: {run.problem}")
    return notes


def _samples(ordered: Sequence[tuple[Group, RunRecord]]) -> list[Samples]:
    """The chains of each run; the first of an inductive run, or else the first, are shown opened."""
    inductive = [run for _, run in ordered if format_named(run.config.task.format).inductive]
    opened = inductive[0] if inductive else ordered[0][1]
    found = []
    for group, run in ordered:
        chains = sample_chains(run)
        note = "" if chains else f"No samples are kept yet: scratchpad evaluate {run.folder} --method free"
        forced = any(one.forced for _, of_size in chains for one in of_size)
        found.append(Samples(group.name_of(run), run.measured, chains, forced, note, run is opened))
    return found


def _findings(group: Group, run: RunRecord, attention: Mapping[Path, Sequence[Attended]]) -> Findings | None:
    """What was diagnosed of a run, None where there is nothing to be."""
    by_way: dict[str, list[Diagnosis]] = {}
    for one in diagnose(run):
        by_way.setdefault(one.way, []).append(one)
    ways = [
        findings_of(_right(way), found, run.measured, _picture(places_figure(found, run.measured), PLACES_CAPTION))
        for way, found in by_way.items()
    ]
    drawn = tuple(attention.get(run.folder, ()))
    return Findings(group.name_of(run), ways, drawn) if ways or drawn else None


def _facts(runs: Sequence[RunRecord]) -> list[Facts]:
    settings = [flat(run.record["config"]) for run in runs]
    rest = [flat({name: part for name, part in run.record.items() if name != "config"}) for run in runs]
    made = [one | {"steps logged": str(run.last_step)} for one, run in zip(rest, runs, strict=True)]
    judged = [one | {"step judged": ", ".join(map(str, run.judged_at))} for one, run in zip(made, runs, strict=True)]
    judged = [one | _stages(run) for one, run in zip(judged, runs, strict=True)]
    return [
        Facts("Settings", *common_and_differing(settings)),
        Facts("Versions, machine, vocabulary", *common_and_differing(judged)),
    ]


def _stages(run: RunRecord) -> dict[str, str]:
    """How many steps each stage of a curriculum needed that was passed."""
    if not run.config.curriculum.stages:
        return {}
    passed = [f"{test['settings']} after {test['steps']:,}" for _, test in run.stages]
    return {"stages passed, steps each": "; ".join(passed) or "none"}
