"""Several runs trained side by side, each in a process of its own: small models fill a core each better than all cores
one after another. Progress is read from the metrics.jsonl that every run writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scratchpad.config.schema import RunConfig
from scratchpad.errors import RunFailure

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class TrainingJob:
    """A run to train: its name for people, its settings and its folder. A folder that was begun is gone on with."""

    name: str
    config: RunConfig
    folder: Path


def launch_runs(
    jobs: Sequence[TrainingJob], at_once: int, on_metrics: Callable[[str, dict[str, Any]], None], device: str = "auto"
) -> None:
    """Train all jobs, `at_once` at a time; `on_metrics` is called with a job's name and each line of its metrics.jsonl.

    A job that starts from another's run waits for it. They share the cores, where settings and environment do not say
    otherwise. The first failure, or Ctrl-C, stops the others, which save their step; a failure is raised as RunFailure.
    """
    with tempfile.TemporaryDirectory() as scratch:
        shared = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once)), **os.environ}
        waiting = [_TrainingProcess(job, Path(scratch) / f"{i}.json", device, shared) for i, job in enumerate(jobs)]
        running: list[_TrainingProcess] = []
        try:
            while waiting or running:
                while len(running) < at_once and (ready := _next_ready([*running, *waiting], waiting)):
                    waiting.remove(ready)
                    running.append(ready)
                    ready.start()
                time.sleep(_POLL_SECONDS)
                for training in running:
                    for line in training.new_lines():
                        on_metrics(training.job.name, line)
                running = [training for training in running if not training.is_over()]
        finally:
            for training in running:
                training.interrupt()
            for training in running:
                training.wait()


def _next_ready(unfinished: Sequence[_TrainingProcess], waiting: Sequence[_TrainingProcess]) -> _TrainingProcess | None:
    """The first that waits for none of the unfinished ones; None where there is none."""
    folders = {str(training.job.folder) for training in unfinished}
    return next((training for training in waiting if training.job.config.train.start not in folders), None)


class _TrainingProcess:
    """One run in a child process."""

    def __init__(self, job: TrainingJob, config: Path, device: str, environment: Mapping[str, str]) -> None:
        self.job, self._config, self._device, self._environment = job, config, device, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._lines_read = 0

    def start(self) -> None:
        self._config.write_text(json.dumps(self.job.config.to_json()), encoding="utf-8")
        command = [sys.executable, "-m", "scratchpad", "train", str(self._config), "--out", str(self.job.folder)]
        self._process = subprocess.Popen(
            [*command, "--device", self._device, "--resume"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            env=self._environment,
            process_group=0,  # Ctrl-C comes from here alone: a second one would stop it before it has saved
        )

    def new_lines(self) -> list[dict[str, Any]]:
        """Lines of metrics.jsonl that have been completed since the last look."""
        path = self.job.folder / "metrics.jsonl"
        whole: list[bytes] = []
        with contextlib.suppress(FileNotFoundError):  # not there yet, or taken away by a run that begins anew
            whole = path.read_bytes().split(b"\n")[:-1]
        new, self._lines_read = whole[self._lines_read :], len(whole)  # lines, not bytes: resuming rewrites some
        return [json.loads(line) for line in new]

    def is_over(self) -> bool:
        """Whether the process has ended well. RunFailure, with its last words, if it ended otherwise."""
        assert self._process is not None
        status = self._process.poll()
        if status:
            self._stderr.seek(0)
            words = self._stderr.read().decode(errors="replace").strip().splitlines()
            raise RunFailure(f"{self.job.name}: {words[-1] if words else f'ended with status {status}'}")
        if status == 0:
            self._stderr.close()
        return status == 0

    def interrupt(self) -> None:
        """Have it save its step and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self) -> None:
        """Until it has ended."""
        if self._process is not None:
            self._process.wait()
        self._stderr.close()
