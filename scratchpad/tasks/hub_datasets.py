"""Load data sets from the Hugging Face hub. Only this module imports the package `datasets`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from scratchpad.errors import RunFailure, ScratchpadError


def hub_lines(name: str, config: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, row) for every row of a data set. `place` is `NAME:SPLIT:ROW`, for error messages.

    Raises ScratchpadError if `datasets` is not installed, and RunFailure if the data set cannot be loaded.
    """
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise ScratchpadError(
            f"{name} comes from the Hugging Face hub, but the package `datasets` is not installed. Install it with "
            "pip install 'scratchpad[hub]', or load the data from a file with the setting path=FILE.jsonl"
        ) from None
    try:
        parts = datasets.load_dataset(name, config)
    except Exception as error:  # network, hub and file errors have many classes
        raise RunFailure(
            f"{name} could not be loaded from the Hugging Face hub: {type(error).__name__}: {error}. "
            "You can load the data from a file instead, with the setting path=FILE.jsonl"
        ) from None
    for split, rows in parts.items():
        for number, row in enumerate(rows):
            yield f"{name}:{split}:{number}", row
