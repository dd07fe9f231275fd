"""Programs that run for thousands of lines: `solve` with a decoder that computes the next state and has no memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from synthetic import programs
from torch import Tensor

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig
from scratchpad.evaluation import evaluated_model
from scratchpad.evaluation.evaluated_model import EvaluatedModel
from scratchpad.generation.engine import Engine, Limits, Opening, Part
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.run import Run
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import END, SEP, START
from scratchpad.tasks.formats import format_named

TASK = programs(modulus=10)
VOCABULARY = Vocabulary(TASK.symbols())
INDUCTIVE = format_named("inductive")


def nested(times: int) -> Symbols:
    """Return a program with two nested loops: 4 lines per inner round, times * times rounds, and a few more lines."""
    body = f"v0 += 1\n  v1 = {times}\n  while v1 > 0:\n    v1 -= 1\n    v2 = {times}\n    while v2 > 0:\n      v2 -= 1"
    return TASK.parse(f"def f(v0):\n  {body}\n      v0 += 1\n      v0 %= 10\n  return v0\n\noutput = f(3)")


class Perfect:
    """A decoder that computes the next state from only the question and the last state."""

    context: int | None = None

    def __init__(self, question: Symbols) -> None:
        self.question = question

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        assert VOCABULARY.decode(openings[0].prompt)[-1] == START
        self._next(TASK.first(self.question))
        return self._logits()

    def _next(self, state: Symbols) -> None:
        self.state, self.written = state, 0
        self.text = (*state, END if TASK.step(self.question, state) is None else SEP)

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        self.written += 1
        if parts[0] is Part.TERMINATOR:
            following = TASK.step(self.question, self.state)
            assert following
            self._next(following)
        return self._logits()

    def keep(self, rows: Sequence[int]) -> None:
        """Decode a single row."""

    def held_bytes(self) -> list[int]:
        return [0]

    def _logits(self) -> Tensor:
        number = VOCABULARY.number(self.text[self.written])
        return torch.nn.functional.one_hot(torch.tensor([number]), len(VOCABULARY)).double()


def test_solve_runs_thousands_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    question = nested(23)
    model: Any = None
    run = Run(Path(), resolve(RunConfig()), EvaluatedModel(model, TASK, INDUCTIVE, VOCABULARY, "blocks"), 0)
    monkeypatch.setattr(evaluated_model, "CachedDecoder", lambda *_: Perfect(question))
    text = "".join(question).replace("\n", "\\n")
    solved = run.solve(text, limits=Limits(64, 10_007))
    assert (solved.status, solved.answer) == ("done", TASK.truth(question))
    assert len(solved.states) == len(TASK.chain(question)) > 2000
    assert run.solve(text, limits=Limits(64, 1009)).status == "max-states"


def test_memory_is_flat_over_a_thousand_lines() -> None:
    question = nested(17)
    engine = Engine(Perfect(question), VOCABULARY, limits=Limits(64, 10_007))
    opening = Opening(VOCABULARY.encode(INDUCTIVE.opening(TASK, question)[0]))
    tracemalloc.start()
    try:
        events = enumerate(engine.stream([opening], lambda logits, rows: logits.argmax(-1).tolist()))
        held = [tracemalloc.get_traced_memory()[0] for number, _ in events if number % 101 == 0]
    finally:
        tracemalloc.stop()
    assert len(held) > 11
    assert max(held[-3:]) < max(held[1:4]) + 20_011  # a state takes more than 100 bytes, and 700 are between these
