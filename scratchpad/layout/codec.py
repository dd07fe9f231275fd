"""What turns symbols into a model's tokens and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from scratchpad.tasks.document import Document


class Codec(Protocol):
    """Symbols to token numbers and back. Each mark (`<pad> <start> <sep> <end>`) is one token; a symbol may be several.

    `Vocabulary` is the codec of models trained from scratch; a tokenizer can be another one.
    """

    def __len__(self) -> int:
        """How many tokens there are; their numbers begin at 0."""
        ...

    def number(self, mark: str, /) -> int:
        """The token of a mark."""
        ...

    def mark(self, token: int, /) -> str | None:
        """The mark that a token is; None for any other token."""
        ...

    def encode(self, symbols: Sequence[str], /) -> tuple[int, ...]:
        """The tokens of symbols. ScratchpadError for a symbol that cannot be encoded: never a default."""
        ...

    def decode(self, tokens: Iterable[int], /) -> tuple[str, ...]:
        """The symbols of tokens."""
        ...

    def encode_document(self, document: Document[str], /) -> Document[int]:
        """The document in tokens; each state is encoded by itself, so that it has the same tokens as context."""
        ...

    def unknown(self, symbols: Iterable[str], /) -> list[str]:
        """The symbols that cannot be encoded, sorted, each once."""
        ...

    def to_json(self) -> list[str]:
        """What config.json keeps. Two codecs with equal values here encode every text in the same way."""
        ...
