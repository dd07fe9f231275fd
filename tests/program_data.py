"""A few problems in the format of MBPP, for the tests of program data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command_line import Captured, objects

from scratchpad.cli.main import main

DOUBLE = "def double(n):\r\n    n *= 2\r\n    return n"
PAIRS = "def pairs(a, b):\n    found = []\n    for x in a:\n        found.append((x, b))\n    return found"
CLASS = "class Two:\n    value = 2\ndef two(n):\n    return n + Two.value"
RAISES = "def inverse(n):\n    return 1 / n"
ENDLESS = "def wait(n):\n    while True:\n        n += 1"


def mbpp_line(number: int, code: str, *tests: str, **more: Any) -> dict[str, Any]:
    return {"task_id": number, "text": "", "code": code, "test_list": list(tests), **more}


MBPP = [
    mbpp_line(1, PAIRS, "assert pairs([1], 2) == [(1, 2)]"),
    mbpp_line(10, CLASS, "assert two(1) == 3"),
    mbpp_line(11, DOUBLE, "assert double(3) == 6", "assert double(n = -1)==-2", "assert (double('a')) == 'aa'"),
    mbpp_line(510, PAIRS, "assert set(pairs([1, 1], ())) == {(1, ())}"),
    mbpp_line(511, RAISES, "assert inverse(2) == .5", "assert inverse(0) == 1"),
    mbpp_line(600, ENDLESS, "assert wait(1) == 2"),
    mbpp_line(601, DOUBLE, "assert double(TEN) == 20", test_setup_code="TEN = 10\r\n"),
    mbpp_line(974, CLASS, "assert two(5) == 7", "assert two(6) == 8"),
]


def write(path: Path, lines: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def run_data(capsys: Captured, *arguments: str, out: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the lines that `scratchpad data` writes, and its messages."""
    assert main(["data", *arguments, "--out", str(out), "--force"]) == 0
    return objects(out.read_text()), capsys.readouterr().err
