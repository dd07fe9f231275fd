"""Training several runs in parallel, one process each: for small models, a run per core is fastest.

A child process is `scratchpad train CONFIG --resume`. Its metrics.jsonl is polled for new lines, so the caller receives
the same metrics whether a run trains in its own process or in a child.
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
OnRunMetrics = Callable[[str, dict[str, Any]], None]  # takes a run's name and each line of its metrics.jsonl


@dataclass(frozen=True)
class TrainingJob:
    """A run to train or resume: its display name, settings and folder."""

    name: str
    config: RunConfig
    folder: Path


def launch_runs(jobs: Sequence[TrainingJob], at_once: int, on_metrics: OnRunMetrics, device: str = "auto") -> None:
    """Train all jobs, `at_once` at a time. `on_metrics` receives a job's name and each line of its metrics.jsonl.

    A job that starts from another job's run waits for it. Unless OMP_NUM_THREADS is set, the processes share the cores.
    The first failure, or Ctrl-C, makes the other processes save and end; a failure is raised as RunFailure.
    """
    with tempfile.TemporaryDirectory() as scratch:
        variables = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once)), **os.environ}
        waiting = [_TrainingProcess(job, Path(scratch) / f"{i}.json", device, variables) for i, job in enumerate(jobs)]
        running: list[_TrainingProcess] = []
        try:
            while waiting or running:
                while len(running) < at_once and (ready := _next_ready(waiting, running)):
                    waiting.remove(ready)
                    running.append(ready)
                    ready.start()
                time.sleep(_POLL_SECONDS)
                for process in running:
                    for line in process.new_metrics():
                        on_metrics(process.job.name, line)
                running = [process for process in running if not process.has_finished()]
        finally:
            for process in running:
                process.interrupt()
            for process in running:
                process.wait()


def _next_ready(waiting: Sequence[_TrainingProcess], running: Sequence[_TrainingProcess]) -> _TrainingProcess | None:
    """Return the first waiting process that does not start from an unfinished run, if there is one."""
    unfinished = {str(process.job.folder) for process in (*running, *waiting)}
    return next((process for process in waiting if process.job.config.train.start not in unfinished), None)


class _TrainingProcess:
    """A job and the child process that trains it."""

    def __init__(self, job: TrainingJob, config: Path, device: str, environment: Mapping[str, str]) -> None:
        """config: where to write the settings for the child."""
        self.job, self._config, self._device, self._environment = job, config, device, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._lines_read = 0

    def start(self) -> None:
        self._config.write_text(json.dumps(self.job.config.to_json()), encoding="utf-8")
        command = [sys.executable, "-m", "scratchpad", "train", str(self._config), "--out", str(self.job.folder)]
        if self.job.config.task.file:  # a config file alone must not choose the code that runs
            command += ["--task-file", self.job.config.task.file]
        self._process = subprocess.Popen(
            [*command, "--device", self._device, "--resume"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._stderr, env=self._environment,
            process_group=0,  # only `interrupt` sends Ctrl-C: a second one would end the process before it has saved
        )  # fmt: skip

    def new_metrics(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl that were completed since the last call."""
        path = self.job.folder / "metrics.jsonl"
        complete: list[bytes] = []
        with contextlib.suppress(FileNotFoundError):  # not yet written, or removed by a run that starts again
            complete = path.read_bytes().split(b"\n")[:-1]
        new, self._lines_read = complete[self._lines_read :], len(complete)  # not bytes: resuming rewrites lines
        return [json.loads(line) for line in new]

    def has_finished(self) -> bool:
        """Return whether the process has ended successfully. RunFailure with its last message if it has failed."""
        assert self._process is not None
        status = self._process.poll()
        if status:
            self._stderr.seek(0)
            messages = self._stderr.read().decode(errors="replace").strip().splitlines()
            raise RunFailure(f"{self.job.name}: {messages[-1] if messages else f'ended with status {status}'}")
        if status == 0:
            self._stderr.close()
        return status == 0

    def interrupt(self) -> None:
        """Make the process save its step and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            self._process.wait()
        self._stderr.close()
