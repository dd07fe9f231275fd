"""What a task is: the distribution of its questions and an induction. No tensor library here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.config.parse import to_json, with_settings
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.document import SEP, as_text, is_wide, letters, listed
from scratchpad.tasks.prompt_template import PromptTemplate

Symbols = tuple[str, ...]

BEYOND_PAPER = {"beyond_paper": True}
"""Metadata of a setting that the paper does not have: written down only where it is not at its default."""


@dataclass(frozen=True)
class Task:
    """A task is its settings (the fields of the subclass) and the functions below.

    Questions and states are tuples of symbols without marks. `first` and `step` are the whole computation;
    `truth` finds the answer another way and is the oracle that tests and scores hold them against.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """What is asked, in a line."""
    source: ClassVar[str]
    size_setting: ClassVar[str]
    has_paper_text: ClassVar[bool] = False
    """Whether the paper has a text of its own for the whole chain, `text` here; elsewhere it is as `causal`."""
    extra_formats: ClassVar[tuple[str, ...]] = ()
    """Formats that not every task has and this one does."""
    exclusive_settings: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of settings that stand in place of one another."""
    example_split: ClassVar[str] = "train"
    """The split that a prompt's worked examples come from."""
    seeded: ClassVar[bool] = True
    """Whether another seed draws other problems: data that are given come in their own order, whatever the seed."""
    examples: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = ()
    """Worked examples for the gallery, the paper's first: (question, settings)."""

    def symbols(self) -> Symbols:
        """The alphabet in a fixed order, without marks."""
        raise NotImplementedError

    def question(self, rng: Stream, size: int) -> Symbols:
        """Draw a problem of that size."""
        raise NotImplementedError

    def first(self, question: Symbols) -> Symbols:
        """The base case: the first state."""
        raise NotImplementedError

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        """The induction step: the next state, None when finished. ValueError for a state that is none."""
        raise NotImplementedError

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        """The answer, read off the last state."""
        raise NotImplementedError

    def truth(self, question: Symbols) -> Symbols:
        """The answer computed another way: the oracle."""
        raise NotImplementedError

    @property
    def most_common_share(self) -> float:
        """The share of questions that have the commonest answer, where the settings alone tell it; else 0."""
        return 0.0

    @property
    def has_start_mark(self) -> bool:
        """Whether the inductive text has <start> after the question."""
        return True

    @property
    def first_given(self) -> bool:
        """Whether the question is the whole first state: then the inductive prompt is empty, and it is not scored."""
        return False

    def check(self, question: Symbols) -> None:
        """ScratchpadError when a question is not one of this task with these settings."""

    def check_format(self, name: str) -> None:
        """ScratchpadError when the problems of this task cannot be written in the format of that name."""

    def check_draws(self) -> None:
        """ScratchpadError where questions of these settings can hardly be drawn; it may take part of a second."""

    def fitted_to(self, question: Symbols) -> Self:
        """The same task with the settings that only draws need (its size, say) read off a question."""
        return self

    def completed(self, question: Symbols) -> Symbols:
        """A question as a person writes it, in the form the task draws (blank slots filled up, say)."""
        return question

    def inductive_question(self, question: Symbols) -> Symbols:
        """The question as it stands before the states of the inductive text (in a window of fixed width, say)."""
        return question

    def prompt_template(self, format: str) -> PromptTemplate:
        """How a problem stands in a prompt for a language model, in the format of that name."""
        return PromptTemplate()

    def prompt_text(self, symbols: Symbols) -> str:
        """The text of a question or of a state as a language model reads it; `split` reads it back."""
        return as_text(symbols)

    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        """What sort of transition a true state comes from: its slot and its kind, say. Reports compare these."""
        return {}

    def parts(self, state: Symbols) -> Symbols:
        """What each symbol of a state belongs to (its slot, its digit): reports group wrong states by it."""
        return tuple(f"symbol {place + 1}" for place in range(len(state)))

    def problem(self, question: Symbols) -> Symbols:
        """What several questions have in common that are examples of one problem: the program that they run, say."""
        return question

    def read_work(self, work: str) -> tuple[Any, ...]:
        """The lines of a work as text, each as the value that it stands for: what is compared with the true ones."""
        return tuple(work.split("\n"))

    def read_states(self, work: str) -> tuple[Any, ...]:
        """The states among those lines."""
        return self.read_work(work)

    def matches(self, written: Symbols, true: Symbols) -> bool:
        """Whether a written state or text says what the true one does: in the same symbols, or in the values that
        `read_work` reads.
        """
        return written == true

    def relaxed_answer(self, work: str) -> str:
        """The answer of a work as text, read as kindly as can be: the last whole number of its last line that is not
        empty, and where there is none that line; white space does not count.
        """
        last = "".join(last_line(work).split())
        return next(reversed(re.findall(r"-?\d+", last)), last)

    def direct_answer(self, question: Symbols) -> Symbols:
        """The answer alone, as it is written without any work."""
        return self.answer(question, self.chain(question)[-1])

    def interchangeable(self) -> Symbols:
        """Names: symbols that could be exchanged for one another everywhere without changing any problem's odds."""
        return ()

    def scratchpad_text(self, question: Symbols, format: str) -> Symbols:
        """The paper's own text of the whole work in the format of that name; by default `written` of the chain."""
        return self.joined_states(self.chain(question))

    def answer_in_text(self, question: Symbols, text: Symbols, format: str) -> Symbols | None:
        """The answer in such a text as a model wrote it; None, or a ValueError, where there is none."""
        last = self.last_state_in(question, text)
        return self.answer(question, last) if last else None

    def joined_states(self, chain: list[Symbols]) -> Symbols:
        """The paper's own text of the whole chain as one scratchpad; by default the states between <sep>s."""
        return tuple(symbol for i, state in enumerate(chain) for symbol in ((SEP,) if i else ()) + state)

    def last_state_in(self, question: Symbols, text: Symbols) -> Symbols:
        """The last state, read back from `written` text, as far as it can be read."""
        after = len(text) - text[::-1].index(SEP) if SEP in text else 0
        return text[after:]

    def size_distribution(self) -> Lengths:
        """The law that sizes of questions are drawn from: the field named by `size_setting`."""
        return getattr(self, self.size_setting)

    def covered_sizes(self) -> Lengths:
        """The sizes all of whose questions are drawn: those of the law, where no other setting limits them."""
        return self.size_distribution()

    def at_size(self, size: int) -> Self:
        """The same task with questions of exactly this size."""
        return with_settings(self, {self.size_setting: size}, self.name)

    def changed(self, settings: Mapping[str, Any]) -> Task:
        """The same task with other settings, as values or texts. ScratchpadError for those it does not have."""
        known = self.settings(everything=True)
        for name in settings:
            if name not in known:
                raise unknown_name(f"setting of {self.name}", name, known)
        return with_settings(self, settings, self.name)

    def default_test_sizes(self) -> tuple[int, ...]:
        """The sizes that a run is judged at when none are named: the largest one drawn."""
        return (self.size_distribution().high,)

    def longest_questions(self) -> tuple[Symbols, ...]:
        """Questions with the longest documents, where draws of the smallest and the largest size need not show them."""
        return ()

    def chain(self, question: Symbols, limit: int = 1_000_000) -> list[Symbols]:
        """All states: a task that makes them in its own way has its own `states`, not its own `chain`.

        ScratchpadError where there are more than `limit`.
        """
        states = list(islice(self.states(question), limit + 1))
        if len(states) > limit:
            raise ScratchpadError(f"{self.name}: no end after {limit} states: does `step` ever return None?")
        return states

    def states(self, question: Symbols) -> Iterator[Symbols]:
        """The states of the chain, made as they are asked for: `first`, then `step` until None."""
        state: Symbols | None = self.first(question)
        while state is not None:
            yield state
            state = self.step(question, state)

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        """The question numbered `index`: a pure function of (task, settings, seed, split, index)."""
        rng = Stream(self.stream(seed, split), index)
        return self.question(rng, self.size_distribution().draw(rng))

    def count(self, split: str) -> int | None:
        """How many problems a split holds; None: as many as are asked for."""
        return None

    def stream(self, seed: int, split: str) -> str:
        return stream_name(self.name, self.settings(), seed, split)

    def settings(self, everything: bool = False) -> dict[str, Any]:
        """The settings as JSON values: those that say which problems are drawn, or `everything` that can be set.

        Of the former, those beyond the paper only where they differ from their default.
        """
        shown = {}
        for field in dataclasses.fields(self):
            value = self.size_distribution() if field.name == self.size_setting else getattr(self, field.name)
            if everything or value != field.default or not field.metadata.get("beyond_paper"):
                shown[field.name] = to_json(value)
        return shown

    def parse(self, text: str) -> Symbols:
        """Symbols of a question written as text. ScratchpadError for one that is not in the alphabet."""
        alphabet, found = self.symbols(), self.split(text)
        if not found:
            raise ScratchpadError("the question is empty")
        for place, symbol in enumerate(found):
            if symbol not in alphabet:
                wide = is_wide(alphabet) and " " not in alphabet
                raise ScratchpadError(
                    f"{self.name}: symbol {symbol!r} at place {place} of the question is not in the alphabet: "
                    f"{_shortened(alphabet)}{'; put spaces between symbols' if wide else ''}"
                )
        return found

    def split(self, text: str) -> Symbols:
        """Text as `as_text` writes it, cut into symbols: separated by spaces, or else each one character (or mark)."""
        words = tuple(text.split())
        return words if len(words) > 1 or text.strip() in self.symbols() else letters(text.strip())


def draws(task: Task, seed: int, split: str, start: int, count: int) -> Iterator[tuple[int, Symbols]]:
    """The questions numbered start .. start + count - 1, with their numbers."""
    for index in range(start, start + count):
        yield index, task.draw(seed, split, index)


def last_line(work: str) -> str:
    """The last line of a work that is not empty, without the white space around it."""
    return next((line.strip() for line in reversed(work.split("\n")) if line.strip()), "")


def _shortened(symbols: Symbols, most: int = 24) -> str:
    return listed(symbols[:most]) + (f" ... ({len(symbols)} in all)" if len(symbols) > most else "")
