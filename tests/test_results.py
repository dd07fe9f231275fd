"""docs/results: the index is up to date, the images are small, the tables complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.experiments.aggregate import over_seeds
from scratchpad.experiments.catalogue import experiment, experiment_names
from scratchpad.experiments.results import FILES
from scratchpad.experiments.tables import Provenance, markdown, texts
from tools.redraw_results import plan_of, seed_results
from tools.write_results import RESULTS, index, publish

FOLDERS = sorted(path for path in RESULTS.iterdir() if path.is_dir())


def test_the_index_is_current() -> None:
    assert (RESULTS / "README.md").read_text() == index(), "`python -m tools.write_results` regenerates it"


SCALES = sum(len(experiment(name).scales) for name in experiment_names())


def test_the_index_lists_every_experiment() -> None:
    text = index()
    for name in experiment_names():
        assert f"| {name} |" in text or f"| [{name}](" in text
    assert text.count("\n| ") == 2 + SCALES


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_results_are_complete_and_small(folder: Path) -> None:
    table = json.loads((folder / "table.json").read_text())
    assert table["name"] == folder.name
    assert table["rows"]
    assert table["provenance"]["commits"]
    assert "-dirty" not in str(table["provenance"]["commits"])
    minutes = round(table["provenance"]["seconds"] / 60 / len(table["provenance"]["seeds"]))
    assert (folder / "figure.png").stat().st_size < 120_000
    text = (folder / "table.md").read_text()
    assert "](figure.png)" in text
    name, _, scale = folder.name.rpartition("-")
    assert experiment(name).scales[scale].minutes == minutes, f"write minutes = {minutes} into the experiment's file"
    plan = experiment(name).plan(scale).with_votes(len(table["provenance"]["seeds"]))
    another = "the experiment is another one now: carry it out again"
    assert plan.note in text, another
    places = {(row["curve"], row["at"], row["case"]) for row in table["rows"]}
    assert places == {(curve.title, curve.at, case) for curve in plan.curves for case in plan.cases}, another
    trained = {curve.name: curve.config.train for curve in plan.curves}
    for row in table["rows"]:
        config = trained[f"{row['curve']}, {row['at']}" if row["at"] else row["curve"]]
        assert row["steps"] == config.steps or (config.stop_at and row["steps"] < config.steps), another


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_pages_have_the_current_texts_and_the_numbers_of_the_seeds(folder: Path) -> None:
    table = json.loads((folder / "table.json").read_text())
    plan = plan_of(table)
    regenerate = "`python -m tools.redraw_results` draws figures and texts again"
    assert texts(plan).items() <= table.items(), regenerate
    assert over_seeds(seed_results(plan, table), plan) == table["rows"], regenerate
    assert (folder / "table.md").read_text() == markdown(table, Provenance(**table["provenance"]), "figure.png")


def test_all_figures_are_drawn_by_one_version() -> None:
    """A PNG file names the version of matplotlib. All figures are drawn again if one is."""
    pictures = [*RESULTS.glob("*/figure.png"), *(RESULTS.parent / "images").glob("*.png")]
    assert len(pictures) == len(FOLDERS) + 2
    assert len({re.findall(rb"Matplotlib version[0-9.]+", picture.read_bytes())[0] for picture in pictures}) == 1


def test_results_are_copied_and_listed(tmp_path: Path) -> None:
    run, to = tmp_path / "run", tmp_path / "results"
    run.mkdir()
    (run / "table.json").write_text(json.dumps({"name": "fig1-small", "provenance": {"seeds": [0, 1]}}))
    with pytest.raises(ScratchpadError, match=r"has no table\.md, figure\.png"):
        publish([run], to)
    (run / "table.md").write_text("a table")
    (run / "figure.png").write_bytes(b"a figure")
    to.mkdir()
    (to / "findings.toml").write_text('fig1-small = "nothing new"\n')
    publish([run], to)
    assert sorted(path.name for path in (to / "fig1-small").iterdir()) == sorted(FILES)
    text = (to / "README.md").read_text()
    assert "[fig1](fig1-small/table.md)" in text
    assert "nothing new (2 seeds)" in text
    assert text.count("not run") == SCALES - 1
