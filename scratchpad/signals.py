"""Requests to end: Ctrl-C, and what `kill`, `timeout`, a batch system or a closed terminal send."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handling_termination(handler: Handler, ctrl_c: bool = True) -> Iterator[None]:
    """Have a handler take them in this block, Ctrl-C only where it is asked to.

    Those that this process was told to ignore, as by nohup, stay ignored; but for Ctrl-C, which shells have what runs
    in the background ignore. Outside of the main thread nothing is handled.
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
    """A handler that ends as Ctrl-C does."""
    raise KeyboardInterrupt
