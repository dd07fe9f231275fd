"""An evaluated model with its task, format and vocabulary, and the result for one question."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.generation.cache import CachedDecoder, ReusedPrompts
from scratchpad.generation.engine import Engine, Limits
from scratchpad.generation.sampling import Sampling
from scratchpad.generation.voting import voting_engine
from scratchpad.layout.codec import Codec
from scratchpad.layout.rows import check_context, positions_needed
from scratchpad.models.protocol import LanguageModel
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import Format

OVER_CONTEXT = "over-context"
OnProgress = Callable[[str, int, int], None]  # takes a unit, a count and a total, such as "questions", 64, 1000
_JSON_NAMES = {"correct": "right"}


@dataclass(frozen=True)
class EvaluatedModel:
    """A model with its task, format and vocabulary. `backend`: the name of the attention back-end.

    `voters`: other models, which vote together with `model` on every state (see `scratchpad.generation.voting`).
    """

    model: LanguageModel
    task: Task
    format: Format
    vocabulary: Codec
    backend: str = "blocks"
    voters: tuple[LanguageModel, ...] = ()

    @contextmanager
    def eval_mode(self) -> Iterator[None]:
        """Switch off dropout in all models. At the end, restore the training mode of each model."""
        models = (self.model, *self.voters)
        training = [model.training for model in models]
        try:
            for model in models:
                model.eval()
            yield
        finally:
            for model, was_training in zip(models, training, strict=True):
                model.train(was_training)

    def engine(self, limits: Limits | None = None, sampling: Sampling | None = None, cache: str = "twice") -> Engine:
        """Return an engine for generation. Raises ScratchpadError if there are voters and `sampling` is not greedy."""
        limits, inductive = limits or Limits(), self.format.inductive
        greedy = sampling is None or sampling.is_greedy
        if not self.voters:
            return Engine(CachedDecoder(self.model, cache), self.vocabulary, inductive, limits, greedy)
        if not greedy:
            raise ScratchpadError("models can vote only with greedy decoding. Leave out the temperature.")
        decoders = [ReusedPrompts(model) for model in (self.model, *self.voters)]
        return voting_engine(decoders, self.vocabulary, inductive, limits)

    @property
    def context(self) -> int | None:
        """The number of positions that the model and all its voters can read. None means that there is no limit."""
        contexts = [model.context for model in (self.model, *self.voters)]
        return min((context for context in contexts if context is not None), default=None)

    def fits(self, question: Symbols) -> bool:
        """Return whether the document of a question fits into `context`. Raises ScratchpadError if encoding fails."""
        needed = positions_needed(self._written(question))
        return self.context is None or needed <= self.context

    def document(self, question: Symbols) -> Document[int]:
        """Return the encoded document of a question. Raises ScratchpadError if the document exceeds `context`."""
        document = self._written(question)
        check_context([positions_needed(document)], self.context)
        return document

    def _written(self, question: Symbols) -> Document[int]:
        return self.vocabulary.encode_document(self.format.write(self.task, question))


def draw_test_questions(task: Task, size: int, n: int, seed: int) -> list[Symbols]:
    """Return up to n test questions of a size. Raises ScratchpadError if the data have no such question."""
    sized = task.at_size(size)
    held = sized.count("test")
    if held == 0:
        sizes = ", ".join(map(str, task.default_test_sizes()))
        raise ScratchpadError(f"the data have no test question of size {size}. Choose one of the sizes {sizes}.")
    return [sized.draw(seed, "test", index) for index in range(n if held is None else min(n, held))]


@dataclass(frozen=True)
class Sample:
    """The result for one question.

    `exact`: whether the whole scratchpad is correct. `correct`: whether the answer is correct. With teacher forcing,
    `correct` equals `exact`. `transitions`: whether each scored state follows from the previous state. `tokens`: the
    number of tokens in all scored states. `status`: why generation ended (done, loop, max-states, max-tokens). The
    status `over-context` means that the document needs more positions than the model has. The question then counts as
    wrong and has no scored states. `memory_bytes`: the peak size of keys and values. This size depends on the batch, so
    comparisons of samples ignore this field.
    """

    size: int
    index: int
    question: Symbols
    exact: bool
    correct: bool
    transitions: tuple[bool, ...]
    tokens: int
    status: str = ""
    answer: Symbols | None = None
    truth: Symbols | None = None
    states: tuple[Symbols, ...] = ()
    memory_bytes: int = field(default=0, compare=False)

    @property
    def first_wrong(self) -> int | None:
        """The index (from 0) of the first wrong state, or None if all states are correct."""
        return self.transitions.index(False) if False in self.transitions else None

    def to_json(self) -> dict[str, Any]:
        """Return all fields with their names in evaluation.jsonl. In the file, the field `correct` is named `right`."""
        return {_JSON_NAMES.get(name, name): value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def json_names(cls) -> tuple[str, ...]:
        """Return the keys that each line of evaluation.jsonl must have."""
        return tuple(_JSON_NAMES.get(one.name, one.name) for one in dataclasses.fields(cls) if one.compare)
