"""Holding a run folder while it is written: two trainings in one would mix their checkpoints and metrics."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scratchpad.errors import ScratchpadError


@contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is not there, until the end of the block or of this process, however that comes.

    ScratchpadError where another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ScratchpadError(f"--out {folder} cannot be written: {error.strerror}") from None
    try:
        _lock(place, folder)
        yield
    finally:
        os.close(place)


def _lock(place: int, folder: Path) -> None:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ScratchpadError(
            f"{folder} is being trained in by another process: wait for its end or stop it, or choose another --out"
        ) from None
    except OSError:  # some network file systems lock no folders; there is only the user's own care then
        return
