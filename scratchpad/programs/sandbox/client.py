"""The caller's end of the server: lines of JSON there, a line of JSON and bytes back, and no waiting for ever."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scratchpad.errors import RunFailure

_START = """\
import sys
sys.path.insert(0, {root!r})
from scratchpad.programs.sandbox.namespaces import fix_addresses
fix_addresses()
from scratchpad.programs.sandbox.server import main
del sys.path[0]  # programs see Python's own library alone
main({wanted!r})"""
_CHUNK = 1 << 20
_PATIENCE_SECONDS = 60.0  # beyond the program's own time


class ServerClient:
    """A server process and the pipes to it. RunFailure from every method, when the server has died or says nothing."""

    def __init__(self, isolation: str) -> None:
        root = str(Path(__file__).parents[3])
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-S", "-P", "-c", _START.format(root=root, wanted=isolation)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "LD_BIND_NOW": "1"},
            cwd="/",
            start_new_session=True,  # Ctrl-C is the caller's business
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._held = bytearray()
        self._folder: str | None = None

    def started(self) -> dict[str, Any]:
        """The server's first reply, on how it shuts programs in."""
        told, _ = self.reply()
        self._folder = told.get("folder")
        return told

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError as error:
            raise RunFailure(f"the server that runs programs is gone: {error.strerror}") from None

    def reply(self, seconds: float = 0.0) -> tuple[dict[str, Any], list[bytes]]:
        """The next reply and its contents; to be there within so many seconds, and some more."""
        deadline = time.monotonic() + seconds + _PATIENCE_SECONDS
        while (end := self._held.find(b"\n")) < 0:
            self._receive(deadline)
        told = json.loads(self._taken(end + 1))
        while len(self._held) < sum(told.get("sizes", ())):
            self._receive(deadline)
        return told, [self._taken(size) for size in told.get("sizes", ())]

    def _receive(self, deadline: float) -> None:
        ready, _, _ = select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(self._replies.fileno(), _CHUNK) if ready else None
        if not chunk:
            raise RunFailure("the server that runs programs " + ("is gone" if ready else "does not answer"))
        self._held += chunk

    def _taken(self, count: int) -> bytes:
        content = bytes(self._held[:count])
        del self._held[:count]
        return content

    def close(self) -> None:
        """End the server, and with it what it runs."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._replies.close()
