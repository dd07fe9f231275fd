"""A document: the text that a model is trained on and evaluated with. It is a prompt, then the states of a chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from scratchpad.errors import ScratchpadError

Symbol = TypeVar("Symbol", str, int)
"""A symbol as text, or its number in a vocabulary."""

PAD, START, SEP, END, FILLER = "<pad>", "<start>", "<sep>", "<end>", "<filler>"
MARKS = (PAD, START, SEP, END, FILLER)
TAGS = ("<scratch>", "</scratch>")
"""Symbols of the papers' own texts that are several characters long, like marks."""
_LETTERS = re.compile("|".join((*map(re.escape, (*MARKS, *TAGS)), ".")), re.DOTALL)
PAPER_MARKS = {START: ":", SEP: "#", END: ".", FILLER: "\N{MIDDLE DOT}"}


@dataclass(frozen=True, slots=True)
class Document(Generic[Symbol]):
    """A prompt and the states written after it.

    prompt: the permanent memory that every state sees. preamble: the model writes the last `preamble` symbols of the
    prompt itself, and they are scored. states: each ends with its terminator (<sep>, or <end> for the last state of
    the chain). within: the document is a part of a chain; its first state is the one before that part.
    With `within` or an empty prompt the first state is given, not scored. A direct answer is a document of one state.
    """

    prompt: tuple[Symbol, ...]
    states: tuple[tuple[Symbol, ...], ...]
    preamble: int = 0
    within: bool = False

    def __post_init__(self) -> None:
        if not self.states or not all(self.states):
            raise ScratchpadError("a document has at least one state, and no state is empty")
        if self.first_given and len(self.states) == 1:
            where = "within a chain" if self.within else "without a prompt"
            raise ScratchpadError(f"a document {where} needs two states: the first one is given")
        if not 0 <= self.preamble <= max(len(self.prompt) - 1, 0):
            raise ScratchpadError(
                f"a preamble of {self.preamble} symbols in a prompt of {len(self.prompt)}: "
                "at least one symbol of the prompt must be given"
            )

    @property
    def first_given(self) -> bool:
        """Whether the first state is given, not scored."""
        return self.within or not self.prompt

    def symbols(self) -> list[Symbol]:
        """Return the prompt and then every state once."""
        return [*self.prompt, *(symbol for state in self.states for symbol in state)]


def terminated(chain: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the states of a whole chain with their terminators: <sep>, and <end> for the last."""
    last = len(chain) - 1
    return tuple((*state, END if i == last else SEP) for i, state in enumerate(chain))


def bare(state: Sequence[str]) -> tuple[str, ...]:
    """Return a state without its terminator."""
    return tuple(state[:-1]) if state and state[-1] in (SEP, END) else tuple(state)


def joined(chain: Sequence[Sequence[str]], separator: str = SEP) -> tuple[str, ...]:
    """Return the states in order with a separator between them."""
    return tuple(symbol for i, state in enumerate(chain) for symbol in ((separator,) if i else ()) + tuple(state))


def after_last(separator: str, text: tuple[str, ...]) -> tuple[str, ...]:
    """Return the symbols after the last separator of a text; the whole text where it has none."""
    return text[len(text) - text[::-1].index(separator) :] if separator in text else text


def in_paper_marks(symbols: Sequence[str]) -> tuple[str, ...]:
    """Replace marks by the papers' signs: `:` for <start>, `#` for <sep>, `.` for <end>."""
    return tuple(PAPER_MARKS.get(symbol, symbol) for symbol in symbols)


def letters(text: str) -> tuple[str, ...]:
    """Cut text into symbols: one per character, and one per mark or tag."""
    return tuple(_LETTERS.findall(text))


def is_wide(symbols: Iterable[str]) -> bool:
    """Whether text needs spaces between these symbols: one that is not a mark or tag has several characters."""
    return any(len(symbol) > 1 and symbol not in MARKS and symbol not in TAGS for symbol in symbols)


def as_text(symbols: Sequence[str], paper: bool = False) -> str:
    """Join symbols to text, with spaces between them where a symbol has several characters (see `is_wide`)."""
    symbols = in_paper_marks(symbols) if paper else symbols
    return (" " if is_wide(symbols) else "").join(symbols)


def listed(symbols: Iterable[str]) -> str:
    """Join symbols for a message, with spaces between them and invisible ones as Python writes them."""
    return " ".join(symbol if symbol.isprintable() and symbol.strip() else repr(symbol) for symbol in symbols)
