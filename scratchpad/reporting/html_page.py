"""An HTML page about runs, with tables, plots, sample chains and settings. The page has no scripts or links."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation import METHODS
from scratchpad.provenance import package_version
from scratchpad.reporting.chart_data import accuracy_series, evaluation_panels, loss_series
from scratchpad.reporting.charts import accuracy_plot, evaluation_plot, loss_plot, svg
from scratchpad.reporting.diagnosis import Diagnosis, diagnose
from scratchpad.reporting.diagnosis_tables import AttentionImage, diagnosis_tables, transition_figure
from scratchpad.reporting.run_groups import Group, chance_of, common_and_differing, group_by_task, settings_text
from scratchpad.reporting.run_records import RunRecord, read_run
from scratchpad.reporting.sample_chains import sample_chains
from scratchpad.reporting.styles import GRID, INK, PALETTE, PAPER, SHADE
from scratchpad.reporting.tables import (
    accuracy_table,
    cost_tables,
    question_counts,
    seeds_table,
    sizes_of,
    transition_tables,
)
from scratchpad.tasks.formats import format_named

_SAMPLED_RUNS = 12
_ANSWERS, _SCRATCHPADS = "correct answers", "correct scratchpads"
_BOTH = "correct answers with correct work"
_CHAINS = {"forced": "Chains with teacher forcing", "free": "Generated chains"}
_METHOD_TEXTS = {
    "forced": "Teacher forcing in one forward pass: given the true earlier tokens, the argmax must be the true token",
    _ANSWERS: "Free running: the model generates the text, and its answer is compared with the true answer",
    _SCRATCHPADS: "Free running: the model generates the text, and every state is compared with the task's next state",
}

Context = dict[str, Any]
"""The values for one part of the page, by their names in the template."""


@dataclass(frozen=True)
class Picture:
    """A plot as an <svg> element, with its caption."""

    svg: Markup
    caption: str


def report(folders: Sequence[str | Path], title: str | None = None, task_file: str | None = None) -> str:
    """Return the HTML page about run folders. `task_file`: the file of your own task, if the runs use such a file.

    Raises ScratchpadError if a folder is not a run, is damaged or is given twice.
    """
    return page(read_runs(folders, task_file), title)


def read_runs(folders: Sequence[str | Path], task_file: str | None = None) -> list[RunRecord]:
    """Read run folders. Raises ScratchpadError in the same cases as `report`."""
    places = [Path(folder).resolve() for folder in folders]
    twice = next((str(folder) for folder, at in zip(folders, places, strict=True) if places.count(at) > 1), None)
    if not folders:
        raise ScratchpadError("a report needs at least one run folder.")
    if twice:
        raise ScratchpadError(f"run folder {twice} is given twice. Give each folder once.")
    return [read_run(folder, task_file) for folder in folders]


def accuracy_figure(runs: Sequence[RunRecord]) -> Figure:
    """Return the page's first plot of accuracy. Raises ScratchpadError if there are several tasks or no scores."""
    tasks = group_by_task(runs)
    protocols = _protocols(tasks[0])
    if len(tasks) > 1 or not protocols:
        problem = "the runs are on several tasks" if len(tasks) > 1 else "none of the runs is evaluated"
        raise ScratchpadError(f"no plot of accuracy is possible: {problem}. Give evaluated runs on one task.")
    measure, name = _measure(tasks[0], protocols[0]), tasks[0][0].runs[0].config.task.name
    return _accuracy_plot(tasks[0], protocols[0], measure, f"{name}: {measure} over length")


def page(
    runs: Sequence[RunRecord],
    title: str | None = None,
    attention: Mapping[Path, Sequence[AttentionImage]] | None = None,
) -> str:
    """Return the HTML page about runs. `attention`: the pictures of attention weights, by run folder."""
    tasks = group_by_task(runs)
    ordered = [(group, run) for groups in tasks for group in groups for run in group.runs]
    sampled = ordered[:_SAMPLED_RUNS]
    environment = Environment(
        loader=PackageLoader("scratchpad.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.jinja").render(
        title=title or _title(tasks),
        sections=[_section(groups) for groups in tasks],
        notes=[note for group, run in ordered for note in _notes(group.name_of(run), run)],
        answers=_samples(sampled, has_work=False),
        chains=_samples(sampled, has_work=True),
        diagnoses=[found for group, run in sampled if (found := _diagnosis(group, run, attention or {}))],
        unsampled=len(ordered) - len(sampled),
        names=[group.name_of(run) for group, run in ordered],
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


def _section(groups: Sequence[Group]) -> Context:
    run = groups[0].runs[0]
    file = run.config.task.data or run.config.task.file
    return {
        "title": f"{run.config.task.name}: {file}" if file else run.config.task.name,
        "summary": f"{run.task.summary} ({run.task.source})" if run.task else "",
        "length_label": run.length_label,
        "facts": _summary(groups),
        "results": [result for protocol in _protocols(groups) for result in _protocol_results(groups, protocol)],
        "pictures": _training_pictures(groups),
    }


def _summary(groups: Sequence[Group]) -> list[tuple[str, str]]:
    runs = [run for group in groups for run in group.runs]
    trained = dict.fromkeys(run.length_label(run.trained.to_json()) if run.trained else "unknown" for run in runs)
    steps = dict.fromkeys(f"{run.config.train.steps:,} steps of {run.config.train.batch:,} documents" for run in runs)
    models = [run.config.model for run in runs]
    sizes = dict.fromkeys(f"{model.layers} layers, {model.heads} heads, width {model.width}" for model in models)
    seeds = ", ".join(map(str, dict.fromkeys(run.config.train.seed for run in runs)))
    return [
        ("runs", f"{len(runs)} (training seeds: {seeds})"),
        ("trained on", "; ".join(trained)),
        ("training", "; ".join(steps)),
        ("model", "; ".join(sizes)),
    ]


def _protocols(groups: Sequence[Group]) -> list[str]:
    """Return the evaluation protocols of all runs, in the order `forced`, `free`, `free` with sampling."""
    found = {protocol for group in groups for run in group.runs for protocol, _ in run.scores}
    return sorted(found, key=lambda protocol: (METHODS.index(protocol.partition(", ")[0]), protocol))


def _protocol_results(groups: Sequence[Group], protocol: str) -> list[Context]:
    """Return the results under one protocol. Generated text has one result for answers and one for scratchpads."""
    results = [_result(groups, protocol, _measure(groups, protocol))]
    worked = [
        dataclasses.replace(group, runs=tuple(run.scratchpad_scores() for run in group.runs))
        for group in groups
        if format_named(group.format).has_work
    ]
    if protocol != "forced" and sizes_of(worked, protocol):
        results.append(_result(worked, protocol, _SCRATCHPADS))
    results[-1]["transitions"] = transition_tables(groups, protocol)
    results[-1]["costs"] = cost_tables(groups, protocol)
    return results


def _result(groups: Sequence[Group], protocol: str, measure: str) -> Context:
    method, comma, sampling = protocol.partition(", ")
    title = measure.capitalize() + (", teacher forcing" if method == "forced" else comma + sampling)
    several = any(len(group.runs) > 1 for group in groups)
    bands = "Bands show the range of runs; dots are runs" if several else "Bands show 95 % Wilson intervals"
    return {
        "title": title,
        "method": _METHOD_TEXTS[method if method == "forced" else measure],
        "forced": method == "forced",
        "questions": question_counts(groups, protocol),
        "table": accuracy_table(groups, protocol),
        "seeds": seeds_table(groups, protocol),
        "picture": _picture(_accuracy_plot(groups, protocol, measure), f"{measure.capitalize()} over length. {bands}."),
        "transitions": [],
        "costs": [],
    }


def _measure(groups: Sequence[Group], protocol: str) -> str:
    """Return the name of what an accuracy counts. With teacher forcing, formats without work count only answers."""
    worked = {format_named(group.format).has_work for group in groups}
    if protocol != "forced" or worked == {False}:
        return _ANSWERS
    return _SCRATCHPADS if worked == {True} else _BOTH


def _accuracy_plot(groups: Sequence[Group], protocol: str, measure: str, title: str = "") -> Figure:
    length = f"length ({groups[0].runs[0].length})"
    chance = 0 if measure == _SCRATCHPADS else chance_of(groups)
    return accuracy_plot(accuracy_series(groups, protocol), length, f"{measure} (%)", chance, title)


def _training_pictures(groups: Sequence[Group]) -> list[Picture]:
    """Return plots of loss and accuracy over training steps. A plot without logged data is left out."""
    series, pictures = loss_series(groups), []
    if any(one.curves for one in series):
        marked = " A dotted line marks a passed stage of the curriculum." if any(one.marks for one in series) else ""
        pictures.append(_picture(loss_plot(series), f"Training loss, on a logarithmic scale.{marked}"))
    for method in METHODS:
        if _has_schedule(groups, method):
            measure = _measure(groups, method)
            caption = f"Evaluations during training: the mean share of {measure} over the evaluated lengths."
            chance = 0 if measure == _SCRATCHPADS else chance_of(groups)
            plot = evaluation_plot(evaluation_panels(groups, method), "correct (%)", chance)
            pictures.append(_picture(plot, caption))
    return pictures


def _has_schedule(groups: Sequence[Group], method: str) -> bool:
    """Return whether any run was evaluated several times during training with this method."""
    steps = [
        {step for step, scores in run.evaluations for score in scores if score.method == method}
        for group in groups
        for run in group.runs
    ]
    return any(len(steps_of_run) > 1 for steps_of_run in steps)


def _picture(figure: Figure, caption: str) -> Picture:
    """Return a plot with CSS variables as colours, so that the plot follows the page's light or dark scheme."""
    text = svg(figure)
    names = {INK: "--ink", GRID: "--grid", SHADE: "--shade", PAPER: "--page"}
    names |= {colour: f"--series-{i}" for i, colour in enumerate(PALETTE)}
    for colour, name in names.items():
        text = text.replace(colour, f"var({name})")
    return Picture(Markup(text), caption)


def _notes(name: str, run: RunRecord) -> list[str]:
    """Return warnings about a run that is unfinished or not evaluated, or whose task cannot be loaded."""
    notes = []
    if run.last_step < run.config.train.steps and run.config.train.stop_at is None:
        notes.append(f"{name}: only {run.last_step:,} of {run.config.train.steps:,} training steps are logged.")
    evaluate = f"Evaluate this run with: scratchpad evaluate {run.folder}"
    if run.from_training:
        last = f"the last evaluation during training (step {run.evaluated_steps[-1]:,})"
        notes.append(f"{name}: this run has no scores yet. The page shows {last}. {evaluate}")
    if not run.scores:
        notes.append(f"{name}: this run is not evaluated yet. {evaluate}")
    if len(run.evaluated_steps) > 1:
        notes.append(f"{name}: the scores are from checkpoints at steps {', '.join(map(str, run.evaluated_steps))}.")
    if run.problem:
        notes.append(f"{name}: the page shows no true states, because the task cannot be loaded: {run.problem}")
    return notes


def _samples(ordered: Sequence[tuple[Group, RunRecord]], has_work: bool) -> list[Context]:
    """Return samples of formats with or without work. Only the first inductive run (or else the first) is unfolded."""
    chosen = [(group, run) for group, run in ordered if format_named(group.format).has_work == has_work]
    opened = next((run for group, run in chosen if format_named(group.format).inductive), chosen[0][1] if chosen else 0)
    samples = []
    for group, run in chosen:
        chains = sample_chains(run)
        note = "" if chains else f"No samples are saved yet. Use: scratchpad evaluate {run.folder} --method free"
        forced = any(one.forced for _, of_size in chains for one in of_size)
        samples.append({
            "name": group.name_of(run), "length_label": run.length_label, "by_size": chains, "forced": forced,
            "note": note, "is_open": run is opened,
        })  # fmt: skip
    return samples


def _diagnosis(group: Group, run: RunRecord, attention: Mapping[Path, Sequence[AttentionImage]]) -> Context | None:
    by_protocol: dict[str, list[Diagnosis]] = {}
    for one in diagnose(run):
        by_protocol.setdefault(one.protocol, []).append(one)
    caption = "The share of correct transitions, by place in the chain. Bands show 95 % Wilson intervals."
    protocols = [
        (
            diagnosis_tables(_chains_title(protocol), found, run.length_label),
            _picture(transition_figure(found, run.length_label, group.format), caption),
        )
        for protocol, found in by_protocol.items()
    ]
    images = attention.get(run.folder, ())
    name = group.name_of(run)
    return {"name": name, "protocols": protocols, "attention": images} if protocols or images else None


def _chains_title(protocol: str) -> str:
    method, comma, sampling = protocol.partition(", ")
    return _CHAINS[method] + comma + sampling


def _facts(runs: Sequence[RunRecord]) -> list[Context]:
    """Return settings and provenance. Values that are equal in all runs are separate from values that differ."""
    settings = [settings_text(run.record["config"]) for run in runs]
    others = [
        settings_text({name: part for name, part in run.record.items() if name != "config"})
        | {"steps logged": str(run.last_step), "step evaluated": ", ".join(map(str, run.evaluated_steps))}
        | _stages(run)
        for run in runs
    ]
    titled = (("Settings", settings), ("Versions, machine, vocabulary", others))
    split = [(title, *common_and_differing(texts)) for title, texts in titled]
    return [{"title": title, "common": common, "differing": differing} for title, common, differing in split]


def _stages(run: RunRecord) -> dict[str, str]:
    if not run.config.curriculum.stages:
        return {}
    passed = [f"{test['settings']} after {test['steps']:,}" for _, test in run.stages]
    return {"stages passed, steps each": "; ".join(passed) or "none"}
