"""Write docs/results from finished experiments: `python -m tools.write_results runs/fig4b-small ...`.

Copies table.json, table.md and figure.png of each folder and regenerates the index; without folders, only the index.
docs/results/findings.toml has a sentence on each result, by folder name.
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.experiments.catalogue import Experiment, experiment, experiment_names
from scratchpad.experiments.results import FILES

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
_NOT_RUN = {"small": "not run yet", "paper": "not run: needs a GPU"}
_HEAD = """# Results

Results of `scratchpad reproduce NAME` beside those of the papers. `small` trains tiny models and looks for the paper's
ordering; `paper` uses the paper's settings. The time is that of one CPU core, which trains all curves with one seed.
Each page has the table, the figure, the command, commit, machine, seeds and time. Most runs shared their cores with
other work, so that the same training took up to twice as long at some times as at others. This index is generated
(`python -m tools.write_results`); a test keeps it up to date.
"""


def publish(folders: Sequence[Path], to: Path = RESULTS) -> None:
    """Copy the results of experiments and write the index. ScratchpadError for a folder without results."""
    for folder in folders:
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise ScratchpadError(f"{folder} has no {', '.join(missing)}: `scratchpad reproduce` writes them")
        target = to / json.loads((folder / FILES[0]).read_text(encoding="utf-8"))["name"]
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(folder / name, target / name)
    (to / "README.md").write_text(index(to), encoding="utf-8")


def index(results: Path = RESULTS) -> str:
    """Return the index of all experiments, run or not, as Markdown."""
    path = results / "findings.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    lines = [line for name in experiment_names() for line in _lines(experiment(name), results, found)]
    head = ["| experiment | what | scale | here | the paper |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([_HEAD, *head, *lines]) + "\n"


def _lines(one: Experiment, results: Path, found: Mapping[str, str]) -> Iterator[str]:
    for scale in one.scales:
        name = f"{one.name}-{scale}"
        if not (results / name / FILES[0]).is_file():
            yield f"| {one.name} | {one.title} | {scale} | {_NOT_RUN[scale]} | {one.result} |"
            continue
        result = json.loads((results / name / FILES[0]).read_text(encoding="utf-8"))
        here = f"{found.get(name, 'see the table')} ({_seeds(result)})"
        minutes = one.scales[scale].minutes
        which = scale if minutes is None else f"{scale}, {minutes} min"
        yield f"| [{one.name}]({name}/table.md) | {one.title} | {which} | {here} | {one.result} |"


def _seeds(result: Mapping[str, Any]) -> str:
    seeds = result["provenance"]["seeds"]
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"


if __name__ == "__main__":
    publish([Path(folder) for folder in sys.argv[1:]])
