"""A lock on a run folder, because two processes that train in one folder would mix their checkpoints and metrics.

The lock is an advisory `flock` on the folder itself. The kernel releases the lock when the process ends, even after a
crash. So a resumed run is never blocked by an old lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scratchpad.errors import ScratchpadError


@contextmanager
def lock_run_folder(folder: Path) -> Iterator[None]:
    """Create a folder if needed, and lock the folder until the `with` block or this process ends.

    Raises ScratchpadError if another process has locked the folder, or if the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ScratchpadError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScratchpadError(
                f"another process is training in {folder}. Wait until it ends, stop it, or choose another `out`"
            ) from None
        except OSError:  # some network file systems cannot lock folders: train without a lock
            pass
        yield
    finally:
        os.close(descriptor)
