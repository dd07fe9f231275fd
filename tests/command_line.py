"""Helpers for tests of the command line: command lines, and parsing their output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TASK_FILE = str(ROOT / "examples" / "my_task.py")
FIVE_BITS = ["parity", "--format", "inductive", "--set", "bits=5", "window=8"]
PAPERS_LINE = "0_1_101_=:[00]0,0#[02]1,1#[04]1,0#[05]0,0#[06]1,1#[08]_,1."

Captured = pytest.CaptureFixture[str]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def joined(line: dict[str, Any]) -> str:
    """Return the text of a document's JSON line."""
    return "".join("".join(part) for part in (line["prompt"], *line["states"]))


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command in its own process. Ctrl-C reaches it even if the tests run in the background."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}  # buffered, as for most users
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit an ignored signal
    try:
        return subprocess.Popen([sys.executable, "-m", "scratchpad", *arguments], env=environment, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
