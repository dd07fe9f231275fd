"""Documents: the texts on which models are trained and evaluated. A document is a prompt and a chain of states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from scratchpad.errors import ScratchpadError

Symbol = TypeVar("Symbol", str, int)
"""A symbol is a text, or the number of that text in a vocabulary."""

PAD, START, SEP, END, FILLER = "<pad>", "<start>", "<sep>", "<end>", "<filler>"
MARKS = (PAD, START, SEP, END, FILLER)
TAGS = ("<scratch>", "</scratch>")
"""Symbols of several characters in the texts of the papers."""
_LETTERS = re.compile("|".join((*map(re.escape, (*MARKS, *TAGS)), ".")), re.DOTALL)
PAPER_MARKS = {START: ":", SEP: "#", END: ".", FILLER: "\N{MIDDLE DOT}"}


@dataclass(frozen=True, slots=True)
class Document(Generic[Symbol]):
    """A prompt and a chain of states. A direct answer is a chain of one state.

    `prompt`: the symbols that every state sees.
    `states`: the states. Each state ends with <sep>, but the last state of a whole chain ends with <end>.
    `preamble`: the number of symbols at the end of the prompt that the model must write itself.
    `within`: whether the chain's beginning is left out. If it is, or if the prompt is empty, `states[0]` is only input.
    """

    prompt: tuple[Symbol, ...]
    states: tuple[tuple[Symbol, ...], ...]
    preamble: int = 0
    within: bool = False

    def __post_init__(self) -> None:
        if not self.states or not all(self.states):
            raise ScratchpadError("a document must have at least one state, and no state may be empty")
        if self.first_given and len(self.states) == 1:
            where = "that starts inside a chain" if self.within else "without a prompt"
            raise ScratchpadError(f"a document {where} needs at least two states: the first state is only an input")
        if not 0 <= self.preamble <= max(len(self.prompt) - 1, 0):
            raise ScratchpadError(
                f"a preamble of {self.preamble} symbols does not fit into a prompt of {len(self.prompt)} symbols. "
                f"Set preamble to a number from 0 to {max(len(self.prompt) - 1, 0)}."
            )

    @property
    def first_given(self) -> bool:
        """Whether the first state is only an input. The model does not write this state, and the loss ignores it."""
        return self.within or not self.prompt

    def symbols(self) -> list[Symbol]:
        """Return the symbols of the prompt, then the symbols of all states."""
        return [*self.prompt, *(symbol for state in self.states for symbol in state)]


def terminated(chain: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Append a terminator to each state of a whole chain: <end> to the last state, <sep> to all other states."""
    last = len(chain) - 1
    return tuple((*state, END if i == last else SEP) for i, state in enumerate(chain))


def bare(state: Sequence[str]) -> tuple[str, ...]:
    """Return a state without its terminator."""
    return tuple(state[:-1]) if state and state[-1] in (SEP, END) else tuple(state)


def joined(chain: Sequence[Sequence[str]], separator: str = SEP) -> tuple[str, ...]:
    """Return the symbols of all states, with a separator between neighbouring states."""
    return tuple(symbol for i, state in enumerate(chain) for symbol in ((separator,) if i else ()) + tuple(state))


def after_last(separator: str, text: tuple[str, ...]) -> tuple[str, ...]:
    """Return the symbols after the last separator of a text, or the whole text if there is no separator."""
    return text[len(text) - text[::-1].index(separator) :] if separator in text else text


def in_paper_marks(symbols: Sequence[str]) -> tuple[str, ...]:
    """Replace marks by the signs that the papers print: `:` for <start>, `#` for <sep>, `.` for <end>."""
    return tuple(PAPER_MARKS.get(symbol, symbol) for symbol in symbols)


def letters(text: str) -> tuple[str, ...]:
    """Cut text into symbols: marks such as <sep>, tags such as <scratch>, and single characters."""
    return tuple(_LETTERS.findall(text))


def is_wide(symbols: Iterable[str]) -> bool:
    """Return whether any symbol, except marks and tags, has several characters. Text then needs spaces."""
    return any(len(symbol) > 1 and symbol not in MARKS and symbol not in TAGS for symbol in symbols)


def as_text(symbols: Sequence[str], paper: bool = False) -> str:
    """Join symbols into text, with spaces if `is_wide(symbols)`. `paper`: whether to write marks as the papers do."""
    symbols = in_paper_marks(symbols) if paper else symbols
    return (" " if is_wide(symbols) else "").join(symbols)


def listed(symbols: Iterable[str]) -> str:
    """Join symbols with spaces, for a message. An invisible symbol becomes a Python literal such as '\\n'."""
    return " ".join(symbol if symbol.isprintable() and symbol.strip() else repr(symbol) for symbol in symbols)
