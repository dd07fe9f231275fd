"""A document: what a model is trained on and evaluated with. A prompt, then the states of the chain."""

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
"""Symbols of the papers' own texts that stand out among characters, as marks do."""
_LETTERS = re.compile("|".join((*map(re.escape, (*MARKS, *TAGS)), ".")), re.DOTALL)
PAPER_MARKS = {START: ":", SEP: "#", END: ".", FILLER: "\N{MIDDLE DOT}"}


@dataclass(frozen=True, slots=True)
class Document(Generic[Symbol]):
    """A prompt and the states written after it.

    `prompt` is the permanent memory that every state sees. The model itself writes its last `preamble`
    symbols (0: none); they are scored. Each state ends with its terminator (<sep>, or <end> for the last).
    Where the prompt is empty, or with `within`, the first state is given, not scored: `within` documents are a part
    of a chain, behind that state. A direct answer is a document with one state.
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
        """The text: the prompt and every state once."""
        return [*self.prompt, *(symbol for state in self.states for symbol in state)]


def terminated(chain: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The chain's states with their terminators: <sep>, and <end> for the last."""
    last = len(chain) - 1
    return tuple((*state, END if i == last else SEP) for i, state in enumerate(chain))


def bare(state: Sequence[str]) -> tuple[str, ...]:
    """A state without its terminator."""
    return tuple(state[:-1]) if state and state[-1] in (SEP, END) else tuple(state)


def joined(chain: Sequence[Sequence[str]], separator: str = SEP) -> tuple[str, ...]:
    """The states in order with a separator between them."""
    return tuple(symbol for i, state in enumerate(chain) for symbol in ((separator,) if i else ()) + tuple(state))


def after_last(separator: str, text: tuple[str, ...]) -> tuple[str, ...]:
    """What follows the last separator of a text; the whole text where it has none."""
    return text[len(text) - text[::-1].index(separator) :] if separator in text else text


def in_paper_marks(symbols: Sequence[str]) -> tuple[str, ...]:
    """The symbols with marks as the papers print them: `:` for <start>, `#` for <sep>, `.` for <end>."""
    return tuple(PAPER_MARKS.get(symbol, symbol) for symbol in symbols)


def letters(text: str) -> tuple[str, ...]:
    """Text as symbols: one a character, and one for each mark and tag."""
    return tuple(_LETTERS.findall(text))


def is_wide(symbols: Iterable[str]) -> bool:
    """Whether a text of these symbols needs spaces between them: one, no mark or tag, has several characters."""
    return any(len(symbol) > 1 and symbol not in MARKS and symbol not in TAGS for symbol in symbols)


def as_text(symbols: Sequence[str], paper: bool = False) -> str:
    """Symbols as one line: joined, or with spaces between where a symbol has several characters."""
    symbols = in_paper_marks(symbols) if paper else symbols
    return (" " if is_wide(symbols) else "").join(symbols)


def listed(symbols: Iterable[str]) -> str:
    """Symbols on one line of a message, with spaces between: those that would not be seen, as Python writes them."""
    return " ".join(symbol if symbol.isprintable() and symbol.strip() else repr(symbol) for symbol in symbols)
