"""Generation state by state. The engine tracks rows and limits; a decoder (see `cache`, `uncached`) computes logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from torch import Tensor

from scratchpad.errors import ScratchpadError
from scratchpad.generation.sampling import Choose, Sampling
from scratchpad.layout.codec import Codec
from scratchpad.tasks.document import END, SEP, START, Document

State = tuple[int, ...]


class Part(Enum):
    """The part of a document that a written token belongs to. PROMPT: a preamble; TERMINATOR: a state's last token."""

    PROMPT = "prompt"
    STATE = "state"
    TERMINATOR = "terminator"


class Decoder(Protocol):
    """The interface that computes logits for the engine. Shapes: R rows, V tokens in the vocabulary."""

    context: int | None
    """The model's number of positions. None means no limit."""

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        """Read the openings of R rows. Return the logits (R, V) of the next tokens."""
        ...

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        """Append one token to each row. Return the logits (R, V) of the next tokens.

        parts: the part that each token belongs to. After a TERMINATOR, the logits are for the next state's first token.
        """
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only the rows with these indices in the batch."""
        ...

    def held_bytes(self) -> list[int]:
        """Return the memory in bytes of each row's keys and values."""
        ...


@dataclass(frozen=True)
class Opening:
    """The beginning of a document, from which a model continues: a prompt, a given state, or both.

    given: a complete state, from which the model writes the next state. unfinished: whether the model first writes the
    rest of the prompt (a preamble), up to <start>.
    """

    prompt: State
    given: State = ()
    unfinished: bool = False

    @classmethod
    def of(cls, document: Document[int]) -> Opening:
        """Return a document's opening: its prompt without the preamble, or its first state if the prompt is empty."""
        if not document.prompt:
            return cls((), document.states[0])
        given = len(document.prompt) - document.preamble
        return cls(document.prompt[:given], unfinished=document.preamble > 0)


@dataclass(frozen=True)
class Limits:
    """The largest number of tokens in a state (or in a preamble), and the largest number of states in a chain."""

    state_tokens: int = 1024
    states: int = 1024

    def __post_init__(self) -> None:
        if self.state_tokens < 1 or self.states < 1:
            raise ScratchpadError(f"each limit must be at least 1; given: {self}")


@dataclass(frozen=True)
class RowEvent:
    """An event in row `row`: a state is complete, the row has ended, or both.

    state: the tokens of the state. With status max-tokens, the state is unfinished. status: why the row ended (done,
    loop, max-states or max-tokens), or None if the row has not ended. held_bytes: the most bytes that the row's keys
    and values have taken.
    """

    row: int
    state: State | None
    status: str | None = None
    held_bytes: int = 0


@dataclass
class Chain:
    """All states of a row. With the status max-tokens the last state is unfinished. held_bytes: see `RowEvent`."""

    states: list[State] = field(default_factory=list)
    status: str = ""
    held_bytes: int = field(default=0, compare=False)

    @property
    def tokens(self) -> int:
        return sum(map(len, self.states))


@dataclass
class _ActiveRow:
    """A row that is being written.

    Brent's algorithm finds a repeated state with one saved state. It saves the current state after 1, 2, 4, 8 ...
    states. In a loop, some saved state occurs again before the next save, because the pauses between saves grow.
    """

    number: int
    prompt_length: int
    writing_prompt: bool
    context_length: int
    state: list[int] = field(default_factory=list)
    states: int = 0
    saved: State | None = None
    since_save: int = 0
    next_save: int = 1
    held_bytes: int = 0

    def repeats(self, state: State) -> bool:
        """Return whether the state equals the saved state. Save the state if a save is due."""
        if state == self.saved:
            return True
        self.since_save += 1
        if self.since_save == self.next_save:
            self.saved, self.since_save, self.next_save = state, 0, self.next_save * 2
        return False

    def is_full(self, limits: Limits, context: int | None) -> bool:
        used = self.prompt_length + self.context_length + len(self.state)
        return len(self.state) >= limits.state_tokens or (context is not None and used >= context)


@dataclass
class Engine:
    """A writer of documents that uses a decoder.

    inductive: whether <sep> ends a state. If False, <sep> is an ordinary symbol in the only state. detect_loops:
    whether a repeated state ends the chain with the status `loop`. Only sampled chains can leave a loop.
    """

    decoder: Decoder
    vocabulary: Codec
    inductive: bool = True
    limits: Limits = field(default_factory=Limits)
    detect_loops: bool = True

    def stream(self, openings: Sequence[Opening], choose: Choose, first_row: int = 0) -> Iterator[RowEvent]:
        """Write all rows as one batch. The first row has the number `first_row`. Yield the events of all rows."""
        self._check(openings)
        rows = [
            _ActiveRow(first_row + i, len(o.prompt), o.unfinished, len(o.given), states=bool(o.given))
            for i, o in enumerate(openings)
        ]
        logits = self.decoder.begin(openings)
        while rows:
            for row, held_bytes in zip(rows, self.decoder.held_bytes(), strict=True):
                row.held_bytes = max(row.held_bytes, held_bytes)
            tokens = choose(logits, [row.number for row in rows])
            parts, active = [], []
            for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                part = self._take(row, token)
                events, ended = self._after(row, part, token)
                yield from events
                if not ended:
                    parts.append(part)
                    active.append(place)
            if len(active) < len(rows):
                self.decoder.keep(active)
                rows, tokens = [rows[i] for i in active], [tokens[i] for i in active]
            if rows:
                logits = self.decoder.advance(tokens, parts)

    def write(
        self,
        openings: Sequence[Opening],
        sampling: Sampling | None = None,
        batch: int = 64,
        on_count: Callable[[int], None] = lambda count: None,
        on_state: Callable[[int, int, State], None] = lambda row, index, state: None,
    ) -> list[Chain]:
        """Write all rows, at most `batch` rows at a time, and return their chains.

        on_count: a function that receives the number of finished chains after each chain. on_state: a function that
        receives the row number, the index in the chain and the tokens of each complete state.
        """
        self._check(openings)
        chosen = sampling or Sampling()
        writer = dataclasses.replace(self, detect_loops=self.detect_loops and chosen.is_greedy)
        choose = chosen.chooser()
        results, finished = [Chain() for _ in openings], 0
        for start in range(0, len(openings), batch):
            for event in writer.stream(openings[start : start + batch], choose, start):
                if event.state is not None:
                    results[event.row].states.append(event.state)
                    on_state(event.row, len(results[event.row].states) - 1, event.state)
                if event.status is not None:
                    results[event.row].status = event.status
                    finished += 1
                    on_count(finished)
                results[event.row].held_bytes = event.held_bytes
        return results

    def _check(self, openings: Sequence[Opening]) -> None:
        room = self.decoder.context
        # a state given by the caller may already fill the context: the chain then ends at the next token
        lengths = [len(opening.prompt) + len(opening.given) - bool(opening.given) for opening in openings]
        longest = max(lengths, default=0)
        if room is not None and longest >= room:
            raise ScratchpadError(
                f"a prompt of {longest} tokens leaves no room in the model's {room} positions (model.context)"
            )
        if not all(opening.prompt or opening.given for opening in openings):
            raise ScratchpadError("the prompt and the first state are both empty. Give a prompt or a state")

    def _take(self, row: _ActiveRow, token: int) -> Part:
        mark = self.vocabulary.mark(token)
        row.state.append(token)
        if row.writing_prompt:
            return Part.PROMPT
        ends = mark == END or (mark == SEP and self.inductive)
        return Part.TERMINATOR if ends else Part.STATE

    def _after(self, row: _ActiveRow, part: Part, token: int) -> tuple[list[RowEvent], bool]:
        """Return the events after a token, and whether the row has ended."""
        if part is Part.TERMINATOR:
            return self._state_done(row, self.vocabulary.mark(token) == END)
        if part is Part.PROMPT and self.vocabulary.mark(token) == START:
            row.prompt_length += len(row.state)
            row.writing_prompt, row.state = False, []
        if row.is_full(self.limits, self.decoder.context):
            return [RowEvent(row.number, tuple(row.state), "max-tokens", row.held_bytes)], True
        return [], False

    def _state_done(self, row: _ActiveRow, last: bool) -> tuple[list[RowEvent], bool]:
        """Return events after a complete state, and whether the row has ended. last: whether <end> ended the state."""
        state = tuple(row.state)
        row.states += 1
        status = None
        if last:
            status = "done"
        elif self.detect_loops and row.repeats(state):
            status = "loop"
        elif row.states >= self.limits.states:
            status = "max-states"
        row.context_length, row.state = len(state), []
        return [RowEvent(row.number, state, status, row.held_bytes)], status is not None
