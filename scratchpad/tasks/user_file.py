"""A task that a user defines in a Python file, with the six functions of `Induction`."""

from __future__ import annotations

import importlib.util
import reprlib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import read_value
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, as_text

_FUNCTIONS = ("symbols", "question", "first", "step", "answer", "truth")
_CHECKED_DRAWS = 5
_REPEATED_DRAWS = 20
_DRAWS = "below(n), between(a, b), choice(items), shuffled(items) and sample_names(items, n)"
_MOST_STATES_CHECKED = 100_000


@dataclass(frozen=True)
class FunctionTask(Task):
    """A task made of the functions of a module. The task's settings are the names in the module's SETTINGS.

    `sizes`: the sizes of the questions that are drawn.
    """

    name: ClassVar[str] = "own"
    summary: ClassVar[str] = "what the functions of your file compute"
    source: ClassVar[str] = "a file of yours"
    size_setting: ClassVar[str] = "sizes"

    sizes: Lengths
    path: str
    values: Mapping[str, Any]
    functions: ModuleType = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Callable[..., Task], tuple[str, dict[str, Any]]]:
        return load_task_file, (self.path, self.settings())  # loads the file again, because a module cannot be pickled

    def settings(self, everything: bool = False) -> dict[str, Any]:
        return {"sizes": self.sizes.to_json(), **self.values}

    def changed(self, settings: Mapping[str, Any]) -> Task:
        return load_task_file(self.path, {**self.settings(), **settings})

    def symbols(self) -> Symbols:
        return self._call("symbols", self.values)

    def question(self, rng: Stream, size: int) -> Symbols:
        return self._call("question", rng, size)

    def first(self, question: Symbols) -> Symbols:
        return self._call("first", question)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        return self._call("step", question, state, ends=True)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return self._call("answer", question, state)

    def truth(self, question: Symbols) -> Symbols:
        return self._call("truth", question)

    def read_question(self, text: str, complete: bool = True) -> Symbols:
        """Return the question that a person typed, always completed: the file says what is missing in it."""
        return super().read_question(text, complete=True)

    def completed(self, question: Symbols) -> Symbols:
        if not hasattr(self.functions, "completed"):
            return question
        return self._call("completed", Stream(stream_name(self.name, "completed", question)), question)

    def check(self, question: Symbols) -> None:
        self.checked_chain(question)

    def checked_chain(self, question: Symbols) -> list[Symbols]:
        """Return the chain of a question. Raises ScratchpadError if the functions fail or contradict each other."""
        chain = self.chain(question, _MOST_STATES_CHECKED)
        found, truth = self.answer(question, chain[-1]), self.truth(question)
        unknown = {symbol for text in (question, *chain, truth) for symbol in text}.difference(self.symbols())
        if wrong := [symbol for symbol in unknown if not isinstance(symbol, str)]:
            raise ScratchpadError(f"{self.path}: each symbol must be a text, such as '0', not {wrong[0]!r}")
        if unknown:
            raise ScratchpadError(
                f"{self.path}: `symbols` lacks {', '.join(sorted(map(repr, unknown)))}, used in questions or states"
            )
        if found != truth:
            raise ScratchpadError(
                f"{self.path}: for the question {_shown(question)}, `answer` returns {_shown(found)}, but `truth` "
                f"returns {_shown(truth)}"
            )
        return chain

    def _call(self, name: str, *arguments: Any, ends: bool = False) -> Any:
        """Call a function of the file and return its symbols. If `ends` is set, the function may also return None.

        Raises ScratchpadError (a ValueError) if the function raises an error or does not return symbols.
        """
        try:
            found = getattr(self.functions, name)(*arguments)
            if isinstance(found, Sequence | Iterator):
                return tuple(found)
        except Exception as error:
            place = _place(self.path, self.functions.__file__, error)
            raise ScratchpadError(f"{place}: {_called(name, arguments)} raised {_text(error)}") from error
        if ends and found is None:
            return None
        raise ScratchpadError(
            f"{self.path}: {_called(name, arguments)} returned {reprlib.repr(found)}, but it must return a text or a "
            f"list of symbols{', or None after the last state' if ends else ''}"
        )


def load_task_file(path: str, settings: Mapping[str, Any] | None = None) -> Task:
    """Load a task from a Python file with the functions symbols, question, first, step, answer and truth.

    The functions are those of `Induction`, but `symbols` takes the settings as an argument. A function may return a
    string instead of a tuple of characters. An optional dictionary SETTINGS in the file gives the default settings,
    including "sizes" (such as "1-10"). Loading puts the settings in use into SETTINGS, where the functions read them.

    An optional function completed(rng, question) turns a question that a person typed into the form that `question`
    draws, for example by filling a window. `rng` depends only on the typed question.

    Loading runs the file, so load only files that you trust. Raises ScratchpadError if the file cannot be run, if a
    function is missing, or if the functions contradict each other on a few sample questions.
    """
    module = _module(Path(path))
    missing = [name for name in _FUNCTIONS if not callable(getattr(module, name, None))]
    if missing:
        raise ScratchpadError(f"{path}: no function {', '.join(missing)}; a task needs {', '.join(_FUNCTIONS)}")
    values = _values(path, {"sizes": "1-10", **getattr(module, "SETTINGS", {})}, settings or {})
    module.__dict__["SETTINGS"] = dict(values)
    sizes = read_value(values.pop("sizes"), Lengths, "sizes")
    task = FunctionTask(sizes, path, values, module)
    _check(task)
    return task


def _module(file: Path) -> ModuleType:
    if not file.is_file():
        raise ScratchpadError(f"{file}: no such file")
    spec = importlib.util.spec_from_file_location(f"scratchpad_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ScratchpadError(f"{file}: the name of a Python file must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ScratchpadError(f"{_place(str(file), module.__file__, error)}: {_text(error)}") from error
    return module


def _values(path: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given values, and the defaults of all other settings. A text becomes a value of the default's type."""
    for name, default in defaults.items():
        if type(default) not in (bool, int, float, str):
            raise ScratchpadError(
                f"{path}: SETTINGS[{name!r}] must be a number, a text, True or False, not {default!r}"
            )
    values = dict(defaults)
    for name, value in given.items():
        if name not in defaults:
            raise unknown_name(f"setting of {path}", name, defaults)
        values[name] = value if name == "sizes" else read_value(value, type(defaults[name]), name)
    return values


def _check(task: FunctionTask) -> None:
    """Draw a few questions and compute their chains, to find mistakes before training."""
    alphabet = task.symbols()
    if len(set(alphabet)) != len(alphabet) or set(alphabet) & set(MARKS):
        raise ScratchpadError(f"{task.path}: `symbols` must not return a symbol twice, or marks ({', '.join(MARKS)})")
    for index in range(_REPEATED_DRAWS):
        if task.draw(0, "check", index) != task.draw(0, "check", index):
            raise ScratchpadError(
                f"{task.path}: `question` draws a question differently each time. It must draw only with its argument "
                f"`rng`, not with `random`. `rng` has {_DRAWS}"
            )
    for index in range(_CHECKED_DRAWS):
        question = task.draw(0, "check", index)
        if task.checked_chain(question) != task.chain(question):
            raise ScratchpadError(
                f"{task.path}: the chain of the question {_shown(question)} differs each time. `first` and `step` must "
                "depend only on the question and the state"
            )


def _shown(symbols: Symbols) -> str:
    text = as_text(symbols)
    return text if text.isprintable() else repr(text)


def _text(error: Exception) -> str:
    """Return the error on one line, with the methods of `rng` if the file calls another method of it."""
    hint = f". `rng` has {_DRAWS}" if isinstance(error, AttributeError) and isinstance(error.obj, Stream) else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + hint


def _place(path: str, file: str | None, error: Exception) -> str:
    """Return `PATH:LINE` for the file's last line in the traceback, or `PATH` if no line of the file is there."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f"{path}:{lines[-1]}" if lines else path


def _called(name: str, arguments: Sequence[Any]) -> str:
    """Describe a call in a message, for example: `step` for the question 2716= and the state [0]2."""
    if name == "symbols":
        return f"`{name}`"
    if name == "question":
        return f"`{name}` for the size {arguments[1]}"
    question, *state = arguments[1:] if name == "completed" else arguments
    return f"`{name}` for the question {_shown(question)}" + (f" and the state {_shown(state[0])}" if state else "")
