"""The version of the installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def describe_version() -> str:
    """Return `scratchpad 0.2.0`, or say that the package is not installed but runs from its source."""
    try:
        return f"scratchpad {version('scratchpad')}"
    except PackageNotFoundError:
        return "scratchpad, run from its source"
