"""Data sets of the Hugging Face hub, by name: through the package `datasets`, which is loaded for nothing else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from scratchpad.errors import RunFailure, ScratchpadError


def hub_lines(name: str, config: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of all splits of a data set, each with its place `NAME:SPLIT:ROW` for error texts.

    ScratchpadError where `datasets` is not installed, RunFailure where the hub does not give the data set.
    """
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise ScratchpadError(
            f"{name} comes from the Hugging Face hub, and the package `datasets`, which gets it, is not installed: "
            "pip install 'scratchpad[hub]', or name a file of it: --set path=FILE.jsonl"
        ) from None
    try:
        parts = datasets.load_dataset(name, config)
    except Exception as error:  # of the network, of the hub, of a file on the way: each library has its own
        raise RunFailure(
            f"{name} could not be had from the Hugging Face hub: {type(error).__name__}: {error}; "
            "with a file of it no hub is needed: --set path=FILE.jsonl"
        ) from None
    for split, rows in parts.items():
        for number, row in enumerate(rows):
            yield f"{name}:{split}:{number}", row
