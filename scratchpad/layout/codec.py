"""The interface of a codec, which converts symbols to token numbers and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from scratchpad.tasks.document import Document


class Codec(Protocol):
    """A converter of symbols to token numbers and back.

    Each mark (`<pad> <start> <sep> <end>`) is one token. Any other symbol may become several tokens.
    `Vocabulary` is the codec of models trained from scratch. The tokenizer of another model can be wrapped as a codec.
    """

    def __len__(self) -> int:
        """Return the number of tokens; token numbers start at 0."""
        ...

    def number(self, mark: str, /) -> int:
        """Return the token number of a mark."""
        ...

    def mark(self, token: int, /) -> str | None:
        """Return the mark that a token number stands for, or None if the token is not a mark."""
        ...

    def encode(self, symbols: Sequence[str], /) -> tuple[int, ...]:
        """Return the token numbers of symbols. Raises ScratchpadError if a symbol cannot be encoded."""
        ...

    def decode(self, tokens: Iterable[int], /) -> tuple[str, ...]:
        """Return the symbols for token numbers."""
        ...

    def encode_document(self, document: Document[str], /) -> Document[int]:
        """Return the document with token numbers. Each state is encoded independently of its neighbours."""
        ...

    def unknown(self, symbols: Iterable[str], /) -> list[str]:
        """Return the symbols that cannot be encoded, sorted and without duplicates."""
        ...

    def to_json(self) -> list[str]:
        """Return the codec's entry in config.json. Codecs with equal entries encode every text in the same way."""
        ...
