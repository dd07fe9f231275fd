"""A model with its task, format and vocabulary, and the result of one evaluated question."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
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
_JSON_NAMES = {"correct": "right"}


@dataclass(frozen=True)
class EvaluatedModel:
    """A model with its task, format and vocabulary. backend: the attention back-end.

    voters: other models that vote with the model on every state (`scratchpad.generation.voting`).
    """

    model: LanguageModel
    task: Task
    format: Format
    vocabulary: Codec
    backend: str = "blocks"
    voters: tuple[LanguageModel, ...] = ()

    @contextmanager
    def eval_mode(self) -> Iterator[None]:
        """Switch dropout off in all models. Restore each training mode afterwards."""
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
        """Return an engine over the model and its voters. Raises ScratchpadError if voters would sample."""
        limits, inductive = limits or Limits(), self.format.inductive
        greedy = sampling is None or sampling.is_greedy
        if not self.voters:
            return Engine(CachedDecoder(self.model, cache), self.vocabulary, inductive, limits, greedy)
        if not greedy:
            raise ScratchpadError("models vote only with greedy decoding: leave out the temperature")
        decoders = [ReusedPrompts(model) for model in (self.model, *self.voters)]
        return voting_engine(decoders, self.vocabulary, inductive, limits)

    def questions(self, size: int, n: int, seed: int) -> list[Symbols]:
        """Return the first n test questions of a size, or all of them if the data have fewer than n."""
        return test_questions(self.task, size, n, seed)

    @property
    def context(self) -> int | None:
        """The smallest number of positions of the model and its voters; None: no limit."""
        contexts = [model.context for model in (self.model, *self.voters)]
        return min((context for context in contexts if context is not None), default=None)

    def fits(self, question: Symbols) -> bool:
        """Return whether a question's document fits into the context. Raises ScratchpadError if encoding fails."""
        needed = positions_needed(self._written(question))
        return self.context is None or needed <= self.context

    def document(self, question: Symbols) -> Document[int]:
        """Return the encoded document of a question. Raises ScratchpadError if the document exceeds the context."""
        document = self._written(question)
        check_context([positions_needed(document)], self.context)
        return document

    def _written(self, question: Symbols) -> Document[int]:
        return self.vocabulary.encode_document(self.format.write(self.task, question))


def test_questions(task: Task, size: int, n: int, seed: int) -> list[Symbols]:
    """Return up to n test questions of a size. Raises ScratchpadError if the data have no question of the size."""
    sized = task.at_size(size)
    held = sized.count("test")
    if held == 0:
        sizes = ", ".join(map(str, task.default_test_sizes()))
        raise ScratchpadError(f"the data hold no test problem of size {size}; they have the sizes {sizes}")
    return [sized.draw(seed, "test", index) for index in range(n if held is None else min(n, held))]


@dataclass(frozen=True)
class Sample:
    """The result of one question.

    exact: whether the whole scratchpad is correct. correct: whether the answer is correct (`exact` if forced).
    transitions: whether each scored state follows from the previous state. tokens: the number of generated tokens.
    status: the end of generation (done, loop, max-states, max-tokens), or `over-context` if the document needs more
    positions than the model has; such a question counts as wrong and has no scored states.
    memory_bytes: the peak size of keys and values. Comparisons of samples ignore it, because it depends on batching.
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
        """The index of the first wrong state, from 0, or None if all states are correct."""
        return self.transitions.index(False) if False in self.transitions else None

    def to_json(self) -> dict[str, Any]:
        """Return all fields under their names in evaluation.jsonl, where `correct` has the name `right`."""
        return {_JSON_NAMES.get(name, name): value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def json_names(cls) -> tuple[str, ...]:
        """Return the keys that each line of evaluation.jsonl must have."""
        return tuple(_JSON_NAMES.get(one.name, one.name) for one in dataclasses.fields(cls) if one.compare)
