"""The command `demo`: what it says first, its table, its files, and that a second call trains nothing again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_runs import Capture, command

from scratchpad.cli import demo

SMALL = {"model": "tiny", "train.steps": 2, "train.warmup_steps": 0, "evaluate.sizes": "4,8", "evaluate.n": 3}


def test_the_demo_from_plan_to_report(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", demo.DEMO.with_settings(SMALL))
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = command(capsys, "demo", "--out", tmp_path / "demo")
    assert status == 0, err
    assert err.startswith(
        "Three small models learn the parity of 4-5 bits in a window of 20, in the formats inductive, "
    )
    assert "Each model trains for 2 steps" in err
    lines = out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.split() == ["bits", *demo.FORMATS])
    assert max(map(len, lines[header : header + 3])) <= 80
    assert [line.split()[0] for line in lines[header + 1 : header + 3]] == ["4", "8"]
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert {(score["format"], score["size"], score["n"]) for score in summary["table"]} == {
        (name, size, 1000) for name in demo.FORMATS for size in (4, 8)
    }
    assert "Three formats, one task" in (tmp_path / "demo" / "report.html").read_text()
    status, again, err = command(capsys, "demo", "--out", tmp_path / "demo")
    assert (status, again.splitlines()[: header + 3]) == (0, lines[: header + 3])
    assert "step 1" not in err
