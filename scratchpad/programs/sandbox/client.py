"""The client of the server that runs programs. Every wait for the server has a deadline."""

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
del sys.path[0]  # programs can import only Python's library
main({isolation!r})"""
_CHUNK = 1 << 20
_EXTRA_SECONDS = 60.0  # how long the client waits for a reply after the program's time limit


class ServerClient:
    """A server process and its pipes. Methods raise RunFailure if the server has ended or does not answer."""

    def __init__(self, isolation: str) -> None:
        root = str(Path(__file__).parents[3])
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-S", "-P", "-c", _START.format(root=root, isolation=isolation)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "LD_BIND_NOW": "1"},
            cwd="/",
            start_new_session=True,  # so that Ctrl-C reaches only the caller
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._received = bytearray()
        self._folder: str | None = None

    def receive_start(self) -> dict[str, Any]:
        """Return the server's first reply, which describes the isolation."""
        header, _ = self.receive()
        self._folder = header.get("folder")
        return header

    def send(self, request: dict[str, Any]) -> None:
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except OSError as error:
            raise RunFailure(f"the server that runs programs has ended: {error.strerror}") from None

    def receive(self, seconds: float = 0.0) -> tuple[dict[str, Any], list[bytes]]:
        """Return the next reply and its byte strings (trace, stdout, stderr). `seconds`: the program's time limit."""
        deadline = time.monotonic() + seconds + _EXTRA_SECONDS
        while (end := self._received.find(b"\n")) < 0:
            self._read_more(deadline)
        header = json.loads(self._take(end + 1))
        while len(self._received) < sum(header.get("sizes", ())):
            self._read_more(deadline)
        return header, [self._take(size) for size in header.get("sizes", ())]

    def _read_more(self, deadline: float) -> None:
        ready, _, _ = select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(self._replies.fileno(), _CHUNK) if ready else None
        if not chunk:
            raise RunFailure("the server that runs programs " + ("has ended" if ready else "does not answer"))
        self._received += chunk

    def _take(self, count: int) -> bytes:
        content = bytes(self._received[:count])
        del self._received[:count]
        return content

    def close(self) -> None:
        """Kill the server and the program that the server runs."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._replies.close()
