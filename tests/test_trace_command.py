"""The command `trace`: its output, and its exit status for each kind of ending."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from traces import CHANGES, FUNCTION, PAPER

from scratchpad.cli.main import main


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(FUNCTION)
    return str(path)


def test_the_command_writes_the_papers_text(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", file, "--call", "f(6)"]) == 0
    out, err = capsys.readouterr()
    assert out == PAPER.partition("[BEGIN]\n\n")[2].removesuffix("\n[DONE]")
    assert "isolation in force: " in err
    assert main(["trace", file, "--call", "f(6)", "--prompt"]) == 0
    assert capsys.readouterr().out == PAPER + "\n"
    assert main(["trace", file, "--call", "f(6)", "--format", "changes"]) == 0
    assert capsys.readouterr().out == CHANGES + "\n"


@pytest.mark.parametrize("form", ["nye", "changes", "inductive"])
def test_the_command_writes_json(file: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", file, "--call", "f(6)", "--json", "--format", form]) == 0
    *steps, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [set(step) for step in steps] == [{"line", "source", "state"}] * 12
    assert (steps[2]["line"], steps[2]["source"]) == (2, "  v0 += 0")
    assert last["status"] == "done"
    assert last["state"]["output"] == 24
    assert last["isolation"] in ("namespaces", "hooks")
    assert (last["isolation"] == "hooks") == ("no security boundary" in last["in_force"])


def test_an_exception_of_the_program_exits_with_0(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", file, "--call", "f(None)", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["status"] == "exception"
    assert last["error"].startswith("TypeError: unsupported operand")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["none.py"], 2, "none.py: No such file"),
        (["FILE", "--call", "f("], 2, "call 'f(' must be one expression"),
        (["FILE", "--call", "f(6); import os"], 2, "one expression on one line"),
        (["FILE", "--call", "(yield)"], 2, "--call '(yield)': SyntaxError: 'yield' outside function"),
        (["FILE", "--call", "f(1)\nimport os"], 2, "one line"),
        (["FILE", "--max-memory", "1"], 2, "limit memory_bytes"),
        (["FILE", "--max-trace", "1"], 2, "limit trace_bytes=1 must be a whole number from 1,024"),
        (["FILE", "--max-seconds", "soon"], 2, "a number of seconds"),
        (["FILE", "--format", "nie"], 2, "invalid choice"),
        (["FILE", "--prompt", "--json"], 2, "--prompt cannot be combined with --json"),
        (["FILE", "--call", "f(6)", "--max-steps", "3"], 1, "more lines than allowed"),
    ],
)
def test_mistakes_and_limits_set_the_exit_status(
    file: str, arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", *(file if argument == "FILE" else argument for argument in arguments)]) == status
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.py"
    path.write_text("x = 1\ny = = 2\n")
    assert main(["trace", str(path)]) == 2
    assert capsys.readouterr() == ("", f"scratchpad: error: {path}, line 2: SyntaxError: invalid syntax\n")


def test_a_null_byte_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "null.py"
    path.write_text("x = 1\0\n")
    assert main(["trace", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, "null bytes" in err, "None" in err) == ("", True, False)


def test_a_refusal_names_the_construct(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "class.py"
    path.write_text("x = 1\nclass A: pass\n")
    assert main(["trace", str(path), "--format", "inductive"]) == 2
    assert "class (line 2)" in capsys.readouterr().err
