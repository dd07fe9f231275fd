"""Handling of signals that ask a process to stop, such as Ctrl-C, `kill` or a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def handling_termination(handler: Handler, ctrl_c: bool = True) -> Iterator[None]:
    """Handle SIGTERM and SIGHUP in a `with` block, and also SIGINT if `ctrl_c` is set.

    A SIGTERM or SIGHUP that the process already ignores (for example, under nohup) is still ignored. SIGINT is always
    handled, because shells make background processes ignore SIGINT. Outside the main thread, nothing is handled.
    """
    kinds = [signal.SIGTERM, signal.SIGHUP]
    kinds = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    with ExitStack() as stack:
        for kind in (*kinds, *([signal.SIGINT] if ctrl_c else [])):
            try:
                before = signal.signal(kind, handler)
            except ValueError:  # only the main thread can set signal handlers
                break
            stack.callback(signal.signal, kind, before)
        yield


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, like Ctrl-C."""
    raise KeyboardInterrupt
