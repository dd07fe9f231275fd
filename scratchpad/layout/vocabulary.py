"""The vocabulary, which numbers the marks first, then the symbols of the task's alphabet in a fixed order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.document import MARKS, Document, listed


class Vocabulary:
    """A `Codec` in which every symbol is one token. Runs save their vocabulary, so token numbers never change."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = (*MARKS, *symbols)
        repeated = sorted(symbol for symbol, count in Counter(self.symbols).items() if count > 1)
        if repeated:
            raise ScratchpadError(f"remove marks and repeated symbols from the alphabet: {', '.join(repeated)}")
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def number(self, symbol: str) -> int:
        """Return the token number of a symbol. Raises ScratchpadError if the vocabulary does not have the symbol."""
        if symbol not in self._numbers:
            raise ScratchpadError(
                f"symbol {symbol!r} is not in the vocabulary of {len(self)} symbols: {listed(self.symbols[:30])}"
                + (" ..." if len(self) > 30 else "")
            )
        return self._numbers[symbol]

    def mark(self, token: int) -> str | None:
        return MARKS[token] if token < len(MARKS) else None

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        return sorted({*symbols} - self._numbers.keys())

    def to_json(self) -> list[str]:
        return list(self.symbols)

    def encode(self, symbols: Sequence[str]) -> tuple[int, ...]:
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
