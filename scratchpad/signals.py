"""Signals that ask a process to stop: from Ctrl-C, `kill`, `timeout`, a batch system or a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handling_termination(handler: Handler, ctrl_c: bool = True) -> Iterator[None]:
    """Handle SIGTERM and SIGHUP in a `with` block, and SIGINT if `ctrl_c` is set.

    Signals that this process ignores (under nohup, for example) stay ignored. SIGINT is handled even so, because shells
    make background processes ignore SIGINT. Outside the main thread nothing changes.
    """
    kinds = [signal.SIGTERM, signal.SIGHUP]
    kinds = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    with ExitStack() as stack:
        for kind in (*kinds, *([signal.SIGINT] if ctrl_c else [])):
            try:
                before = signal.signal(kind, handler)
            except ValueError:  # not the main thread
                break
            stack.callback(signal.signal, kind, before)
        yield


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, as Ctrl-C does."""
    raise KeyboardInterrupt
