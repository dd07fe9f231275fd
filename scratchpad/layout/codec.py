"""The interface that converts symbols to a model's tokens and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from scratchpad.tasks.document import Document


class Codec(Protocol):
    """A converter of symbols to token numbers and back.

    Each mark (`<pad> <start> <sep> <end>`) is one token; a symbol may be several tokens.
    `Vocabulary` is the codec of models trained from scratch; a tokenizer can be another codec.
    """

    def __len__(self) -> int:
        """Return the number of tokens; token numbers start at 0."""
        ...

    def number(self, mark: str, /) -> int:
        """Return the token of a mark."""
        ...

    def mark(self, token: int, /) -> str | None:
        """Return the mark of a token, or None if the token is not a mark."""
        ...

    def encode(self, symbols: Sequence[str], /) -> tuple[int, ...]:
        """Return the tokens of symbols. Raises ScratchpadError if a symbol cannot be encoded."""
        ...

    def decode(self, tokens: Iterable[int], /) -> tuple[str, ...]:
        """Return the symbols of tokens."""
        ...

    def encode_document(self, document: Document[str], /) -> Document[int]:
        """Return the document in tokens. A state is encoded alone, so it has the same tokens when it is a context."""
        ...

    def unknown(self, symbols: Iterable[str], /) -> list[str]:
        """The symbols that cannot be encoded, sorted, each once."""
        ...

    def to_json(self) -> list[str]:
        """What config.json keeps. Two codecs with equal values here encode every text in the same way."""
        ...
