"""Data sets of the Hugging Face hub. Only this module imports the package `datasets`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from scratchpad.errors import RunFailure, ScratchpadError


def hub_lines(name: str, config: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of all splits of a data set, each with `NAME:SPLIT:ROW` for error messages.

    Raises ScratchpadError where `datasets` is not installed, and RunFailure where loading the data set fails.
    """
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise ScratchpadError(
            f"{name} comes from the Hugging Face hub, and the package `datasets`, which loads it, is not installed: "
            "pip install 'scratchpad[hub]', or name a file with the data: --set path=FILE.jsonl"
        ) from None
    try:
        parts = datasets.load_dataset(name, config)
    except Exception as error:  # network, hub and file errors: each library on the way raises its own kinds
        raise RunFailure(
            f"{name} could not be loaded from the Hugging Face hub: {type(error).__name__}: {error}; "
            "name a file with the data to load it without the hub: --set path=FILE.jsonl"
        ) from None
    for split, rows in parts.items():
        for number, row in enumerate(rows):
            yield f"{name}:{split}:{number}", row
