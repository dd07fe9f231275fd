"""The likely causes of failures that `scratchpad diagnose` names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_runs import Capture, command, tiny, trained

from scratchpad.evaluation.intervals import Share
from scratchpad.reporting.causes import find_causes
from scratchpad.reporting.diagnosis import Diagnosis
from scratchpad.reporting.run_records import read_run
from scratchpad.run import Run

# states `[index]largest so far`: an index of 4 never occurs in lists of at most 4 digits
TASK = """
SETTINGS = {"sizes": "2-4"}
def symbols(settings): return "0123456789=[]"
def question(rng, size): return "".join(str(rng.below(10)) for _ in range(size)) + "="
def first(question): return f"[0]{question[0]}"
def step(question, state):
    digit = question[int(state[1]) + 1]
    return None if digit == "=" else f"[{int(state[1]) + 1}]{max(state[-1], digit)}"
def answer(question, state): return state[-1]
def truth(question): return max(question[:-1])
"""
POSITIONS = (
    "documents need 18 positions, but training documents need 16, so the model has positions that were never trained"
)
WINDOW = "Give all questions the same length: put the items at random places of a window."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the task above that has hardly learned, evaluated at sizes 4 and 6."""
    root = tmp_path_factory.mktemp("causes")
    (root / "task.py").write_text(TASK)
    run = trained(root / "run", tiny().with_settings({"task.file": str(root / "task.py")}))
    run.evaluate([4, 6], 7)
    return run.folder


def test_untrained_positions_and_symbols_are_named(folder: Path, capsys: Capture) -> None:
    words = ("diagnose", folder, "--task-file", folder.parent / "task.py")
    status, out, err = command(capsys, *words)
    assert status == 0, err
    assert [line for line in out.splitlines() if line.startswith(("likely", "what"))] == [
        f"likely cause at size 6: {POSITIONS}",
        "likely cause at size 6: states have 4 5 as symbol 2, which no state of 300 training documents has there",
        f"what to do: {WINDOW}",
        f"what to do: Train every name of a place, and keep the length of states constant. {WINDOW}",
    ]
    status, out, _ = command(capsys, *words, "--json")
    causes = [line["cause"] for line in map(json.loads, out.splitlines()) if "cause" in line]
    assert [(one["size"], one["advice"]) for one in causes] == [(6, WINDOW), (6, causes[1]["advice"])]


def test_sizes_that_succeed_have_no_cause(folder: Path) -> None:
    record = read_run(folder, str(folder.parent / "task.py"))
    assert find_causes(record, [Diagnosis("forced", 6, chains=Share(9, 10))]) == []
    assert {cause.size for cause in find_causes(record, [Diagnosis("forced", 6, chains=Share(8, 10))])} == {6}
    assert find_causes(read_run(folder), [Diagnosis("forced", 6, chains=Share(0, 10))]) == []  # the task is unknown


def test_rare_traits_that_fail_are_named(tmp_path: Path) -> None:
    run: Run = trained(tmp_path / "run", tiny(bits="1", window=40, train__steps=2))
    traits = {"kind": {"digit 0": Share(1, 5), "digit 7": Share(1, 5), "digit 8": Share(1, 4), "digit 9": Share(9, 10)}}
    [cause] = find_causes(read_run(run.folder), [Diagnosis("forced", 1, chains=Share(1, 10), by_trait=traits)])
    assert cause.what == (
        "20.0 % of the transitions to kind digit 7 are correct, and 0 % of the training states have this kind"
    )
