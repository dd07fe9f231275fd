"""Who is taller? Height comparisons in words, for language models (Abbe et al. 2024, appendix G and figure 11).

    direct      Ana is taller than Ben . Cem is taller than Ana . ... Is Cem taller than Ben ? Yes <end>
    inductive   ... Is Cem taller than Ben ? <start> Cem is taller than Ana . <sep> Cem is taller than Ben . Yes <end>

Everyone but the tallest is compared with the next taller one, in any order. The work, which is ours, goes down from the
first one asked for: to the second (Yes), or until nobody is left (No).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.formats import Format
from scratchpad.tasks.prompt_template import PromptTemplate
from scratchpad.tasks.state_labels import StateLabels
from scratchpad.tasks.text_rules import TextRules

_PEOPLE = """
Ada Alan Amir Ana Anton Aron Ben Bianca Boris Carla Cem Clara Dan David Diana Dora Edgar Elena Elif Emil Emma Erik
Eva Farah Felix Fiona Frida Gavin Gina Greta Hana Hugo Ida Igor Ines Ivan Jana Jason Joan Jonas Julia Karim Karl
Kira Lara Lea Leon Lina Luca Lucy Maja Marco Maria Marta Max Mia Mila Milan Mona Nadia Nico Nina Noah Nora Olga
Oliver Omar Oscar Otto Pablo Paula Pavel Petra Quinn Rafael Rita Robin Rosa Ruben Sami Sara Selma Simon Sofia Sven
Tara Tina Tom Tove Uma Ursula Vera Victor Vlad Wanda Will Yara Yusuf Zara Zeno
"""
_NAMES = tuple(_PEOPLE.split())
_TOLD = "Omar is taller than Sara . Vlad is taller than David . Farah is taller than Omar . Sara is taller than Vlad ."
_SENTENCE = ("is", "taller", "than")


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        return {"kind": f"last, {state[-1]}" if state[-1] in ("Yes", "No") else "who is next below"}

    def parts(self, state: Symbols) -> Symbols:
        said = ("taller one", *("words",) * 3, "shorter one", "full stop", "verdict")
        return said[: len(state)] if len(state) > 1 else ("verdict",)


class _Texts(TextRules):
    def prompt_text(self, symbols: Symbols) -> str:
        return super().prompt_text(symbols).replace(" .", ".").replace(" ?", "?")

    def prompt_template(self, format: Format) -> PromptTemplate:
        work = "Go down from the first one asked for; the last word is Yes or No."
        told = work if format.has_work else "Answer Yes or No."
        return PromptTemplate(between=f"\n{told}\n\nTarget:\n")

    def relaxed_answer(self, work: str) -> str:
        """The last `yes` or `no`, however it is written."""
        return next(reversed(re.findall(r"(?<![a-z])(?:yes|no)(?![a-z])", work, re.IGNORECASE)), "").capitalize()


@dataclass(frozen=True)
class Heights(Task):
    """n: how many people stand between the two asked for, as many as above them and below: 3n + 2 in all."""

    name: ClassVar[str] = "heights"
    summary: ClassVar[str] = "who is taller, from comparisons of neighbours in words?"
    source: ClassVar[str] = "Abbe et al. 2024, appendix G, figure 11"
    size_setting: ClassVar[str] = "n"
    labels: ClassVar[StateLabels] = _Labels()
    texts: ClassVar[TextRules] = _Texts()
    examples = (
        (f"{_TOLD} Is Omar taller than Vlad ?", {}),
        (f"{_TOLD} Is Vlad taller than Omar ?", {}),
    )

    n: Lengths = field(default=Lengths(1, 5))

    def __post_init__(self) -> None:
        most = (len(_NAMES) - 2) // 3
        if self.n.high > most:
            raise ScratchpadError(
                f"heights: n={self.n.to_json()} needs {3 * self.n.high + 2} people, and {len(_NAMES)} have names: "
                f"n is at most {most}"
            )

    def symbols(self) -> Symbols:
        return (*_NAMES, *_SENTENCE, ".", "Is", "?", "Yes", "No")

    @property
    def most_common_share(self) -> float:
        return 0.5

    def interchangeable(self) -> Symbols:
        return _NAMES

    def split(self, text: str) -> Symbols:
        """As everywhere; full stops and question marks may follow their words without a space."""
        return super().split(text.replace(".", " . ").replace("?", " ? "))

    def question(self, rng: Stream, size: int) -> Symbols:
        people = rng.sample_names(_NAMES, 3 * size + 2)
        told = rng.shuffled([(*_said(a, b), ".") for a, b in pairwise(people)])
        a, b = people[size], people[2 * size + 1]
        first, second = (a, b) if rng.below(2) else (b, a)
        return (*(word for sentence in told for word in sentence), "Is", first, "taller", "than", second, "?")

    def first(self, question: Symbols) -> Symbols:
        return self._claim(question, question[-5])

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        tall, short = question[-5], question[-2]
        if state == ("No",):
            return None
        said, verdict = state[:6], state[6:]
        people = {person for pair in _told(question) for person in pair}
        if said[4:5] == () or said != (*_said(tall, said[4]), ".") or said[4] not in people - {tall}:
            raise ValueError(f"not said of {tall}: {' '.join(state)}")
        if verdict != (("Yes",) if said[4] == short else ()):
            raise ValueError(f"Yes stands after {short}, and only there: {' '.join(state)}")
        return None if verdict else self._claim(question, said[4])

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        """By the places of both in the whole row, tallest first."""
        row = _row(list(_told(question)))
        return ("Yes" if row.index(question[-5]) < row.index(question[-2]) else "No",)

    def check(self, question: Symbols) -> None:
        told, asked = question[:-6], question[-6:]
        pairs = list(_told(question))
        sentences = tuple(word for pair in pairs for word in (*_said(*pair), "."))
        if (
            told != sentences
            or asked[::2] != ("Is", "taller", asked[4])
            or (asked[3:4], asked[5:]) != (("than",), ("?",))
        ):
            raise ScratchpadError(
                "heights: a question is `A is taller than B . ... Is A taller than C ?`; given: " + " ".join(question)
            )
        row = _row(pairs)
        people = {person for pair in pairs for person in pair}
        if not people.issubset(_NAMES) or len(row) != len(people) or len(pairs) != len(row) - 1:
            raise ScratchpadError(
                "heights: everyone but the tallest is compared with one taller person, in a single row"
            )
        if asked[1] == asked[4] or not people.issuperset((asked[1], asked[4])):
            raise ScratchpadError(f"heights: asks for {asked[1]} and {asked[4]}: two different people of the row")

    def fitted_to(self, question: Symbols) -> Self:
        row = _row(list(_told(question)))
        between = abs(row.index(question[-5]) - row.index(question[-2])) - 1
        return replace(self, n=Lengths(between, between)) if between > 0 and 3 * between + 2 == len(row) else self

    def _claim(self, question: Symbols, above: str) -> Symbols:
        """What follows about the first one asked for from who comes next below someone."""
        tall, short = question[-5], question[-2]
        below = next((b for a, b in _told(question) if a == above), None)
        if below is None:
            return ("No",)
        return (*_said(tall, below), ".", *(("Yes",) if below == short else ()))


def _said(a: str, b: str) -> Symbols:
    return (a, *_SENTENCE, b)


def _told(question: Symbols) -> Iterator[tuple[str, str]]:
    """The pairs (taller, shorter) that a question tells."""
    return zip(question[:-6:6], question[4:-6:6], strict=False)


def _row(pairs: list[tuple[str, str]]) -> list[str]:
    """Everyone, tallest first, as far as one row goes: it begins with who is nowhere the shorter one."""
    below, shorter = dict(pairs), {b for _, b in pairs}
    row = [a for a, _ in pairs if a not in shorter][:1]
    while row and row[-1] in below and len(row) <= len(pairs):
        row.append(below[row[-1]])
    return row
