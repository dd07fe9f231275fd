"""Training rows of a document. A row has the tokens of one forward pass: the prompt, then one or more transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal

import numpy as np

from scratchpad.errors import ScratchpadError
from scratchpad.layout.attention_rule import PROMPT, block_positions, sees
from scratchpad.tasks.document import Document, Symbol

Budget = int | Literal["split", "packed"]


@dataclass(slots=True)
class Row(Generic[Symbol]):
    """A training row. `scored` says for each token whether the loss counts it."""

    tokens: list[Symbol] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    scored: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    def visible(self) -> list[list[list[int]]]:
        """Return, for each token, the half-open index ranges that it sees (itself included), sorted and merged."""
        segments, places = np.array(self.segments), np.arange(len(self))
        seen = sees(segments[:, None], segments[None, :], places[:, None], places[None, :])
        edges = np.diff(np.pad(seen.astype(np.int8), ((0, 0), (1, 1))), axis=1)
        return [np.flatnonzero(edge).reshape(-1, 2).tolist() for edge in edges]


def rows(document: Document[Symbol], budget: Budget = "packed", question_loss: bool = False) -> list[Row[Symbol]]:
    """Write a document as rows of at most `budget` tokens. Each row has the prompt and all transitions that still fit.

    A transition is a state with the previous state as its context. Budget `split` gives one transition per row, and
    `packed` a single row. The loss counts each token of a state once, except in a first state that is only an input. In
    the first row, the loss also counts the preamble, or with `question_loss` the whole prompt without its first token.
    So every budget gives the same loss. Raises ScratchpadError if the prompt and one transition exceed the budget.
    """
    made: list[Row[Symbol]] = []
    row: Row[Symbol] | None = None
    for context, state in _transitions(document):
        size = len(context) + len(state)
        if row is None or budget == "split" or (budget != "packed" and len(row) + size > budget):
            row = _prompt_row(document, question_loss, first=not made)
            if isinstance(budget, int) and len(row) + size > budget:
                raise ScratchpadError(
                    f"a budget of {budget} tokens is too small. The prompt and one transition need {len(row) + size}"
                )
            made.append(row)
        _add_block(row, len(document.prompt), context, state)
    return made


def positions_needed(document: Document[Symbol]) -> int:
    """Return the number of positions that a document needs: the tokens of the prompt plus the longest transition."""
    return len(document.prompt) + max(len(context) + len(state) for context, state in _transitions(document))


def check_context(needed: Sequence[int], context: int | None) -> None:
    """Raise ScratchpadError if a document needs more positions than the model has.

    needed: the result of `positions_needed` for each document. context: the model's positions. None means no limit.
    """
    over = sum(context is not None and positions > context for positions in needed)
    if over:
        which = "a document needs" if len(needed) == 1 else f"{over:,} of the {len(needed):,} documents checked need"
        raise ScratchpadError(
            f"{which} more than the {context} positions of the model. Set model.context={max(needed)} or more, or use "
            "shorter documents"
        )


def _transitions(document: Document[Symbol]) -> list[tuple[tuple[Symbol, ...], tuple[Symbol, ...]]]:
    """Return (context, state) pairs. The first context is empty. A first state that is only an input has no pair."""
    contexts = ((), *document.states[:-1])
    pairs = list(zip(contexts, document.states, strict=True))
    return pairs[1:] if document.first_given else pairs


def _prompt_row(document: Document[Symbol], question_loss: bool, first: bool) -> Row[Symbol]:
    length = len(document.prompt)
    unscored = length - document.preamble if first else length
    if first and question_loss:
        unscored = min(1, length)
    return Row(
        list(document.prompt),
        list(range(length)),
        [PROMPT] * length,
        [False] * unscored + [True] * (length - unscored),
    )


def _add_block(row: Row[Symbol], prompt_length: int, context: tuple[Symbol, ...], state: tuple[Symbol, ...]) -> None:
    size = len(context) + len(state)
    segment = row.segments[-1] + 1 if row.segments else PROMPT + 1
    row.tokens += context
    row.tokens += state
    row.positions += block_positions(prompt_length, size)
    row.segments += [segment] * size
    row.scored += [False] * len(context)
    row.scored += [True] * len(state)
