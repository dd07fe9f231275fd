"""Height comparisons in words, for language models: who is taller? (Abbe et al. 2024, appendix G and figure 11).

    direct      Ana is taller than Ben . Cem is taller than Ana . ... Is Cem taller than Ben ? Yes <end>
    inductive   ... Is Cem taller than Ben ? <start> Cem is taller than Ana . <sep> Cem is taller than Ben . Yes <end>

All people form a row from the tallest to the shortest. A question compares neighbours in this row, in random order. The
states go down the row, from the first person of the final question to the second person (Yes) or to the end of the row
(No). These states are not in the paper.
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
from scratchpad.tasks.base import BEYOND_PAPER, Symbols, Task
from scratchpad.tasks.formats import Format
from scratchpad.tasks.state_labels import StateLabels
from scratchpad.tasks.text_rules import PromptTemplate, TextRules

_PEOPLE = """
Ada Alan Amir Ana Anton Aron Ben Bianca Boris Carla Cem Clara Dan David Diana Dora Edgar Elena Elif Emil Emma Erik
Eva Farah Felix Fiona Frida Gavin Gina Greta Hana Hugo Ida Igor Ines Ivan Jana Jason Joan Jonas Julia Karim Karl
Kira Lara Lea Leon Lina Luca Lucy Maja Marco Maria Marta Max Mia Mila Milan Mona Nadia Nico Nina Noah Nora Olga
Oliver Omar Oscar Otto Pablo Paula Pavel Petra Quinn Rafael Rita Robin Rosa Ruben Sami Sara Selma Simon Sofia Sven
Tara Tina Tom Tove Uma Ursula Vera Victor Vlad Wanda Will Yara Yusuf Zara Zeno
"""
_NAMES = tuple(_PEOPLE.split())
_FACTS = "Omar is taller than Sara . Vlad is taller than David . Farah is taller than Omar . Sara is taller than Vlad ."
_SENTENCE = ("is", "taller", "than")


class _Labels(StateLabels):
    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        return {"kind": f"last, {state[-1]}" if state[-1] in ("Yes", "No") else "who is next below"}

    def parts(self, state: Symbols) -> Symbols:
        parts = ("taller one", *("words",) * 3, "shorter one", "full stop", "verdict")
        return parts[: len(state)] if len(state) > 1 else ("verdict",)


class _Texts(TextRules):
    def prompt_text(self, symbols: Symbols) -> str:
        return super().prompt_text(symbols).replace(" .", ".").replace(" ?", "?")

    def prompt_template(self, format: Format) -> PromptTemplate:
        work = "Go down from the first one asked for; the last word is Yes or No."
        instruction = work if format.has_work else "Answer Yes or No."
        return PromptTemplate(between=f"\n{instruction}\n\nTarget:\n")

    def relaxed_answer(self, work: str) -> str:
        """Return the last `yes` or `no` in the work as `Yes` or `No`. Case is ignored."""
        return next(reversed(re.findall(r"(?<![a-z])(?:yes|no)(?![a-z])", work, re.IGNORECASE)), "").capitalize()


@dataclass(frozen=True)
class Heights(Task):
    """`n`: the row has n people above the two queried people, n people between them and n people below them.

    `names`: the number of different names that people can have.
    """

    name: ClassVar[str] = "heights"
    summary: ClassVar[str] = "who is taller, from comparisons of neighbours in words?"
    source: ClassVar[str] = "Abbe et al. 2024, appendix G, figure 11"
    size_setting: ClassVar[str] = "n"
    small: ClassVar[str] = (
        "n=1 names=8 model=small model.layers=2 model.heads=4 model.width=128 train.learning_rate=1e-3 "
        "train.final_learning_rate=1e-4 train.warmup_steps=100 train.batch=128"
    )
    labels: ClassVar[StateLabels] = _Labels()
    texts: ClassVar[TextRules] = _Texts()
    examples = ((f"{_FACTS} Is Omar taller than Vlad ?", {}), (f"{_FACTS} Is Vlad taller than Omar ?", {}))

    n: Lengths = field(default=Lengths(1, 5))
    names: int = field(default=len(_NAMES), metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if not 5 <= self.names <= len(_NAMES):
            raise ScratchpadError(f"heights: names={self.names} must be from 5 to {len(_NAMES)}")
        most = (self.names - 2) // 3
        if self.n.high > most:
            raise ScratchpadError(
                f"heights: n={self.n.to_json()} needs {3 * self.n.high + 2} people, but there are {self.names} names: "
                f"set n to at most {most}"
            )

    def symbols(self) -> Symbols:
        return (*self.interchangeable(), *_SENTENCE, ".", "Is", "?", "Yes", "No")

    @property
    def most_common_share(self) -> float:
        return 0.5

    def interchangeable(self) -> Symbols:
        return _NAMES[: self.names]

    def split(self, text: str) -> Symbols:
        """Cut text into symbols. A full stop or a question mark may follow a word without a space."""
        return super().split(text.replace(".", " . ").replace("?", " ? "))

    def question(self, rng: Stream, size: int) -> Symbols:
        people = rng.sample_names(self.interchangeable(), 3 * size + 2)
        facts = rng.shuffled([(*_comparison(a, b), ".") for a, b in pairwise(people)])
        a, b = people[size], people[2 * size + 1]
        first, second = (a, b) if rng.below(2) else (b, a)
        return (*(word for sentence in facts for word in sentence), "Is", first, "taller", "than", second, "?")

    def first(self, question: Symbols) -> Symbols:
        return self._claim(question, question[-5])

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        tall, short = question[-5], question[-2]
        if state == ("No",):
            return None
        claim, verdict = state[:6], state[6:]
        people = {person for pair in _pairs(question) for person in pair}
        if claim[4:5] == () or claim != (*_comparison(tall, claim[4]), ".") or claim[4] not in people - {tall}:
            raise ValueError(f"not a state about {tall}: {' '.join(state)}")
        if verdict != (("Yes",) if claim[4] == short else ()):
            raise ValueError(f"Yes must follow {short}, and only {short}: {' '.join(state)}")
        return None if verdict else self._claim(question, claim[4])

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state[-1:]

    def truth(self, question: Symbols) -> Symbols:
        """Compare the places of the queried people in the row from the tallest to the shortest person."""
        row = _row(list(_pairs(question)))
        return ("Yes" if row.index(question[-5]) < row.index(question[-2]) else "No",)

    def check(self, question: Symbols) -> None:
        facts, final = question[:-6], question[-6:]
        pairs = list(_pairs(question))
        expected = tuple(word for pair in pairs for word in (*_comparison(*pair), "."))
        is_final = final[::2] == ("Is", "taller", *final[4:5]) and (final[3:4], final[5:]) == (("than",), ("?",))
        if facts != expected or not is_final:
            raise ScratchpadError(
                "heights: a question is `A is taller than B . ... Is A taller than C ?`; given: " + " ".join(question)
            )
        row = _row(pairs)
        people = {person for pair in pairs for person in pair}
        if not people.issubset(_NAMES) or len(row) != len(people) or len(pairs) != len(row) - 1:
            raise ScratchpadError(
                "heights: the comparisons must order all people in a single row and compare all neighbours in this row"
            )
        if final[1] == final[4] or not people.issuperset((final[1], final[4])):
            raise ScratchpadError(
                f"heights: the question asks for {final[1]} and {final[4]}, but it must name two different "
                "people of its comparisons"
            )

    def fitted_to(self, question: Symbols) -> Self:
        row = _row(list(_pairs(question)))
        between = abs(row.index(question[-5]) - row.index(question[-2])) - 1
        return replace(self, n=Lengths(between, between)) if between > 0 and 3 * between + 2 == len(row) else self

    def _claim(self, question: Symbols, above: str) -> Symbols:
        """Return the state that compares the first queried person with the next person below `above`."""
        tall, short = question[-5], question[-2]
        below = next((b for a, b in _pairs(question) if a == above), None)
        if below is None:
            return ("No",)
        return (*_comparison(tall, below), ".", *(("Yes",) if below == short else ()))


def _comparison(a: str, b: str) -> Symbols:
    return (a, *_SENTENCE, b)


def _pairs(question: Symbols) -> Iterator[tuple[str, str]]:
    """Return a pair (taller, shorter) for each comparison in a question."""
    return zip(question[:-6:6], question[4:-6:6], strict=False)


def _row(pairs: list[tuple[str, str]]) -> list[str]:
    """Return the people from the tallest to the shortest. The row is incomplete if `pairs` do not order all people."""
    below, shorter = dict(pairs), {b for _, b in pairs}
    row = [a for a, _ in pairs if a not in shorter][:1]
    while row and row[-1] in below and len(row) <= len(pairs):
        row.append(below[row[-1]])
    return row
