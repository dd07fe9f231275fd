"""Load the task and the curriculum that a run config names, for training and evaluation."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import to_json, with_settings
from scratchpad.config.schema import RunConfig, TaskConfig
from scratchpad.errors import ScratchpadError, error_prefix, unknown_name
from scratchpad.layout.codec import Codec
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import Format, format_named
from scratchpad.tasks.jsonl import DataFile
from scratchpad.tasks.user_data import Corpus, corpus_of
from scratchpad.tasks.user_file import load_task_file
from scratchpad.training.curriculum import Curriculum, make_curriculum, trained_sizes, training_vocabulary


class TaskLoader:
    """A loader of the tasks that run configs name. It loads each task only once and reads each data file only once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Task] = {}

    def load(self, config: TaskConfig, folder: Path | None = None) -> Task:
        """Return the task that a config names: a built-in task, or the task of a Python file or a data file.

        `folder`: the run folder that holds the config. Raises ScratchpadError if the run was trained on a task from a
        Python file and `config` does not name the file. Otherwise a run folder could make a command run any code.
        """
        settings = dict(config.settings)
        if config.data is not None:
            return self._data_task(config, settings)
        if (file := config.file) is not None:
            return self._once(("file", file, settings), lambda: load_task_file(file, settings))
        if folder is not None and config.name == "own":
            raise ScratchpadError(f"{folder} was trained on a task from a Python file: name this file with `task_file`")
        return self._once(("name", config.name, settings), lambda: task_named(config.name, settings))

    def _data_task(self, config: TaskConfig, settings: dict[str, object]) -> Task:
        paths = [path for path in (config.data, config.test_data) if path is not None]
        corpus = self._once(("data", *paths), lambda: self._corpus(paths))
        assert isinstance(corpus, Corpus)
        with error_prefix(paths[0]):
            corpus.check_format(format_named(config.format))
        for name in settings:
            if name not in corpus.settings():
                raise unknown_name(f"setting of {corpus.name}", name, corpus.settings())
        return with_settings(corpus, settings, corpus.name)

    def _corpus(self, paths: list[str]) -> Task:
        """Return the problems of data files. If several paths hold the same data, the lines are parsed only once."""
        files = tuple(map(DataFile.read, paths))
        return self._once(("content", *(file.digest for file in files)), lambda: corpus_of(files))

    def _once(self, key: tuple[object, ...], load: Callable[[], Task]) -> Task:
        text = json.dumps(to_json(key), default=repr)
        if text not in self._loaded:
            self._loaded[text] = load()
        return self._loaded[text]


@dataclass(frozen=True)
class ResolvedRun:
    """A run config with its loaded task and curriculum.

    `config`: the config. The task's settings are JSON values (`resolve` converts texts: "8" becomes 8).
    `curriculum`: None if the config has no stages. `tasks`: the loader, which all runs of a command share.
    """

    config: RunConfig
    task: Task
    curriculum: Curriculum | None
    tasks: TaskLoader = field(compare=False, repr=False)

    @property
    def format(self) -> Format:
        return format_named(self.config.task.format)

    @cached_property
    def codec(self) -> Codec:
        """The vocabulary for the task and for all stages of the curriculum."""
        return training_vocabulary(self.task, self.curriculum)

    @property
    def trained_sizes(self) -> Lengths:
        """The sizes of the training questions."""
        return trained_sizes(self.task, self.curriculum)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes to evaluate: the sizes in the config, or the task's default sizes if the config has none."""
        return self.config.evaluate.sizes or self.task.default_test_sizes()


def resolve(config: RunConfig, tasks: TaskLoader | None = None) -> ResolvedRun:
    """Load the task and curriculum of a config. Raises ScratchpadError if the task or a stage is not valid."""
    tasks = tasks or TaskLoader()
    task = tasks.load(config.task)
    values = task.settings(everything=True)
    settings = {name: values.get(name, written) for name, written in config.task.settings.items()}
    config = dataclasses.replace(config, task=dataclasses.replace(config.task, settings=settings))
    return ResolvedRun(config, task, make_curriculum(config.curriculum, task), tasks)
