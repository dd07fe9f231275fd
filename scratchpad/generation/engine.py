"""Writing documents state by state. The engine keeps each row's state and limits; a decoder gives the logits.

The same engine runs over our own model with its cache, and over any callable that gives logits (`references`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
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
    """What a fed token is: more of the prompt (a preamble), more of a state, or a state's last token."""

    PROMPT = "prompt"
    STATE = "state"
    TERMINATOR = "terminator"


class Decoder(Protocol):
    """What gives logits. R rows are in the batch, V symbols in the vocabulary."""

    context: int | None
    """How many positions there are, or None for no limit."""

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        """Read prompts and given states; logits (R, V) of what follows."""
        ...

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        """Feed each row one token; logits (R, V) of what follows. After a TERMINATOR that is the next state."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows (by their place in the batch) go on."""
        ...

    def held_bytes(self) -> list[int]:
        """Memory of the keys and values that it holds now, row by row."""
        ...


@dataclass(frozen=True)
class Opening:
    """What a document begins with: the prompt, or where that is empty the given first state, terminated.

    `unfinished`: the model writes the rest of the prompt itself, up to <start> (a preamble).
    """

    prompt: State
    given: State = ()
    unfinished: bool = False

    @classmethod
    def of(cls, document: Document[int]) -> Opening:
        if not document.prompt:
            return cls((), document.states[0])
        given = len(document.prompt) - document.preamble
        return cls(document.prompt[:given], unfinished=document.preamble > 0)


@dataclass(frozen=True)
class Limits:
    """state_tokens: most tokens of one state (or of a preamble); states: most states of a chain."""

    state_tokens: int = 1024
    states: int = 1024

    def __post_init__(self) -> None:
        if self.state_tokens < 1 or self.states < 1:
            raise ScratchpadError(f"limits are at least 1; given: {self}")


@dataclass(frozen=True)
class Wrote:
    """Row `row` completed a state (terminator included), or ended with a status: done, loop, max-states, max-tokens.

    held_bytes: the most that keys and values of the row took at once so far.
    """

    row: int
    state: State | None
    status: str | None = None
    held_bytes: int = 0


@dataclass
class Written:
    """All that a row wrote. On max-tokens the unfinished state is the last of `states`. held_bytes: as in `Wrote`."""

    states: list[State] = field(default_factory=list)
    status: str = ""
    held_bytes: int = field(default=0, compare=False)

    @property
    def tokens(self) -> int:
        return sum(map(len, self.states))


@dataclass
class _Row:
    """A row while it is being written. `memory` and `laps` are Brent's: they find a cycle with one saved state."""

    number: int
    prompt_length: int
    writing_prompt: bool
    context_length: int
    state: list[int] = field(default_factory=list)
    states: int = 0
    memory: State | None = None
    laps: int = 0
    next_save: int = 1
    held_bytes: int = 0

    def repeats(self, state: State) -> bool:
        if state == self.memory:
            return True
        self.laps += 1
        if self.laps == self.next_save:
            self.memory, self.laps, self.next_save = state, 0, self.next_save * 2
        return False

    def full(self, limits: Limits, context: int | None) -> bool:
        used = self.prompt_length + self.context_length + len(self.state)
        return len(self.state) >= limits.state_tokens or (context is not None and used >= context)


@dataclass
class Engine:
    """Writes documents with a decoder.

    inductive: <sep> ends a state (elsewhere it is an ordinary symbol of the one state). detect_loops: a greedy chain
    that repeats a state would never end, and ends with status `loop`; not for a `choose` that samples.
    """

    decoder: Decoder
    vocabulary: Codec
    inductive: bool = True
    limits: Limits = field(default_factory=Limits)
    detect_loops: bool = True

    def stream(self, openings: Sequence[Opening], choose: Choose, first_row: int = 0) -> Iterator[Wrote]:
        """Write all rows as one batch; yield each state when it is completed and each row's status when it ends."""
        self._check(openings)
        rows = [
            _Row(first_row + i, len(o.prompt), o.unfinished, len(o.given), states=bool(o.given))
            for i, o in enumerate(openings)
        ]
        logits = self.decoder.begin(openings)
        while rows:
            for row, held_bytes in zip(rows, self.decoder.held_bytes(), strict=True):
                row.held_bytes = max(row.held_bytes, held_bytes)
            tokens = choose(logits, [row.number for row in rows])
            parts, going = [], []
            for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                part = self._take(row, token)
                events, ended = self._after(row, part, token)
                yield from events
                if not ended:
                    parts.append(part)
                    going.append(place)
            if len(going) < len(rows):
                self.decoder.keep(going)
                rows, tokens = [rows[i] for i in going], [tokens[i] for i in going]
            if rows:
                logits = self.decoder.advance(tokens, parts)

    def write(self, openings: Sequence[Opening], sampling: Sampling | None = None, batch: int = 64) -> list[Written]:
        """Write all rows, `batch` of them at a time, and collect what they wrote. Sampled chains may repeat states."""
        chosen = sampling or Sampling()
        writer, choose = (
            dataclasses.replace(self, detect_loops=self.detect_loops and chosen.is_greedy),
            chosen.chooser(),
        )
        results = [Written() for _ in openings]
        for start in range(0, len(openings), batch):
            for event in writer.stream(openings[start : start + batch], choose, start):
                if event.state is not None:
                    results[event.row].states.append(event.state)
                if event.status is not None:
                    results[event.row].status = event.status
                results[event.row].held_bytes = event.held_bytes
        return results

    def _check(self, openings: Sequence[Opening]) -> None:
        room = self.decoder.context
        # a given state may fill it: such a chain ends at once
        longest = max(len(opening.prompt) + len(opening.given) - bool(opening.given) for opening in openings)
        if room is not None and longest >= room:
            raise ScratchpadError(
                f"a prompt of {longest} tokens leaves no room: the model has {room} positions (model.context)"
            )
        if not all(opening.prompt or opening.given for opening in openings):
            raise ScratchpadError("a document begins with a prompt or with a given first state; both are empty")

    def _take(self, row: _Row, token: int) -> Part:
        """Add the token to its row and say what it is."""
        mark = self.vocabulary.mark(token)
        row.state.append(token)
        if row.writing_prompt:
            return Part.PROMPT
        ends = mark == END or (mark == SEP and self.inductive)
        return Part.TERMINATOR if ends else Part.STATE

    def _after(self, row: _Row, part: Part, token: int) -> tuple[list[Wrote], bool]:
        """What is to be told after a token, and whether the row has ended."""
        if part is Part.TERMINATOR:
            return self._state_done(row, self.vocabulary.mark(token) == END)
        if part is Part.PROMPT and self.vocabulary.mark(token) == START:
            row.prompt_length += len(row.state)
            row.writing_prompt, row.state = False, []
        if row.full(self.limits, self.decoder.context):
            return [Wrote(row.number, tuple(row.state), "max-tokens", row.held_bytes)], True
        return [], False

    def _state_done(self, row: _Row, last: bool) -> tuple[list[Wrote], bool]:
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
        return [Wrote(row.number, state, status, row.held_bytes)], status is not None
