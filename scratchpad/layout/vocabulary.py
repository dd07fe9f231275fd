"""The numbers of symbols: first the marks, then the task's alphabet in a fixed order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.document import MARKS, Document, listed


class Vocabulary:
    """The `Codec` of an ordered set of symbols, one token each. Every run saves it, so numbers do not change."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = (*MARKS, *symbols)
        repeated = sorted(symbol for symbol, count in Counter(self.symbols).items() if count > 1)
        if repeated:
            raise ScratchpadError(f"an alphabet has each symbol once and no mark; remove: {', '.join(repeated)}")
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def number(self, symbol: str) -> int:
        """Return the number of a symbol. Raises ScratchpadError if the symbol is not in the vocabulary."""
        if symbol not in self._numbers:
            raise ScratchpadError(
                f"symbol {symbol!r} is not in the vocabulary of {len(self)} symbols: {listed(self.symbols[:30])}"
                + (" ..." if len(self) > 30 else "")
            )
        return self._numbers[symbol]

    def mark(self, token: int) -> str | None:
        """Return the mark of a token, or None if the token is not a mark."""
        return MARKS[token] if token < len(MARKS) else None

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that are not in the vocabulary, sorted, each once."""
        return sorted({*symbols} - self._numbers.keys())

    def to_json(self) -> list[str]:
        """Return all symbols in order, the marks first."""
        return list(self.symbols)

    def encode(self, symbols: Sequence[str]) -> tuple[int, ...]:
        """Return the numbers of symbols. Raises ScratchpadError if a symbol is not in the vocabulary."""
        try:
            return tuple(map(self._numbers.__getitem__, symbols))
        except KeyError as error:
            self.number(error.args[0])
            raise

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(map(self.symbols.__getitem__, numbers))

    def encode_document(self, document: Document[str]) -> Document[int]:
        states = tuple(map(self.encode, document.states))
        return Document(self.encode(document.prompt), states, document.preamble, document.within)
