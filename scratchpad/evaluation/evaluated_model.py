"""What is judged, and what a judgement of one sample holds."""

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
from scratchpad.layout.rows import check_room, positions_needed
from scratchpad.models.protocol import LanguageModel
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import Format

OVER_CONTEXT = "over-context"
_JSON_NAMES = {"correct": "right"}


@dataclass(frozen=True)
class EvaluatedModel:
    """A model with the task, format and vocabulary that it was trained on. `backend`: of attention.

    voters: models that write together with it, by votes on every state (`scratchpad.generation.voting`).
    """

    model: LanguageModel
    task: Task
    format: Format
    vocabulary: Codec
    backend: str = "blocks"
    voters: tuple[LanguageModel, ...] = ()

    @contextmanager
    def eval_mode(self) -> Iterator[None]:
        """Within it models work without dropout; afterwards they train on if they did before."""
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
        """What writes documents with the model, or with all the voters. ScratchpadError where votes were sampled."""
        limits, inductive = limits or Limits(), self.format.inductive
        greedy = sampling is None or sampling.is_greedy
        if not self.voters:
            return Engine(CachedDecoder(self.model, cache), self.vocabulary, inductive, limits, greedy)
        if not greedy:
            raise ScratchpadError("models vote on what they write greedily: leave out the temperature")
        decoders = [ReusedPrompts(model) for model in (self.model, *self.voters)]
        return voting_engine(decoders, self.vocabulary, inductive, limits)

    def questions(self, size: int, n: int, seed: int) -> list[Symbols]:
        """The first n test questions of a size; fewer where the task's data hold fewer."""
        return test_questions(self.task, size, n, seed)

    @property
    def context(self) -> int | None:
        """The positions that the model and each voter has, the fewest; None where none is limited."""
        rooms = [model.context for model in (self.model, *self.voters)]
        return min((room for room in rooms if room is not None), default=None)

    def holds(self, question: Symbols) -> bool:
        """Whether the model, and each voter, has positions enough for a question's document, which is written for it.

        ScratchpadError where it cannot be.
        """
        needed = positions_needed(self._written(question))
        return self.context is None or needed <= self.context

    def document(self, question: Symbols) -> Document[int]:
        """The document of a question. ScratchpadError where the model, or a voter, has too few positions for it."""
        document = self._written(question)
        check_room([positions_needed(document)], self.context)
        return document

    def _written(self, question: Symbols) -> Document[int]:
        return self.vocabulary.encode_document(self.format.write(self.task, question))


def test_questions(task: Task, size: int, n: int, seed: int) -> list[Symbols]:
    """The first n test questions of a size; fewer where the task's data hold fewer, ScratchpadError where none."""
    sized = task.at_size(size)
    held = sized.count("test")
    if held == 0:
        sizes = ", ".join(map(str, task.default_test_sizes()))
        raise ScratchpadError(f"the data hold no test problem of size {size}; sizes there: {sizes}")
    return [sized.draw(seed, "test", index) for index in range(n if held is None else min(n, held))]


@dataclass(frozen=True)
class Sample:
    """One judged question.

    exact: the whole scratchpad is correct. correct: the answer is (as `exact` where nothing was generated).
    transitions: for each state judged, whether it follows from the state before it. tokens: written by the model.
    status: how the writing ended (done, loop, max-states, max-tokens), or `over-context` for a question that was not
    asked, since its document needs more positions than the model has; it is wrong, and none of its states is judged.
    memory_bytes: the most that keys and values took at once; it hangs on how the model is run, so no verdict does.
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
        """The place in the chain of the first wrong state, counted from 0; None where all are right."""
        return self.transitions.index(False) if False in self.transitions else None

    def to_json(self) -> dict[str, Any]:
        """All fields by name; the files of runs call `correct` right."""
        return {_JSON_NAMES.get(name, name): value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def json_names(cls) -> tuple[str, ...]:
        """Names that every line of evaluation.jsonl has."""
        return tuple(_JSON_NAMES.get(one.name, one.name) for one in dataclasses.fields(cls) if one.compare)
