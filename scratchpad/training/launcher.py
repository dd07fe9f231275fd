"""Training several runs in parallel, in one child process per run. For small models, one run per core is fastest.

A child process runs `scratchpad train CONFIG --resume`. The caller reads new lines of the child's metrics.jsonl, so the
caller receives the same metrics as for a run that trains in the caller's process.
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
OnRunMetrics = Callable[[str, dict[str, Any]], None]  # its arguments: a run's name, a line of the run's metrics.jsonl


@dataclass(frozen=True)
class TrainingJob:
    """A run to train or resume. name: the run's name in messages."""

    name: str
    config: RunConfig
    folder: Path


def launch_runs(jobs: Sequence[TrainingJob], at_once: int, on_metrics: OnRunMetrics, device: str = "auto") -> None:
    """Train all jobs, at most `at_once` jobs at the same time.

    on_metrics: a function that receives a job's name and each line of the job's metrics.jsonl. If a job's `train.start`
    is another job's run, the job waits for that run. The processes divide the cores equally, unless OMP_NUM_THREADS is
    set. After a failure or Ctrl-C, the running processes save their step and end. Raises RunFailure if a process fails.
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
    """Return the first waiting process whose `train.start` is not set or is a finished run."""
    unfinished = {str(process.job.folder) for process in (*running, *waiting)}
    return next((process for process in waiting if process.job.config.train.start not in unfinished), None)


class _TrainingProcess:
    def __init__(self, job: TrainingJob, config: Path, device: str, environment: Mapping[str, str]) -> None:
        """config: the path of the settings file, which is written for the child process."""
        self.job, self._config, self._device, self._environment = job, config, device, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._lines_read = 0

    def start(self) -> None:
        self._config.write_text(json.dumps(self.job.config.to_json()), encoding="utf-8")
        command = [sys.executable, "-m", "scratchpad", "train", str(self._config), "--out", str(self.job.folder)]
        if self.job.config.task.file:  # --task-file is needed: a config file must not choose the code that runs
            command += ["--task-file", self.job.config.task.file]
        self._process = subprocess.Popen(
            [*command, "--device", self._device, "--resume"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._stderr, env=self._environment,
            process_group=0,  # the terminal sends no Ctrl-C to the child: only `interrupt` stops the child
        )  # fmt: skip

    def new_metrics(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl that were completed since the last call."""
        path = self.job.folder / "metrics.jsonl"
        complete: list[bytes] = []
        with contextlib.suppress(FileNotFoundError):  # the file does not exist yet
            complete = path.read_bytes().split(b"\n")[:-1]
        new, self._lines_read = complete[self._lines_read :], len(complete)
        return [json.loads(line) for line in new]

    def has_finished(self) -> bool:
        """Return whether the process has ended. If the process failed, raise RunFailure with its last message."""
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
        """Ask the process to save its current step and to end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()
        self._stderr.close()
