"""One loss: however a document is cut into rows and batches, the summed loss and every gradient are the same.

The reference is a plain causal GPT-2 of another library that is fed one transition at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

import pytest
import torch
from documents import SYMBOLS, batch_of, furthest, gradients, shapes, small_model, summed_loss
from gpt2 import as_gpt2, gradients_of
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from scratchpad.errors import ScratchpadError
from scratchpad.layout.batch import NO_TARGET, Batch, collate, micro_batches
from scratchpad.layout.rows import Budget, rows
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document

EXACT = 1e-10  # float64: sums in another order differ by about 1e-14
ALL_SHAPES = shapes()

LossAndGradients = tuple[float, dict[str, Tensor]]
"""A summed loss and the gradient of every parameter."""


@cache
def model() -> Transformer:
    torch.manual_seed(0)
    return small_model()


def loss_of(batches: Sequence[Batch], backend: str = "blocks") -> LossAndGradients:
    loss = torch.stack([summed_loss(model()(batch, backend), batch) for batch in batches]).sum()
    return float(loss.detach()), gradients(model(), loss)


@cache
def packed(name: str, question_loss: bool) -> LossAndGradients:
    return loss_of([batch_of(ALL_SHAPES[name], "packed", question_loss)])


def assert_equal(found: LossAndGradients, expected: LossAndGradients) -> None:
    assert found[0] == pytest.approx(expected[0], rel=EXACT)
    assert furthest(found[1], expected[1]) < EXACT


def least_budget(document: Document[int]) -> int:
    """The length of the prompt and the longest transition: no smaller row can hold it."""
    return max(len(row) for row in rows(document, "split"))


def transitions(document: Document[int], question_loss: bool) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """The input of a plain causal model for each state, (text, places of its targets): Q s[i-1] -> s[i]."""
    t = len(document.prompt)
    asked = range(1 if question_loss else t - document.preamble, t)
    for i, state in enumerate(document.states):
        context = document.states[i - 1] if i else ()
        if i or document.prompt:
            text = document.prompt + context + state
            is_first = i == (0 if document.prompt else 1)
            yield text, [*(asked if is_first else ()), *range(t + len(context), len(text))]


def plain_loss(reference: GPT2LMHeadModel, documents: Sequence[Document[int]], question_loss: bool) -> Tensor:
    losses = []
    for document in documents:
        for text, targets in transitions(document, question_loss):
            logits = reference(torch.tensor([text])).logits[0]
            before = torch.tensor(targets) - 1
            losses.append(F.cross_entropy(logits[before], torch.tensor(text)[before + 1], reduction="sum"))
    return torch.stack(losses).sum()


@pytest.mark.parametrize("question_loss", [False, True])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_packed_rows_have_the_loss_of_plain_transitions(name: str, question_loss: bool) -> None:
    reference = as_gpt2(model())
    loss = plain_loss(reference, ALL_SHAPES[name], question_loss)
    loss.backward()
    assert_equal(packed(name, question_loss), (float(loss.detach()), gradients_of(reference, model())))


@pytest.mark.parametrize("question_loss", [False, True])
@pytest.mark.parametrize("extra", ["split", 0, 7, 31])
@pytest.mark.parametrize("name", ALL_SHAPES)
def test_every_budget_has_the_same_loss(name: str, extra: int | Literal["split"], question_loss: bool) -> None:
    """Each document at its own least budget and some tokens more, so that rows of many kinds share a batch."""
    made = []
    for document in ALL_SHAPES[name]:
        own = rows(document, "split" if extra == "split" else least_budget(document) + extra, question_loss)
        assert extra == "split" or max(map(len, own)) <= least_budget(document) + extra
        made += own
    assert_equal(loss_of([collate(made)]), packed(name, question_loss))


def test_budgets_mixed_in_a_batch_with_the_reference_backend() -> None:
    budgets: list[Budget] = ["split", 37, "packed"]
    made = [
        row for document, budget in zip(ALL_SHAPES["ragged"], budgets, strict=True) for row in rows(document, budget)
    ]
    assert_equal(loss_of([collate(made)], "dense"), packed("ragged", False))


@pytest.mark.parametrize("backend", ["blocks", "dense"])
@pytest.mark.parametrize(("positions", "span"), [("alibi", None), ("alibi", 11), ("rotary", 5), ("none", 3)])
@pytest.mark.parametrize("name", [name for name in ALL_SHAPES if name != "200 states"])
def test_every_budget_has_the_same_loss_however_far_one_looks_back(
    name: str, positions: str, span: int | None, backend: str
) -> None:
    torch.manual_seed(0)
    limited = small_model(positions, span=span)
    found = []
    for extra in ("packed", "split", 0, 7):
        made = []
        for document in ALL_SHAPES[name]:
            made += rows(document, extra if isinstance(extra, str) else least_budget(document) + extra, True)
        batch = collate(made)
        loss = summed_loss(limited(batch, backend), batch)
        found.append((float(loss.detach()), gradients(limited, loss)))
    for other in found[1:]:
        assert_equal(other, found[0])


@pytest.mark.parametrize("most_tokens", [1, 53, 211])
def test_micro_batches_add_up(most_tokens: int) -> None:
    documents = [document for name in ALL_SHAPES if name != "200 states" for document in ALL_SHAPES[name]]
    made = [row for document in documents for row in rows(document, "split")]
    parts = micro_batches(made, most_tokens)
    assert sum(map(len, parts)) == len(made)
    assert all(len(part) == 1 or sum(map(len, part)) <= most_tokens for part in parts)
    assert_equal(loss_of([collate(part) for part in parts]), loss_of([batch_of(documents)]))


@pytest.mark.parametrize("name", ALL_SHAPES)
def test_every_budget_has_the_same_targets(name: str) -> None:
    """The targets are all state tokens but those of a given first state, and the prompt but its first token."""
    expected = torch.zeros(SYMBOLS, dtype=torch.int64)
    for document in ALL_SHAPES[name]:
        written = document.states if document.prompt else document.states[1:]
        for symbol in (*document.prompt[1:], *(symbol for state in written for symbol in state)):
            expected[symbol] += 1
    for budget in ("packed", "split"):
        made = [row for document in ALL_SHAPES[name] for row in rows(document, budget, question_loss=True)]
        assert not any(row.scored[0] for row in made), "a row's token 0 is never a target"
        targets = collate(made).targets
        assert torch.equal(torch.bincount(targets[targets != NO_TARGET], minlength=SYMBOLS), expected)


def test_a_budget_below_one_transition_is_refused() -> None:
    document = ALL_SHAPES["ragged"][0]
    least = least_budget(document)
    assert rows(document, least)
    with pytest.raises(ScratchpadError, match=f"budget of {least - 1} tokens is too small.*{least}"):
        rows(document, least - 1)
