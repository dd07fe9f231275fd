"""The notebook of the first hour and the Python examples in the documentation run, with few steps and questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from tiny_runs import ROOT

import scratchpad as sp
from scratchpad.config.resolve import ResolvedRun
from scratchpad.run import Run
from scratchpad.training import setup

NOTEBOOK = json.loads((ROOT / "examples" / "first_hour.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PAGES = {
    page.name: re.findall(
        r"^```python\n(import scratchpad as sp\n.*?)^```$", page.read_text(encoding="utf-8"), re.S | re.M
    )
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
"""The examples of each page that use the Python interface."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Train two steps and evaluate two questions per size, in an empty folder, without a window for figures."""
    measure, evaluate_by_size = setup.measure, Run.evaluate_by_size

    def measured(run: ResolvedRun, **how: Any) -> ResolvedRun:
        config = run.config.with_settings({"train.steps": 2, "train.batch": 3, "evaluate.n": 2})
        return measure(setup.resolve(config, run.tasks), **how)

    def evaluated(run: Run, sizes: Any = (), n: int = 0, *how: Any, **named: Any) -> Any:
        return evaluate_by_size(run, sizes, 2, *how, **named)

    monkeypatch.setattr(setup, "measure", measured)
    monkeypatch.setattr(Run, "evaluate_by_size", evaluated)
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "Agg"}):
        yield
        plt.close("all")


def test_the_notebook_has_no_outputs() -> None:
    assert not [cell for cell in NOTEBOOK["cells"] if cell.get("outputs") or cell.get("execution_count")]


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for code in CODE:
        exec(code, names)
    out = capsys.readouterr().out
    assert re.search(r"^size 16: .* of 2 scratchpads exact", out, re.M)
    assert out.count("the truth is ") == 4
    assert isinstance(names["again"], sp.Run)
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("page", [page for page in PAGES if PAGES[page]])
def test_the_python_examples_of_the_documentation_run(page: str) -> None:
    for example in PAGES[page]:
        names: dict[str, Any] = {}
        exec(example, names)
        assert "sp" in names


def test_a_run_is_used_from_another_program_in_few_lines() -> None:
    assert [example for example in PAGES["index.md"] if "sp.Run.load" in example and len(example.splitlines()) <= 15]
    assert {"README.md", "api.md", "index.md", "your-task.md"} <= {page for page in PAGES if PAGES[page]}
