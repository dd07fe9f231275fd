"""The documentation matches the package: the API page has all public names, and links between pages work."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest
import yaml

import scratchpad
from scratchpad.cli.main import COMMANDS, Command, _parser

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


def test_the_api_reference_has_all_public_names_where_they_are_defined() -> None:
    listed = re.findall(r"^::: (\S+)\.(\w+)$", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(name for _, name in listed) == sorted(scratchpad.__all__)
    for module, name in listed:
        assert getattr(scratchpad, name).__module__ == module, name


def test_the_site_has_all_pages() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = {page for entry in site["nav"] for page in entry.values()}
    assert named == {*(page.name for page in PAGES), "results/README.md"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_front_pages_lead_to_files(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    assert not [target for target in targets if "://" not in target and not (ROOT / target).exists()]


def test_command_lines_take_the_options_that_they_show() -> None:
    texts = [page.read_text(encoding="utf-8") for page in (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md")]
    lines = [line for text in texts for line in re.findall(r"^    (?:\$ )?scratchpad (.*)$", text, re.MULTILINE)]
    assert len(lines) > 50
    for line in lines:
        if "[" not in line:  # a synopsis
            for part in line.split(" | scratchpad "):
                words = shlex.split(part.partition(" > ")[0], comments=True)
                assert words[0] in COMMANDS, line
                command = cast(Command, importlib.import_module(f"scratchpad.cli.{words[0]}"))
                _parser(words[0], command).parse(words[1:])


def test_modules_that_are_named_exist() -> None:
    """Of the changelog's table only the second column."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    texts = [page.read_text(encoding="utf-8") for page in (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md")]
    texts += [line.split("|")[2] for line in changelog if line.startswith("  | ")]
    named = {
        name
        for text in texts
        for name in re.findall(r"`((?:scratchpad|tools|benchmarks|examples|tests)/[\w/.]+)`", text)
    }
    assert not [name for name in named if not (ROOT / name).exists()]
    dotted = {name for text in texts for name in re.findall(r"\b(?:from|`)\s*(scratchpad(?:\.[a-z_]+)+)\b", text)}
    assert not [name for name in dotted if not _module(name) and not hasattr(scratchpad, name.split(".")[1])]


def _module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.skipif(shutil.which("git") is None, reason="`git apply` checks the diffs")
def test_the_worked_diffs_apply() -> None:
    diffs = re.findall(
        r"^```diff\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(diffs) == 5
    for diff in diffs:
        ran = subprocess.run(
            ["git", "apply", "--check", "--unidiff-zero", "-"], input=diff, cwd=ROOT, capture_output=True, text=True
        )
        assert ran.returncode == 0, f"{ran.stderr}\n{diff[:200]}"
