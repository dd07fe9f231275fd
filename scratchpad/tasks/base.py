"""The base class of all tasks. This module imports no tensor library."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from scratchpad.config.parse import to_json, with_settings
from scratchpad.errors import ScratchpadError, SkippedProblem, unknown_name
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.document import as_text, is_wide, letters, listed
from scratchpad.tasks.induction import Symbols
from scratchpad.tasks.sizes import SizedQuestions
from scratchpad.tasks.state_labels import StateLabels
from scratchpad.tasks.text_rules import TextRules
from scratchpad.tasks.written_work import WrittenWork

BEYOND_PAPER = {"beyond_paper": True}
"""Metadata of a setting that is not in the paper. Files record such a setting only if it differs from its default."""
_SYMBOLS_LISTED = 24


@dataclass(frozen=True)
class Task(WrittenWork, SizedQuestions):
    """The base class of tasks. A subclass is a dataclass, and its fields are the settings of the task.

    A subclass must implement the six functions of `Induction`. It may override the methods of `WrittenWork` and
    `SizedQuestions`, the rules for few-shot prompts (`texts`) and the names in reports (`labels`).
    """

    summary: ClassVar[str]
    """One line that says what the task computes."""
    source: ClassVar[str]
    exclusive_settings: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of settings that cannot be used together."""
    example_split: ClassVar[str] = "train"
    """The split from which few-shot prompts take their examples."""
    seeded: ClassVar[bool] = True
    """Whether the seed changes the questions. Tasks that read a data set ignore the seed."""
    small: ClassVar[str] = ""
    """Settings of a run, as for `--set`, for a small model and at most about 30 minutes on one CPU core.
    `scratchpad train TASK` adds these settings to the recipe `small`."""
    blank: ClassVar[str] = ""
    """The symbol of an empty place in a question, or an empty text if questions have no empty places."""
    examples: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = ()
    """Worked examples (question, settings) for the gallery. The examples of the paper come first."""
    texts: ClassVar[TextRules] = TextRules()
    labels: ClassVar[StateLabels] = StateLabels()

    @property
    def most_common_share(self) -> float:
        """The share of questions that have the most common answer, or 0 if this share is unknown."""
        return 0.0

    def interchangeable(self) -> Symbols:
        """Return the symbols that serve as names: a permutation of names does not change a question's probability."""
        return ()

    def check(self, question: Symbols) -> None:
        """Raise ScratchpadError if `question` is not a question of the task with these settings."""

    def read_question(self, text: str, complete: bool = False) -> Symbols:
        """Return the question that a person typed. complete: whether to call `completed` first.

        Raises ScratchpadError, with an example of a question, if the text is not a question of the task.
        """
        try:
            question = self.completed(self.parse(text)) if complete else self.parse(text)
            self.check(question)
        except ScratchpadError as error:
            raise ScratchpadError(f"{str(error).rstrip('.')}. An example of a question: {self._example()}") from None
        return question

    def _example(self) -> str:
        return as_text(self.draw(0, "train", 0)).replace("\n", "\\n")

    def completed(self, question: Symbols) -> Symbols:
        """Complete a question that a person typed, for instance by adding blank slots."""
        return question

    def known_truth(self, question: Symbols) -> Symbols | None:
        """Return the correct answer, or None if this answer is unknown because the user's data lacks the question."""
        try:
            return self.truth(question)
        except SkippedProblem:
            return None

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        """Return question number `index`. The question depends only on the task, its settings and these arguments."""
        rng = Stream(stream_name(self.name, self.settings(), seed, split), index)
        return self.question(rng, self.size_distribution().draw(rng))

    def count(self, split: str) -> int | None:
        """Return the number of problems in a split, or None if the number is not limited."""
        return None

    def settings(self, everything: bool = False) -> dict[str, Any]:
        """Return the settings as JSON. Without `everything`, defaults of settings that the paper lacks are left out."""
        shown = {}
        for field in dataclasses.fields(self):
            value = self.size_distribution() if field.name == self.size_setting else getattr(self, field.name)
            if everything or value != field.default or not field.metadata.get("beyond_paper"):
                shown[field.name] = to_json(value)
        return shown

    def changed(self, settings: Mapping[str, Any]) -> Task:
        """Return a copy of this task with some settings changed. Raises ScratchpadError if a name is unknown."""
        known = self.settings(everything=True)
        for name in settings:
            if name not in known:
                raise unknown_name(f"setting of {self.name}", name, known)
        return with_settings(self, settings, self.name)

    def parse(self, text: str) -> Symbols:
        """Cut the text of a question into symbols. Raises ScratchpadError if a symbol is not in the task's alphabet."""
        alphabet, found = self.symbols(), self.split(text)
        if not found:
            raise ScratchpadError("the question is empty")
        unknown = {symbol: found.index(symbol) for symbol in found if symbol not in alphabet}
        if not unknown:
            return found
        unspaced = is_wide(alphabet) and " " not in alphabet and len(text.split()) == 1
        if unspaced:
            unknown = {text.strip(): 0}
        places = ", ".join(f"{symbol!r} at place {place}" for symbol, place in unknown.items())
        verb = f"symbol{'s' * (len(unknown) > 1)} {places} of the question {'are' if len(unknown) > 1 else 'is'}"
        more = f" ... ({len(alphabet)} in all)" if len(alphabet) > _SYMBOLS_LISTED else ""
        hint = ". Put spaces between symbols." if unspaced else ""
        raise ScratchpadError(
            f"{self.name}: {verb} not in the alphabet: {listed(alphabet[:_SYMBOLS_LISTED])}{more}{hint}"
        )

    def split(self, text: str) -> Symbols:
        """Cut text into symbols at the spaces. Text without spaces is cut into characters and marks such as <sep>."""
        words = tuple(text.split())
        return words if len(words) > 1 or text.strip() in self.symbols() else letters(text.strip())


def draws(task: Task, seed: int, split: str, start: int, count: int) -> Iterator[tuple[int, Symbols]]:
    """Yield (index, question) for every index from `start` to `start + count - 1`."""
    for index in range(start, start + count):
        yield index, task.draw(seed, split, index)
