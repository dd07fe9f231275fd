"""Numbers as text: shares are never rounded to all or nothing, on any surface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_folders import score
from tiny_runs import Capture, command, tiny, trained

from scratchpad.evaluation.evaluated_model import Sample
from scratchpad.evaluation.metrics import Result, Score
from scratchpad.number_format import duration, memory, percent, percent_range, unbroken
from scratchpad.reporting.progress import accuracies
from scratchpad.run import Run


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"), (4999 / 5000, "99.9 %"), (0.9994, "99.9 %"), (0.98449, "98.4 %"), (0.5, "50.0 %"),
        (1 / 5000, "0.1 %"), (0.0, "0 %"), (1 - 1e-15, "100 %"), (1e-15, "0 %"),
    ],
)  # fmt: skip
def test_shares_round_to_all_or_nothing_only_where_they_are(share: float, text: str) -> None:
    assert percent(share) == text


def test_shares_with_two_digits() -> None:
    assert [percent(share, 2) for share in (0.98714, 4999 / 5000, 0.99999)] == ["98.71 %", "99.98 %", "99.99 %"]


def test_ranges_times_and_sizes() -> None:
    assert percent_range(0.0, 0.0372) == "0.0\N{EN DASH}3.7"
    times = (12.34, 1.0, 0.9, 0.00456, 7e-6)
    assert [duration(seconds) for seconds in times] == ["12.3 s", "1 s", "900 ms", "4.56 ms", "7 µs"]
    sizes = (3 * 2**30, 2**20, 2**20 - 1, 1500, 1023)
    assert [memory(size) for size in sizes] == ["3.0 GiB", "1.0 MiB", "1024.0 KiB", "1.5 KiB", "< 1 KiB"]


def test_numbers_keep_their_units_where_lines_are_wrapped() -> None:
    assert unbroken("98.5 % of 12 states, 3.0 s").replace("\N{NO-BREAK SPACE}", "_") == "98.5_% of 12 states, 3.0_s"


def test_evaluate_prints_one_wrong_answer_of_thousands(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = score(3, 4999, 5000, transition_accuracy=0.99999)
    del line["step"]
    wrong = Sample(3, 0, ("0", "="), False, False, (False,), 1)

    def evaluated(*_: Any, **__: Any) -> Iterator[Result]:
        yield Result(Score(**line), [wrong])

    monkeypatch.setattr(Run, "evaluate_by_size", evaluated)
    run = trained(tmp_path / "run", tiny(train__steps=1))
    status, out, err = command(capsys, "evaluate", run.folder)
    assert status == 0, err
    assert "99.9 %" in out
    assert "99.99 %" in out
    assert "100 %" not in out
    assert "100.0 %" not in out
    assert accuracies([line]) == "99.9 % at 3"
