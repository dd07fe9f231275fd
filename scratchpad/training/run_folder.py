"""Read and write the files of a run folder, and compare the run in a folder with given settings."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from scratchpad.config.parse import flat_settings
from scratchpad.config.resolve import ResolvedRun, TaskLoader
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.metrics import Result
from scratchpad.provenance import git_hash, hardware, versions
from scratchpad.tasks.base import Task
from scratchpad.tasks.document import MARKS
from scratchpad.tasks.user_data import COPIES, Corpus
from scratchpad.training.checkpoint import Checkpoint, Checkpoints, write_atomically

_EVALUATION_FILES = ("scores.jsonl", "evaluation.jsonl")  # for scores and for samples


def read_run_record(folder: Path) -> dict[str, Any]:
    """Read config.json of a run folder. Raises ScratchpadError if the folder holds no run or the file is damaged."""
    path = folder / "config.json"
    if not path.is_file():
        raise ScratchpadError(f"{folder} is not a run folder: it has no config.json. Train a run first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record["config"], dict) or record["vocabulary"][: len(MARKS)] != list(MARKS):
            raise ValueError("it has no config or no vocabulary")
    except (ValueError, KeyError, TypeError) as error:
        raise ScratchpadError(f"{path} is damaged: {error}") from None
    return record


def config_of(record: Mapping[str, Any], folder: Path) -> RunConfig:
    """Return the settings in `record`, which was read from the config.json in `folder`."""
    return RunConfig.from_json(record["config"], str(folder / "config.json"))


def saved_config(folder: Path) -> RunConfig:
    """Return the settings of the run in a run folder."""
    return config_of(read_run_record(folder), folder)


def load_task(record: Mapping[str, Any], config: TaskConfig, folder: Path, tasks: TaskLoader) -> Task:
    """Return the task of `config`: the task of the run in `folder`, or another task.

    record: the record in the run's config.json. The data files of the run are read from their copies in the run folder.
    A folder from an earlier version of the package has no copies. In this case, the original files are read. Raises
    ScratchpadError if a file is missing or differs from the file on which the run was trained.
    """
    saved = config_of(record, folder).task
    copied, digests = saved.with_data_copies(folder), record.get("data") or {}
    own = dict[str, str]()
    for setting, name in zip(("data", "test_data"), COPIES, strict=True):
        path = getattr(copied, setting)
        if path is None or getattr(config, setting) != getattr(saved, setting):
            continue
        if not Path(path).exists():
            raise ScratchpadError(
                f"{folder} was trained on {path}, which does not exist here. The run folder has no copy of this "
                f"file. Copy the file to {folder / name}"
            )
        own[name], config = path, dataclasses.replace(config, **{setting: path})
    task = tasks.load(config, folder)
    for name, path in own.items():
        if isinstance(task, Corpus) and task.digests[name] != digests.get(name, task.digests[name]):
            raise ScratchpadError(f"{folder} was not trained on the present content of {path}. Restore the file")
    return task


def has_run_to_resume(folder: Path, run: ResolvedRun, resume: bool, force: bool) -> bool:
    """Return whether to resume the run in `folder`. Raises ScratchpadError if training there is not allowed."""
    exists = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if exists and resume:
        check_same_run(folder, run)
        return True
    if exists and not force:
        raise ScratchpadError(
            f"{folder} already exists: resume the run with `resume=True`, or replace it with `force=True`"
        )
    if exists and not (folder / "config.json").is_file():
        raise ScratchpadError(
            f"{folder} is not a run folder; `force=True` replaces only run folders. Choose another `out`"
        )
    start = run.config.train.start
    if exists and start is not None and Path(start).resolve().is_relative_to(folder.resolve()):
        raise ScratchpadError(f"train.start={start} lies in {folder}, which would be replaced: choose another `out`")
    return False


def make_run_folder(folder: Path, run: ResolvedRun, start: Checkpoint | None) -> None:
    """Empty the folder and write config.json. start: the checkpoint of `train.start`, if this setting is given."""
    try:
        for path in folder.iterdir():  # the folder itself is locked and must stay
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name, file in run.task.copies.items() if isinstance(run.task, Corpus) else ():
            write_atomically(folder / name, file.content)
        write_atomically(folder / "config.json", json.dumps(_run_record(run, start), indent=1) + "\n")
    except OSError as error:
        raise ScratchpadError(f"{folder} cannot be written: {error.strerror}") from None


def _run_record(run: ResolvedRun, start: Checkpoint | None) -> dict[str, Any]:
    return {
        "config": run.config.to_json(),
        "start": {"step": start.step, "digest": start.digest} if start else None,
        "vocabulary": run.codec.to_json(),
        "task_settings": run.task.settings(),
        "data": run.task.digests if isinstance(run.task, Corpus) else None,
        "versions": versions(),
        "git": git_hash(),
        "machine": {
            "platform": platform.platform(),
            "threads": torch.get_num_threads(),
            "processes": int(os.environ.get("WORLD_SIZE", "1")),
            "hardware": hardware(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def is_trained(run: ResolvedRun, folder: Path, same_evaluation: bool = True) -> bool:
    """Return whether the folder holds this run, trained to its end. Raises ScratchpadError if it holds another run.

    same_evaluation: whether a finished run must agree even in evaluation settings that do not affect the weights.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    finished = False
    if Checkpoints(folder).steps():
        last = Checkpoints(folder).load()
        finished = last.step == run.config.train.steps or bool(last.state.get("reached"))
    check_same_run(folder, run, same_evaluation or not finished)
    return finished


def check_same_run(folder: Path, run: ResolvedRun, same_evaluation: bool = True) -> None:
    """Raise ScratchpadError if the folder's run has other settings, or if its data have changed.

    same_evaluation: whether the runs must agree even in evaluation settings that do not affect the weights.
    """
    record = read_run_record(folder)
    if record.get("data") and isinstance(run.task, Corpus) and record["data"] != run.task.digests:
        raise ScratchpadError(
            f"{folder} was started with other data: {run.config.task.data} or the test data changed since then. To "
            f"resume the run, give {folder / 'config.json'}: {folder} has copies of its data. To start a new run, "
            "choose another `out`"
        )
    if record["vocabulary"] != run.codec.to_json():
        raise ScratchpadError(f"{folder} was started with other symbols: its task or data changed. Use another `out`")
    saved, config = config_of(record, folder), run.config
    if saved.train.start != config.train.start and _is_same_start(record, config):
        saved = dataclasses.replace(saved, train=dataclasses.replace(saved.train, start=config.train.start))
    if record.get("data"):  # equal data may be in moved files, so ignore the paths
        files = {"data": config.task.data, "test_data": config.task.test_data}
        saved = dataclasses.replace(saved, task=dataclasses.replace(saved.task, **files))
    if not same_evaluation:
        saved, config = saved.weight_settings, config.weight_settings
    before, now = flat_settings(saved.to_json()), flat_settings(config.to_json())
    changed = [
        f"{name}: {before.get(name)} -> {now.get(name)}" for name in before | now if before.get(name) != now.get(name)
    ]
    if changed:
        raise ScratchpadError(
            f"{folder} was started with other settings ({'; '.join(changed)}). To resume the run, give "
            f"{folder / 'config.json'} in place of a recipe. To start a new run, choose another `out`"
        )


def _is_same_start(record: Mapping[str, Any], config: RunConfig) -> bool:
    """Return whether the saved run started from the weights in train.start. The weights' folder may have moved."""
    if record.get("start") is None or config.train.start is None:
        return False
    return Checkpoints(Path(config.train.start)).load().digest == record["start"]["digest"]


def check_saved_evaluation(folder: Path) -> None:
    """Raise ScratchpadError if a line of the saved scores or samples is damaged."""
    for name in _EVALUATION_FILES:
        deque(read_json_lines(folder / name), maxlen=0)


def save_evaluation(folder: Path, step: int, results: Sequence[Result]) -> None:
    """Save the scores (scores.jsonl) and samples (evaluation.jsonl). step: the step of the evaluated checkpoint.

    Older lines with the same method, sampling, size and seed are replaced, even if they are from another checkpoint.
    """
    compared = ("method", "sampling", "size", "seed")
    keys = {tuple(getattr(result.score, name) for name in compared) for result in results}
    scores = [{"step": step, **result.score.to_json()} for result in results]
    samples = []
    for result in results:
        line = {name: getattr(result.score, name) for name in ("task", "format", "method", "sampling", "seed")}
        samples += [line | {"first_wrong": one.first_wrong, **one.to_json()} for one in result.samples]
    for file, lines in zip(_EVALUATION_FILES, (scores, samples), strict=True):
        path = folder / file
        others = [
            line for _, line in read_json_lines(path) if tuple(line.get(name, "") for name in compared) not in keys
        ]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in [*others, *lines]))


def read_json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the place (`FILE:LINE`) and the JSON object of each line. A missing file counts as an empty file.

    An unfinished last line is left out. Raises ScratchpadError if any other line is damaged.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                line = json.loads(text)
            except ValueError as error:
                if not text.endswith(b"\n"):
                    return
                raise ScratchpadError(f"{place} is damaged: {error}") from None
            if not isinstance(line, dict):
                raise ScratchpadError(f"{place} is damaged: the line is not a JSON object")
            yield place, line


def require_keys(place: str, line: Mapping[str, Any], needed: Iterable[str]) -> Mapping[str, Any]:
    """Return the line. Raises ScratchpadError if the line lacks a needed key."""
    missing = [name for name in needed if name not in line]
    if missing:
        raise ScratchpadError(f"{place} is damaged: it lacks {', '.join(missing)}")
    return line
