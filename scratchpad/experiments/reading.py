"""Reading an experiment's file: mistakes are told with what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scratchpad.errors import ScratchpadError


@contextmanager
def telling(place: str) -> Iterator[None]:
    """Put in front of a ScratchpadError what it is about."""
    try:
        yield
    except ScratchpadError as error:
        raise ScratchpadError(f"{place}: {error}") from None
