"""What a task is: an induction, the distribution of its questions, and its settings. No tensor library here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from scratchpad.config.parse import to_json, with_settings
from scratchpad.errors import ScratchpadError, unknown_name
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.document import is_wide, letters, listed
from scratchpad.tasks.induction import Symbols
from scratchpad.tasks.sizes import SizedQuestions
from scratchpad.tasks.state_labels import StateLabels
from scratchpad.tasks.text_rules import TextRules
from scratchpad.tasks.written_work import WrittenWork

BEYOND_PAPER = {"beyond_paper": True}
"""Metadata of a setting that the paper does not have: it is recorded only where it differs from its default."""
_SYMBOLS_LISTED = 24


@dataclass(frozen=True)
class Task(WrittenWork, SizedQuestions):
    """A task: its settings are the fields of the subclass, and its six functions are those of `Induction`.

    `WrittenWork` and `SizedQuestions` are what formats and sizes need; `texts` and `labels` are what prompts for
    language models and reports need. Each has defaults that suit most tasks.
    """

    summary: ClassVar[str]
    """One line on what is computed."""
    source: ClassVar[str]
    exclusive_settings: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of settings of which at most one may be given."""
    example_split: ClassVar[str] = "train"
    """The split that the worked examples of prompts come from."""
    seeded: ClassVar[bool] = True
    """Whether draws depend on the seed. Given data come in their own order."""
    examples: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = ()
    """Worked examples for the gallery, (question, settings), the paper's first."""
    texts: ClassVar[TextRules] = TextRules()
    labels: ClassVar[StateLabels] = StateLabels()

    @property
    def most_common_share(self) -> float:
        """The share of questions with the most common answer, where it follows from the settings; otherwise 0."""
        return 0.0

    def interchangeable(self) -> Symbols:
        """Return names: symbols that can be exchanged for one another without changing any problem's probability."""
        return ()

    def check(self, question: Symbols) -> None:
        """Raise ScratchpadError where this is not a question of the task with these settings."""

    def completed(self, question: Symbols) -> Symbols:
        """Return a question as the task draws it from one as a person writes it (blank slots added, for instance)."""
        return question

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        """Return question number `index`: a pure function of (task, settings, seed, split, index)."""
        rng = Stream(stream_name(self.name, self.settings(), seed, split), index)
        return self.question(rng, self.size_distribution().draw(rng))

    def count(self, split: str) -> int | None:
        """Return the number of problems in a split; None where it has no end."""
        return None

    def settings(self, everything: bool = False) -> dict[str, Any]:
        """Return the settings as JSON values: those that determine the draws, or `everything` that can be set.

        Of the former, settings beyond the paper are included only where they differ from their default.
        """
        shown = {}
        for field in dataclasses.fields(self):
            value = self.size_distribution() if field.name == self.size_setting else getattr(self, field.name)
            if everything or value != field.default or not field.metadata.get("beyond_paper"):
                shown[field.name] = to_json(value)
        return shown

    def changed(self, settings: Mapping[str, Any]) -> Task:
        """Return the same task with other settings, as values or texts. Raises ScratchpadError for unknown names."""
        known = self.settings(everything=True)
        for name in settings:
            if name not in known:
                raise unknown_name(f"setting of {self.name}", name, known)
        return with_settings(self, settings, self.name)

    def parse(self, text: str) -> Symbols:
        """Return the symbols of a question given as text. Raises ScratchpadError for one outside the alphabet."""
        alphabet, found = self.symbols(), self.split(text)
        if not found:
            raise ScratchpadError("the question is empty")
        for place, symbol in enumerate(found):
            if symbol not in alphabet:
                shown = listed(alphabet[:_SYMBOLS_LISTED])
                more = f" ... ({len(alphabet)} in all)" if len(alphabet) > _SYMBOLS_LISTED else ""
                wide = "; put spaces between symbols" if is_wide(alphabet) and " " not in alphabet else ""
                raise ScratchpadError(
                    f"{self.name}: symbol {symbol!r} at place {place} of the question is not in the alphabet: "
                    f"{shown}{more}{wide}"
                )
        return found

    def split(self, text: str) -> Symbols:
        """Cut text into symbols: at spaces, or else into characters and marks."""
        words = tuple(text.split())
        return words if len(words) > 1 or text.strip() in self.symbols() else letters(text.strip())


def draws(task: Task, seed: int, split: str, start: int, count: int) -> Iterator[tuple[int, Symbols]]:
    """Yield the questions numbered start .. start + count - 1, with their numbers."""
    for index in range(start, start + count):
        yield index, task.draw(seed, split, index)
