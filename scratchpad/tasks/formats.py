"""Formats: from a question to a document, and from what a model wrote back to an answer.

A new format is one subclass of `Format` and one call of `register`, here or in any other module. Whatever depends on
the format asks its attributes, never its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.tasks.document import FILLER, SEP, START, Document, after_last, bare, joined, terminated

if TYPE_CHECKING:
    from scratchpad.tasks.base import Task
    from scratchpad.tasks.induction import Symbols
    from scratchpad.tasks.written_work import WrittenWork

CHAIN_PREFIX_LIMIT = 10_000
"""The number of states, from the first on, among which a part of a chain is chosen: some chains have millions."""
_DEFAULT_FILLERS = 16


class Format:
    """One way to write a problem of any task as a document."""

    name: str
    summary: str
    inductive: bool = False
    """Whether <sep> ends each state, and a state sees only the prompt and the state before it."""
    has_work: bool = True
    """Whether a document holds more than the answer."""
    only_changes: bool = False
    """Whether a trace shows only those variables of each state that changed."""
    general: bool = True
    """Whether every task has this format; otherwise only tasks that name it among their `extra_formats`."""

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        """Return everything before the model's own text."""
        return question

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        """Return the states that the model writes, with their terminators."""
        raise NotImplementedError

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        """Read the answer off the states that a model wrote (with terminators).

        Returns None or raises ValueError, IndexError, KeyError or TypeError where they hold none.
        """
        raise NotImplementedError

    @property
    def family(self) -> str:
        """The name without a number: `filler` for `filler-8`."""
        return self.name.partition("-")[0]

    def variant(self, name: str) -> Format | None:
        """Return the format of this family that is called `name`, such as `filler-8`; None where there is none."""
        return None

    def write(self, task: Task, question: Symbols, max_states: int | None = None, place: float = 0) -> Document[str]:
        """Return the document of a question. Raises ScratchpadError where the task does not have this format.

        max_states: write this many states of an inductive chain (None: all). place: which ones, from 0, the first
        (the work of later states is then not done), to 1, the last of the first 10,000. A part that does not begin
        with the first state also holds the state before it, which is given.
        """
        task.check_format(self)
        prompt = self.prompt(task, question)
        if max_states is None or not self.inductive:
            return Document(prompt, self.states(task, question))
        limit = max_states if place == 0 else CHAIN_PREFIX_LIMIT
        chain = terminated(list(islice(task.states(question), limit + 1)))[:limit]
        first = round(place * max(len(chain) - max_states, 0))
        return Document(prompt, chain[max(first - 1, 0) : first + max_states], within=first > 0)

    def opening(self, task: Task, question: Symbols) -> tuple[Symbols, Symbols]:
        """Return what a model is given: the prompt and, where that is empty, the first state with its terminator.

        Raises ScratchpadError where the given first state is also the last one: the model would have nothing to write.
        """
        prompt = self.prompt(task, question)
        if prompt:
            return prompt, ()
        first = task.first(question)
        if task.step(question, first) is None:
            raise ScratchpadError(f"this question's first state, which is given, is its last one: {' '.join(first)}")
        return (), (*first, SEP)


class Direct(Format):
    name = "direct"
    summary = "the question, then the answer"
    has_work = False

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([task.direct_answer(question)])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        return bare(states[-1]) or None


class Filler(Direct):
    def __init__(self, count: int = _DEFAULT_FILLERS) -> None:
        self.count = count
        self.name = "filler" if count == _DEFAULT_FILLERS else f"filler-{count}"
        self.summary = f"the question and {count} filler symbols, then the answer (filler-N for N of them)"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question + (FILLER,) * self.count

    def variant(self, name: str) -> Format:
        count = name.removeprefix("filler-")
        if not re.fullmatch("[0-9]{1,5}", count) or int(count) < 1:
            raise ScratchpadError(f"format {name!r}: filler-N takes a whole number of symbols from 1 to 99999")
        return Filler(int(count))


class Scratchpad(Format):
    name = "scratchpad"
    summary = "the paper's own text as one state; where it has none, as causal"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question if task.has_paper_text else _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([_without_given(task, question, task.scratchpad_text(question, self))])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        return task.answer_in_text(question, bare(states[-1]), self)


class Changes(Scratchpad):
    name = "changes"
    summary = "as scratchpad, with only what changed in each state"
    only_changes = True
    general = False

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question


class Causal(Format):
    name = "causal"
    summary = "the inductive text as one state"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([_without_given(task, question, joined(task.chain(question)))])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        last = after_last(SEP, bare(states[-1]))
        return task.answer(question, last) if last else None


class Inductive(Causal):
    name = "inductive"
    summary = "one state per step"
    inductive = True

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return () if task.first_given else _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated(task.chain(question))


def _started(task: Task, question: Symbols) -> Symbols:
    return (*task.inductive_question(question), START) if task.has_start_mark else question


def _without_given(task: Task, question: Symbols, text: Symbols) -> Symbols:
    """The text of a chain without what the prompt already holds: a given first state."""
    return text[len(question) :] if task.first_given else text


_FORMATS: dict[str, Format] = {}


def register(format: Format) -> None:
    """Add a format under its name."""
    _FORMATS[format.name] = format


for _each in (Direct(), Scratchpad(), Changes(), Causal(), Filler(), Inductive()):
    register(_each)


def format_named(name: str) -> Format:
    """Return a format by its name: direct, scratchpad, changes, causal, filler or filler-N, inductive."""
    family, dash, _ = name.partition("-")
    found = _FORMATS[family].variant(name) if dash and family in _FORMATS else _FORMATS.get(name)
    if found is None:
        raise unknown_name("format", name, _FORMATS)
    return found


def format_names(task: WrittenWork | type[WrittenWork] | None = None) -> tuple[str, ...]:
    """Return the names of the formats that every task has, and those that this one has besides."""
    extra = task.extra_formats if task else ()
    return tuple(name for name in _FORMATS if _FORMATS[name].general or name in extra)
