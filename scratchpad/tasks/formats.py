"""From a question to a document, and from what a model wrote back to an answer: the formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import FILLER, SEP, START, Document, bare, terminated

CHAIN_PREFIX_LIMIT = 10_000  # states of a chain that a part of it is taken from: some run for millions
_DEFAULT_FILLERS = 16


@dataclass(frozen=True)
class Format:
    """One way to write a problem of any task.

    prompt: question -> everything before the model's own text. states: question -> the states, terminated.
    answer: the states a model wrote (with terminators) -> the answer in the last one, None where there is none.
    inductive: <sep> ends a state, and a state sees only the prompt and the state before it.
    general: every task has it; elsewhere only those that name it among their `extra_formats`.
    """

    name: str
    summary: str
    prompt: Callable[[Task, Symbols], Symbols]
    states: Callable[[Task, Symbols], tuple[Symbols, ...]]
    answer: Callable[[Task, Symbols, Sequence[Symbols]], Symbols | None]
    inductive: bool = False
    general: bool = True

    @property
    def has_work(self) -> bool:
        """Whether more is written than the answer."""
        return self.answer is not _given_answer

    def write(self, task: Task, question: Symbols, max_states: int | None = None, place: float = 0) -> Document[str]:
        """The document of a question. ScratchpadError where the task cannot be written in this format.

        max_states: of an inductive chain so many states (none: all). place: from 0, the first ones, without the work of
        those after them, to 1, the last ones of its first 10,000; all but the first are behind the state before them,
        which is given.
        """
        if not (self.general or self.name in task.extra_formats):
            raise ScratchpadError(f"{task.name} has no format {self.name}; it has {', '.join(format_names(task))}")
        task.check_format(self.name)
        if max_states is not None and self.inductive:
            return _part(self.prompt(task, question), task, question, max_states, place)
        return Document(self.prompt(task, question), self.states(task, question))

    def opening(self, task: Task, question: Symbols) -> tuple[Symbols, Symbols]:
        """What a model is handed: the prompt and, where that is empty, the first state with its terminator.

        ScratchpadError where the first state, which is given then, is the last one, too: nothing is left to be written.
        """
        prompt = self.prompt(task, question)
        if prompt:
            return prompt, ()
        first = task.first(question)
        if task.step(question, first) is None:
            raise ScratchpadError(f"this question's first state, which is given, is its last one: {' '.join(first)}")
        return (), (*first, SEP)


def _plain_prompt(task: Task, question: Symbols) -> Symbols:
    return question


def _started_prompt(task: Task, question: Symbols) -> Symbols:
    return (*task.inductive_question(question), START) if task.has_start_mark else question


def _inductive_prompt(task: Task, question: Symbols) -> Symbols:
    return () if task.first_given else _started_prompt(task, question)


def _written_prompt(task: Task, question: Symbols) -> Symbols:
    return question if task.has_paper_text else _started_prompt(task, question)


def _answer_state(task: Task, question: Symbols) -> tuple[Symbols, ...]:
    return terminated([task.direct_answer(question)])


def _written_state(task: Task, question: Symbols) -> tuple[Symbols, ...]:
    return terminated([_beyond(task, question, task.scratchpad_text(question, "scratchpad"))])


def _changes_state(task: Task, question: Symbols) -> tuple[Symbols, ...]:
    return terminated([task.scratchpad_text(question, "changes")])


def _chain_as_one(task: Task, question: Symbols) -> tuple[Symbols, ...]:
    return terminated([_beyond(task, question, Task.joined_states(task, task.chain(question)))])


def _beyond(task: Task, question: Symbols, text: Symbols) -> Symbols:
    """The text of a chain without what the prompt holds already: a first state that is given."""
    return text[len(question) :] if task.first_given else text


def _chain(task: Task, question: Symbols) -> tuple[Symbols, ...]:
    return terminated(task.chain(question))


def _part(prompt: Symbols, task: Task, question: Symbols, count: int, place: float) -> Document[str]:
    """So many states of a chain: <end> behind the last one only where the chain ends there."""
    most = count if place == 0 else CHAIN_PREFIX_LIMIT
    chain = terminated(list(islice(task.states(question), most + 1)))[:most]
    first = round(place * max(len(chain) - count, 0))
    return Document(prompt, chain[max(first - 1, 0) : first + count], within=first > 0)


def _given_answer(task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    return bare(states[-1]) or None


def _answer_written(task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    return task.answer_in_text(question, bare(states[-1]), "scratchpad")


def _answer_of_changes(task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    return task.answer_in_text(question, bare(states[-1]), "changes")


def _answer_of_chain(task: Task, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    last = Task.last_state_in(task, question, bare(states[-1]))
    return task.answer(question, last) if last else None


def _filler(count: int) -> Format:
    def prompt(task: Task, question: Symbols) -> Symbols:
        return question + (FILLER,) * count

    name = "filler" if count == _DEFAULT_FILLERS else f"filler-{count}"
    summary = f"the question and {count} filler symbols, then the answer (filler-N for N of them)"
    return Format(name, summary, prompt, _answer_state, _given_answer)


_FORMATS = {
    known.name: known
    for known in (
        Format("direct", "the question, then the answer", _plain_prompt, _answer_state, _given_answer),
        Format(
            "scratchpad",
            "the paper's own text as one state; where it has none, as causal",
            _written_prompt,
            _written_state,
            _answer_written,
        ),
        Format(
            "changes",
            "as scratchpad, with only what changed in each state",
            _plain_prompt,
            _changes_state,
            _answer_of_changes,
            general=False,
        ),
        Format("causal", "the inductive text as one state", _started_prompt, _chain_as_one, _answer_of_chain),
        _filler(_DEFAULT_FILLERS),
        Format("inductive", "a state a step", _inductive_prompt, _chain, _answer_of_chain, inductive=True),
    )
}


def format_named(name: str) -> Format:
    """A format by its name: direct, scratchpad, changes, causal, filler or filler-N, inductive."""
    if name.startswith("filler-"):
        count = name.removeprefix("filler-")
        if not re.fullmatch("[0-9]{1,5}", count) or int(count) < 1:
            raise ScratchpadError(f"format {name!r}: filler-N takes a whole number of symbols from 1 to 99999")
        return _filler(int(count))
    if name not in _FORMATS:
        raise unknown_name("format", name, _FORMATS)
    return _FORMATS[name]


def format_names(task: Task | type[Task] | None = None) -> tuple[str, ...]:
    """The formats that every task has, and those that this one has besides."""
    own = task.extra_formats if task else ()
    return tuple(name for name, form in _FORMATS.items() if form.general or name in own)
