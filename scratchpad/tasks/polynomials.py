"""The value of a polynomial at a whole number (Nye et al. 2021, section 4).

    Evaluate -7*x**2 + 7*x + 5 at x = 1<scratch>
    -7*x**2: -7
    7*x: 7
    5: 5
    </scratch>
    total: 5

This is the paper's text. The format `scratchpad` uses the whole text; `direct` uses only the last line. In the format
`inductive`, a step multiplies the coefficient of a term by x and lowers the power by 1. At power 0, the next step adds
the coefficient to the total and goes on to the next term:

    <start>-7*x**2: -7*x**2; total: 0<sep>-7*x**2: -7*x; total: 0<sep>-7*x**2: -7; total: 0<sep>7*x: 7*x; total: -7<sep>
    7*x: 7; total: -7<sep>5: 5; total: 0<sep>total: 5<end>
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar, Self

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.document import letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.text_rules import PromptTemplate, TextRules
from scratchpad.tasks.text_task import TextTask

_OPENS, _CLOSES = "<scratch>\n", "\n</scratch>\n"
_SIZES = {"train": 10_000, "test": 2_000}
_POWER = r"[1-9]\d?"
_TERM = rf"(?:(?:[1-9]\d*\*)?x(?:\*\*{_POWER})?|[1-9]\d*)"
_QUESTION = re.compile(rf"Evaluate (-?{_TERM}(?: [+-] {_TERM})*) at x = (0|-?[1-9]\d*)")
_NUMBER = r"(0|-?[1-9]\d*)"
_STATE = re.compile(rf"(-?{_TERM}): {_NUMBER}(\*x(?:\*\*({_POWER}))?)?; total: {_NUMBER}")
_TOTAL = re.compile(rf"total: {_NUMBER}")

Term = tuple[int, int]
"""A term of a polynomial: its coefficient and its power of x."""


class _Texts(TextRules):
    def prompt_template(self, format: Format) -> PromptTemplate:
        return PromptTemplate(between="\nTarget:\n")


@dataclass(frozen=True)
class Polynomials(TextTask):
    """`degree`: the highest possible power. `coefficients`: the largest absolute value of a coefficient.
    `points`: the largest absolute value of x. `values`: the largest absolute value of the result.
    Coefficients are drawn uniformly. A term with coefficient 0 is not written.
    """

    name: ClassVar[str] = "polynomials"
    summary: ClassVar[str] = "the value of a polynomial at a whole number"
    source: ClassVar[str] = "Nye et al. 2021, section 4"
    size_setting: ClassVar[str] = "degree"
    small: ClassVar[str] = "degree=2 coefficients=5 points=3 model=small model.positions=rotary train.samples=3000"
    texts: ClassVar[TextRules] = _Texts()
    characters: ClassVar[str] = "0123456789 +-*:=;\nEatuevlox"
    examples = (("Evaluate -7*x**2 + 7*x + 5 at x = 1", {}), ("Evaluate x at x = -3", {}))

    degree: Lengths = field(default=Lengths(3, 3))
    coefficients: int = field(default=10, metadata=BEYOND_PAPER)
    points: int = field(default=10, metadata=BEYOND_PAPER)
    values: int = field(default=1000, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        for name in ("coefficients", "points", "values"):
            if getattr(self, name) < 1:
                raise ScratchpadError(f"polynomials: {name}={getattr(self, name)} must be at least 1")

    def count(self, split: str) -> int | None:
        return _SIZES.get(split)

    def question(self, rng: Stream, size: int) -> Symbols:
        while True:
            drawn = [(rng.between(-self.coefficients, self.coefficients), power) for power in range(size, -1, -1)]
            terms, x = [term for term in drawn if term[0]], rng.between(-self.points, self.points)
            if terms and abs(sum(coefficient * x**power for coefficient, power in terms)) <= self.values:
                return letters(_written(terms, x))

    def first(self, question: Symbols) -> Symbols:
        terms, _ = _read(question)
        return _state(terms[0], terms[0], 0)

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        if _TOTAL.fullmatch("".join(state)):
            return None
        terms, x = _read(question)
        place, (coefficient, power), total = _read_state(terms, state)
        if power:
            return _state(terms[place], (coefficient * x, power - 1), total)
        total, rest = total + coefficient, terms[place + 1 :]
        return _state(rest[0], rest[0], total) if rest else letters(f"total: {total}")

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return state

    def truth(self, question: Symbols) -> Symbols:
        found = _QUESTION.fullmatch("".join(question))
        assert found, "callers must check the question first"
        value = eval(found[1], {"__builtins__": {}}, {"x": int(found[2])})  # safe: only arithmetic matches _QUESTION
        return letters(f"total: {value}")

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        terms, x = _read(question)
        values = [coefficient * x**power for coefficient, power in terms]
        lines = [f"{_term(*term)}: {value}" for term, value in zip(terms, values, strict=True)]
        return letters(f"{_OPENS}{chr(10).join(lines)}{_CLOSES}total: {sum(values)}")

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        return letters("".join(text).split(_CLOSES)[1]) or None

    def check(self, question: Symbols) -> None:
        text = "".join(question)
        terms, x = _read(question) if _QUESTION.fullmatch(text) else ([], 0)
        powers = [power for _, power in terms]
        if not terms or powers != sorted({*powers}, reverse=True) or _written(terms, x) != text:
            raise ScratchpadError(
                "polynomials: a question needs terms with falling powers, in Python's notation, and a whole number x, "
                f"written `Evaluate TERMS at x = NUMBER`; given: {text!r}"
            )

    def fitted_to(self, question: Symbols) -> Self:
        degree = max(1, _read(question)[0][0][1])
        return replace(self, degree=Lengths(degree, degree))


@lru_cache(maxsize=64)
def _read(question: Symbols) -> tuple[list[Term], int]:
    """Return the terms of the polynomial in a question, and the value of x."""
    found = _QUESTION.fullmatch("".join(question))
    if not found:
        raise ValueError(f"not a question of polynomials: {''.join(question)}")
    return [_parsed(term) for term in found[1].replace(" - ", " + -").split(" + ")], int(found[2])


def _read_state(terms: list[Term], state: Symbols) -> tuple[int, Term, int]:
    """Return the parts of a state: the index of a term, the partly evaluated term, and the sum of the earlier terms.

    Raises ValueError if `state` is not a state of this polynomial.
    """
    found = _STATE.fullmatch("".join(state))
    names = [_term(*term) for term in terms]
    if not found or found[1] not in names:
        raise ValueError(f"not a state of this polynomial: {''.join(state)}")
    place, total = names.index(found[1]), int(found[5])
    work = int(found[2]), int(found[4] or 1) if found[3] else 0
    is_possible = work == terms[place] or work[1] < terms[place][1]
    if not is_possible or _state(terms[place], work, total) != state:
        raise ValueError(f"the term {found[1]} never has this state: {''.join(state)}")
    return place, work, total


def _parsed(term: str) -> Term:
    front, x, power = term.partition("x")
    if not x:
        return int(front), 0
    return int(front.removesuffix("*") if "*" in front else f"{front}1"), int(power.removeprefix("**") or 1)


def _term(coefficient: int, power: int) -> str:
    """Return a term in Python's notation, such as `-7*x**2`, `x` or `5`."""
    if power == 0:
        return str(coefficient)
    factor = {1: "", -1: "-"}.get(coefficient, f"{coefficient}*")
    return f"{factor}x" + (f"**{power}" if power > 1 else "")


def _written(terms: list[Term], x: int) -> str:
    return f"Evaluate {' + '.join(_term(*term) for term in terms).replace(' + -', ' - ')} at x = {x}"


def _state(term: Term, work: Term, total: int) -> Symbols:
    """Return the state of `term`. `work`: the partly evaluated term. `total`: the sum of the earlier terms."""
    coefficient, power = work
    unknown = f"*x{f'**{power}' if power > 1 else ''}" if power else ""
    return letters(f"{_term(*term)}: {coefficient}{unknown}; total: {total}")
