"""Every command of the documentation works as written, in the order of its page, and leaves a fresh clone clean.

Each page has its own copy of the files that a clone has. The commands run in this process and with few steps: the test
changes the number of steps, questions and samples, and nothing else.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest
from documented_commands import DocumentedCommand, commands_of, python_of, run_command, words_of
from program_data import DOUBLE, mbpp_line, write
from tiny_runs import starts_workers

from scratchpad.cli import _experiments, reproduce
from scratchpad.experiments.plan import Plan

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
NOT_RUN = {
    r"make ": "needs the network and minutes; CI runs the targets",
    r"source ": "the tests run in the environment that this command activates",
    r"scratchpad bench ": "takes minutes; test_bench.py runs small benchmarks",
}
"""The commands that the test does not run, as patterns, with the reason."""

FEW_STEPS = {
    "train.steps": 2, "train.batch": 2, "train.warmup_steps": 0, "train.evaluate_every": 0, "train.checkpoint_every": 0,
    "evaluate.n": 2, "curriculum.every": 1, "curriculum.n": 2,
}  # fmt: skip
FEW = {
    "data": {"-n": 2}, "evaluate": {"-n": 2}, "prompt": {"-n": 2}, "reproduce": {"--seeds": 1}, "sweep": {"--seeds": 1},
    "train": {"--seeds": 2},
}  # fmt: skip
"""The number of documents, questions and seeds in place of those of the page, by command and option."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def documented(page: str) -> list[DocumentedCommand]:
    return list(commands_of(page, text_of(page)))


def other_python(page: str) -> list[tuple[int, str]]:
    """Return the Python code of a page. test_notebook.py runs the examples that use the Python interface."""
    return [(line, code) for line, code in python_of(text_of(page)) if not code.startswith("import scratchpad as sp")]


def reason_not_to_run(command: DocumentedCommand) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, command.text)), None)


def with_few_steps(words: list[str]) -> list[str]:
    """Return the words of a command with fewer steps, questions and samples."""
    name = words[1] if words[0] == "scratchpad" else ""
    for option, most in FEW.get(name, {}).items():
        if option in words:
            words[words.index(option) + 1] = str(most)
    if name == "evaluate" and "-n" not in words:
        words += ["-n", "2"]
    if name == "globality":
        words += ["--samples", "50", "--largest", "1"]
    if name in ("train", "sweep"):
        words = ["train.steps=2" if word.startswith("train.steps=") else word for word in words]
        given = {word.partition("=")[0] for word in words}
        words += ["--set", *(f"{name}={value}" for name, value in FEW_STEPS.items() if name not in given)]
    return words


def test_commands_are_found_in_blocks_of_code() -> None:
    page = """
Text with `scratchpad tasks`, and a table:

    format      4 bits
    scratchpad  99.9 %

    scratchpad show parity \\
        -n 2     # two
    ./tool

    $ make help
    scratchpad is the output

```bash
python examples/x.py > x.jsonl
```

```python
scratchpad = 1
```
"""
    found = [(command.line, words_of(command.text), command.output) for command in commands_of("page", page)]
    assert found == [
        (7, ["scratchpad", "show", "parity", "-n", "2"], ()),
        (9, ["./tool"], ()),
        (11, ["make", "help"], ("scratchpad is the output",)),
        (15, ["python", "examples/x.py", ">", "x.jsonl"], ()),
    ]


def test_every_exception_is_needed() -> None:
    commands = [command for page in PAGES for command in documented(page)]
    assert len(commands) > 70
    for pattern in NOT_RUN:
        assert any(re.match(pattern, command.text) for command in commands), pattern


def test_no_two_commands_write_the_same_file() -> None:
    """So the commands of all pages work one after another. `> FILE` overwrites a file, and --dry-run writes nothing."""
    places: dict[str, list[str]] = {}
    for command in (command for page in PAGES for command in documented(page)):
        words = words_of(command.text)
        written = [words[i + 1] for i, word in enumerate(words) if word in ("--out", "--image", "--attention")]
        if words[:2] == ["scratchpad", "train"] and "--out" not in words:
            written.append(f"runs/{Path(words[2]).stem}")
        if "--dry-run" not in words:
            for name in written:
                places.setdefault(name, []).append(str(command))
    assert not [commands for commands in places.values() if len(commands) > 1]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a fresh clone of what the commands need, and the two public data sets with few problems."""
    for name in ("examples", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".gitignore", tmp_path)
    calls = [f"assert double({number}) == {2 * number}" for number in range(3)]
    write(tmp_path / "mbpp.jsonl", [mbpp_line(number, DOUBLE, *calls) for number in (1, 11, 601, 602)])
    write(tmp_path / "cruxeval.jsonl", [{"code": "def f(n):\n    return n + 1", "input": "5"}])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(*arguments: str) -> str:
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *arguments], env=os.environ | alone, check=True, capture_output=True, text=True
    ).stdout


def with_one_small_curve(args: Namespace, plan: Plan, out: Path, command: str) -> None:
    """Run an experiment with its first curve and few steps only."""
    first = plan.curves[0]
    config = first.config.with_settings({**FEW_STEPS, "train.evaluate_every": 1})
    small = dataclasses.replace(plan, curves=(dataclasses.replace(first, config=config),), vote=())
    args.jobs = 1
    _experiments.run_experiment(args, small, out, command)


def problems_of(command: DocumentedCommand, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a command and return what is wrong. Documents that the page shows are what the command prints."""
    problem, printed = run_command(with_few_steps(words_of(command.text)), monkeypatch)
    if problem or not command.text.startswith("scratchpad show "):
        return [problem] if problem else []
    return [f"does not print {line}" for line in command.output if line not in printed.splitlines()]


@starts_workers
@pytest.mark.skipif(shutil.which("git") is None, reason="git says which files are new")
@pytest.mark.parametrize("page", [page for page in PAGES if documented(page) or other_python(page)])
def test_a_page_works_as_written_and_leaves_the_clone_clean(
    page: str, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "run_experiment", with_one_small_curve)
    git("init", "--quiet")
    git("add", "--all")
    problems = [
        f"{command}\n  {problem}"
        for command in documented(page)
        if reason_not_to_run(command) is None
        for problem in problems_of(command, monkeypatch)
    ]
    assert not problems, "\n".join(problems)
    for line, code in other_python(page):
        exec(compile("\n" * (line - 1) + code, page, "exec"), {"__name__": page})
    assert [line for line in git("status", "--porcelain").splitlines() if not line.startswith("A  ")] == []


def test_the_task_of_the_page_is_the_example() -> None:
    """Apart from types, docstrings and comments."""
    _, page = next(python_of(text_of("docs/your-task.md")))
    assert functions(page) == functions(text_of("examples/my_task.py"))


def functions(code: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the arguments and the statements of each function."""
    found = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    return {
        node.name: (
            [argument.arg for argument in node.args.args],
            [ast.unparse(one) for one in node.body if not isinstance(one, ast.Expr)],
        )
        for node in found
    }
