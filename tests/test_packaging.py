"""Pinned versions, allowed versions and the release number agree in all files that state them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    wanted = [Requirement(line) for line in text(name).splitlines() if line and line[0] not in "#-"]
    assert all(str(each.specifier).startswith("==") for each in wanted), f"{name}: every version is pinned"
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in wanted}


PROJECT: dict[str, Any] = tomllib.loads(text("pyproject.toml"))["project"]
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
NEEDED_BY_DEVELOPERS = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]


def test_pins_are_versions_that_the_package_allows() -> None:
    plain, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert not plain.keys() & dev.keys(), "a version is pinned in one place"
    for listed, pinned in ((NEEDED, plain), (NEEDED_BY_DEVELOPERS, dev)):
        for requirement in listed:
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_pins_of_the_documentation_go_with_the_others() -> None:
    plain, dev, docs = pins("requirements.txt"), pins("requirements-dev.txt"), pins("requirements-docs.txt")
    assert not plain.keys() & docs.keys(), "a version is pinned in one place"
    assert {name: docs[name] for name in docs.keys() & dev.keys()} == {
        name: dev[name] for name in docs.keys() & dev.keys()
    }


def test_the_lowest_versions_are_the_lowest_that_are_allowed() -> None:
    lowest = pins("requirements-lowest.txt")
    for requirement in (*NEEDED, *NEEDED_BY_DEVELOPERS):
        pinned = Version(lowest[canonicalize_name(requirement.name)])
        assert str(requirement.specifier).startswith(">=")
        assert Version(str(requirement.specifier).removeprefix(">=")) == pinned, str(requirement)
    (build,) = tomllib.loads(text("pyproject.toml"))["build-system"]["requires"]
    assert str(Requirement(build).specifier) == ">=" + lowest["setuptools"]


def test_one_release_number() -> None:
    changelog = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    citation = yaml.safe_load(text("CITATION.cff"))
    assert changelog[0] == (PROJECT["version"], str(citation["date-released"]))
    assert citation["version"] == PROJECT["version"]


def test_ci_runs_the_versions_and_targets_that_there_are() -> None:
    jobs = yaml.safe_load(text(".github/workflows/test.yml"))["jobs"]
    stated = {line.split(" :: ")[-1] for line in PROJECT["classifiers"] if line.startswith("Programming Language :: ")}
    assert set(jobs["test"]["strategy"]["matrix"]["python"]) == {version for version in stated if "." in version}
    assert set(jobs["others"]["strategy"]["matrix"]["target"]) <= targets()
    ruff = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"][0]
    assert ruff["rev"] == "v" + pins("requirements-dev.txt")["ruff"]


def targets() -> set[str]:
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text("Makefile"), re.MULTILINE)
    assert phony
    return set(phony.group(1).replace("\\", " ").split())


def test_make_help_lists_every_target() -> None:
    described = re.findall(r"^([a-z-]+):[^#]*## ", text("Makefile"), re.MULTILINE)
    assert set(described) == targets()
    assert len(described) == len(targets())
