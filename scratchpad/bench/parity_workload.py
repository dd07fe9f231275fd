"""The workload of the benchmarks: inductive documents of parity with window 60, and an untrained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from scratchpad.bench.measurement import OnStatus
from scratchpad.config.lengths import Lengths
from scratchpad.layout.rows import rows
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.config import PRESETS
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.base import Symbols, draws
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import Format, format_named
from scratchpad.tasks.parity import Parity

TRAINED_BITS, LONGEST_BITS = Lengths(1, 30), Lengths(60, 60)
WINDOW = 60


@dataclass(frozen=True)
class Workload:
    """The documents and the model of a benchmark.

    batch: the number of documents per batch. model: the name of a model preset. public: the module of the public
    implementation, if it is available.
    """

    bits: Lengths
    batch: int
    rounds: int
    seed: int = 0
    model: str = "10m"
    public: ModuleType | None = None
    on_status: OnStatus = lambda text: None

    @property
    def task(self) -> Parity:
        return Parity(self.bits, WINDOW)

    @property
    def format(self) -> Format:
        return format_named("inductive")

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.task.symbols())

    def questions(self, round_number: int = 0) -> list[Symbols]:
        """Return the questions of a round. Every round has different questions."""
        return [question for _, question in draws(self.task, self.seed, "train", round_number * self.batch, self.batch)]

    def documents(self, round_number: int = 0) -> list[Document[int]]:
        """Return the encoded documents for the questions of a round."""
        task, vocabulary, written = self.task, self.vocabulary, self.format
        return [vocabulary.encode_document(written.write(task, question)) for question in self.questions(round_number)]

    def fresh_model(self) -> Transformer:
        """Return an untrained model with enough positions for the longest document."""
        longest = Workload(LONGEST_BITS, 1, 1).documents()[0]
        context = max(rows(longest)[0].positions) + 1
        torch.manual_seed(self.seed)
        return Transformer(dataclasses.replace(PRESETS[self.model], context=context), len(self.vocabulary))

    def public_model(self, model: Transformer) -> Any:
        """Return the model of the public implementation with the weights of `model`."""
        assert self.public is not None
        return self.public.GPT.like(model)


@dataclass
class ForcedChoice:
    """A function that chooses tokens: it computes the most likely token but returns the next token of a given text.

    With this function, an untrained model generates texts of realistic lengths.
    """

    texts: Sequence[Sequence[int]]
    written: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.written = [0] * len(self.texts)

    def __call__(self, logits: Tensor, rows: Sequence[int]) -> list[int]:
        logits.argmax(-1).tolist()
        tokens = [self.texts[row][self.written[row]] for row in rows]
        for row in rows:
            self.written[row] += 1
        return tokens
