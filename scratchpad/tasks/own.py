"""A user's own task: a Python file with the functions of an induction."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.seeding import Stream
from scratchpad.settings import Lengths
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS

_FUNCTIONS = ("symbols", "question", "first", "step", "answer", "truth")


@dataclass(frozen=True)
class FunctionTask(Task):
    """The functions of a module as a task. Its settings are `sizes` and what the module's SETTINGS names."""

    name: ClassVar[str] = "own"
    source: ClassVar[str] = "a file of yours"
    size_setting: ClassVar[str] = "sizes"

    sizes: Lengths = Lengths(1, 10)
    path: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    functions: ModuleType | None = field(default=None, repr=False, compare=False)

    def _call(self, name: str) -> Callable[..., Any]:
        return getattr(self.functions, name)

    def symbols(self) -> Symbols:
        return tuple(self._call("symbols")(self.values))

    def question(self, rng: Stream, size: int) -> Symbols:
        return tuple(self._call("question")(rng, size))

    def first(self, question: Symbols) -> Symbols:
        return tuple(self._call("first")(question))

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        following = self._call("step")(question, state)
        return None if following is None else tuple(following)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return tuple(self._call("answer")(question, state))

    def truth(self, question: Symbols) -> Symbols:
        return tuple(self._call("truth")(question))


def load_task_file(path: str, settings: dict[str, Any] | None = None) -> Task:
    """The task of a Python file: module-level functions symbols, question, first, step, answer, truth.

    An optional `SETTINGS` dictionary holds defaults ("sizes" among them, like "1-10"); `symbols` is given the values.
    The file is run as Python: load only files you trust. ScratchpadError where something is missing.
    """
    file = Path(path)
    if not file.is_file():
        raise ScratchpadError(f"--task-file {path}: no such file")
    spec = importlib.util.spec_from_file_location(f"scratchpad_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ScratchpadError(f"--task-file {path}: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ScratchpadError(f"--task-file {path}: {type(error).__name__}: {error}") from error
    missing = [name for name in _FUNCTIONS if not callable(getattr(module, name, None))]
    if missing:
        raise ScratchpadError(f"--task-file {path}: no function {', '.join(missing)}; needed: {', '.join(_FUNCTIONS)}")
    values: dict[str, Any] = {"sizes": "1-10", **getattr(module, "SETTINGS", {})}
    for name, value in (settings or {}).items():
        if name not in values:
            raise ScratchpadError(f"{path} has no setting {name!r}; SETTINGS there names: {', '.join(values)}")
        values[name] = type(values[name])(value)
    sizes = Lengths.parse(values.pop("sizes"))
    task = FunctionTask(sizes=sizes, path=str(file), values=values, functions=module)
    _check(task, path)
    return task


def _check(task: FunctionTask, path: str) -> None:
    """Draw one question and follow it to its end, so that mistakes are found before any training."""
    try:
        alphabet = task.symbols()
        question = task.draw(0, "check", 0)
        chain = task.chain(question)
        found, truth = task.answer(question, chain[-1]), task.truth(question)
    except ScratchpadError:
        raise
    except Exception as error:
        raise ScratchpadError(f"--task-file {path}: {type(error).__name__}: {error}") from error
    if len(set(alphabet)) != len(alphabet) or set(alphabet) & set(MARKS):
        raise ScratchpadError(f"--task-file {path}: `symbols` repeats a symbol or holds one of {', '.join(MARKS)}")
    strange = {symbol for text in (question, *chain) for symbol in text} - set(alphabet)
    if strange:
        raise ScratchpadError(f"--task-file {path}: not in `symbols`: {', '.join(sorted(map(repr, strange)))}")
    if found != truth:
        raise ScratchpadError(
            f"--task-file {path}: for the question {' '.join(question)} `answer` gives {found}, `truth` {truth}"
        )

