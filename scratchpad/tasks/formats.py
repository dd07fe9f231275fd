"""Formats: a format writes a question as a document, and reads the answer from the states that a model wrote.

To add a format, write a subclass of `Format` in any module and call `register`. Code that depends on the format must
read the format's attributes, never the format's name.
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
"""How many states are computed, at most, to write a later part of a chain. Some chains have millions of states."""
_DEFAULT_FILLERS = 16


class Format:
    """A way to write questions as documents."""

    name: str
    summary: str
    inductive: bool = False
    """Whether <sep> ends each state, and a state sees only the prompt and the state before it."""
    has_work: bool = True
    """Whether a document holds work besides the answer."""
    only_changes: bool = False
    """Whether each state of a trace shows only the variables that changed."""
    general: bool = True
    """Whether every task has this format. If not, a task must list the format in `extra_formats` to have it."""

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        """Return the symbols that the model reads before it writes."""
        return question

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        """Return the states of the document. Each state ends with <sep> or <end>."""
        raise NotImplementedError

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        """Read the answer from the states that a model wrote. Each state ends with <sep> or <end>.

        Returns None or raises ValueError, IndexError, KeyError or TypeError if the states contain no answer.
        """
        raise NotImplementedError

    @property
    def family(self) -> str:
        """The format's name without a number, for example `filler` for `filler-8`."""
        return self.name.partition("-")[0]

    def read_answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        """Read the answer from the states that a model wrote. Return None if the states contain no answer."""
        try:
            return self.answer(task, question, states)
        except (ValueError, IndexError, KeyError, TypeError):
            return None

    def variant(self, name: str) -> Format | None:
        """Return the variant `name` of this format (`filler-8` of `filler`), or None if there is no such variant."""
        return None

    def write(self, task: Task, question: Symbols, max_states: int | None = None, place: float = 0) -> Document[str]:
        """Return the document of a question. Raises ScratchpadError if the task does not have this format.

        `max_states`: the largest number of states to write if the format is inductive (None: all).
        `place`: which part of the chain to write, from 0 (the beginning) to 1 (the end, within the first 10,000
        states). If the chain's beginning is left out, the state before the written part is added as an input.
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
        """Return the model's input as (prompt, first state). If the prompt is not empty, the first state is ().

        Raises ScratchpadError if the first state is also the last state: the model then has nothing to write.
        """
        prompt = self.prompt(task, question)
        if prompt:
            return prompt, ()
        first = task.first(question)
        if task.has_one_state(question):
            raise ScratchpadError(
                "the model has nothing to write, because this question has only one state, which is given: "
                f"{' '.join(first)}"
            )
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
        self.summary = f"the question and {count} filler symbols, then the answer (filler-N has N filler symbols)"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question + (FILLER,) * self.count

    def variant(self, name: str) -> Format:
        count = name.removeprefix("filler-")
        if not re.fullmatch("[0-9]{1,5}", count) or int(count) < 1:
            raise ScratchpadError(f"format {name!r}: the N of filler-N must be a whole number from 1 to 99999")
        return Filler(int(count))


class Scratchpad(Format):
    name = "scratchpad"
    summary = "the paper's text as one state, or the same as causal if the paper has no text for the task"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question if task.has_paper_text else _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([_without_given(task, question, task.scratchpad_text(question, self))])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        return task.answer_in_text(question, bare(states[-1]), self)


class Changes(Scratchpad):
    name = "changes"
    summary = "the same as scratchpad, but each state shows only the variables that changed"
    only_changes = True
    general = False

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return question


class Causal(Format):
    name = "causal"
    summary = "all states of the inductive format, joined to one state"

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated([_without_given(task, question, joined(task.chain(question)))])

    def answer(self, task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
        last = after_last(SEP, bare(states[-1]))
        return task.answer(question, last) if last else None


class Inductive(Causal):
    name = "inductive"
    summary = "one state per step of the computation"
    inductive = True

    def prompt(self, task: Task, question: Symbols) -> Symbols:
        return () if task.first_given else _started(task, question)

    def states(self, task: Task, question: Symbols) -> tuple[Symbols, ...]:
        return terminated(task.chain(question))


def _started(task: Task, question: Symbols) -> Symbols:
    return (*task.inductive_question(question), START) if task.has_start_mark else question


def _without_given(task: Task, question: Symbols, text: Symbols) -> Symbols:
    """Remove the first state from `text` if the model reads the first state as its input."""
    return text[len(question) :] if task.first_given else text


_FORMATS: dict[str, Format] = {}


def register(format: Format) -> None:
    """Make a format available under its name."""
    _FORMATS[format.name] = format


for _each in (Direct(), Scratchpad(), Changes(), Causal(), Filler(), Inductive()):
    register(_each)


def format_named(name: str) -> Format:
    """Return the format `name`: direct, scratchpad, changes, causal, filler, filler-N or inductive."""
    family, dash, _ = name.partition("-")
    found = _FORMATS[family].variant(name) if dash and family in _FORMATS else _FORMATS.get(name)
    if found is None:
        raise unknown_name("format", name, _FORMATS)
    return found


def format_names(task: WrittenWork | type[WrittenWork] | None = None) -> tuple[str, ...]:
    """Return the names of all general formats and of the extra formats of `task`."""
    extra = task.extra_formats if task else ()
    return tuple(name for name in _FORMATS if _FORMATS[name].general or name in extra)
