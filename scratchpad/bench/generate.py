"""Benchmark of generation, with a batch of 60-bit questions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from scratchpad.bench.flop_counts import forward_flops
from scratchpad.bench.measurement import PUBLIC, Measurement, measure_in_rounds
from scratchpad.bench.parity_workload import ForcedChoice, Workload
from scratchpad.generation.cache import MODES, CachedDecoder
from scratchpad.generation.engine import Engine, Limits, Opening, State
from scratchpad.layout.rows import rows
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document

_SAMPLED_LENGTHS = 5


def bench_generate(work: Workload, states: int | None = None) -> list[Measurement]:
    """Measure tokens per second with both kinds of cache. states: how many states each chain keeps (None: all).

    A whole run of the public implementation takes too long, because without a cache the time per token grows with the
    length of the text. So only one token is timed at each of five text lengths, from the first token to the last. The
    trapezoidal rule then gives the seconds of the whole run.
    """
    model = work.fresh_model().eval()
    candidates = {f"cache {mode}": partial(_our_rate, work, model, mode, states) for mode in MODES}
    if work.public:
        candidates[PUBLIC] = partial(_public_rate, work, work.public_model(model).eval(), states)
    rates = measure_in_rounds(candidates, work.rounds, torch.float32, work.on_status, "generate")
    documents = _documents(work, states, 0)
    flops = sum(forward_flops(model.config, len(work.vocabulary), rows(document)[0]) for document in documents)
    flops_per_token = flops / sum(map(_state_tokens, documents))
    return [rates.measurement(f"generate-{m}", "tokens/s", f"cache {m}", PUBLIC, flops_per_token) for m in MODES]


def write_forced(
    model: Transformer, vocabulary: Vocabulary, documents: Sequence[Document[int]], cache: str = "twice"
) -> list[list[State]]:
    """Make the engine generate exactly the given documents. Return the written states of each document."""
    longest = max(len(state) for document in documents for state in document.states)
    limits = Limits(longest + 1, max(len(document.states) for document in documents) + 1)
    engine = Engine(CachedDecoder(model, cache), vocabulary, limits=limits, detect_loops=False)
    choose = ForcedChoice([sum(document.states, ()) for document in documents])
    written: list[list[State]] = [[] for _ in documents]
    for event in engine.stream([Opening.of(document) for document in documents], choose):
        written[event.row].append(event.state or ())
    return written


def _our_rate(work: Workload, model: Transformer, cache: str, states: int | None, round_number: int) -> float:
    documents = _documents(work, states, round_number)
    start = time.perf_counter()
    write_forced(model, work.vocabulary, documents, cache)
    return sum(map(_state_tokens, documents)) / (time.perf_counter() - start)


def _public_rate(work: Workload, model: nn.Module, states: int | None, round_number: int) -> float:
    """Estimate the tokens per second of a whole run from single tokens at a few text lengths."""
    assert work.public is not None
    documents = _documents(work, states, round_number)
    last = min(map(_state_tokens, documents)) - 1
    lengths = sorted({round(last * i / (_SAMPLED_LENGTHS - 1)) for i in range(_SAMPLED_LENGTHS)})
    points = [(length, _seconds(work, model, documents, length)) for length in lengths]
    area = sum((b - a) * (at_a + at_b) / 2 for (a, at_a), (b, at_b) in pairwise(points))
    return len(documents) * last / area


def _seconds(work: Workload, model: nn.Module, documents: Sequence[Document[int]], length: int) -> float:
    """Return the seconds that one more token for every document takes after `length` generated tokens."""
    assert work.public is not None
    texts = [work.public.Text(document.prompt) for document in documents]
    for text, document in zip(texts, documents, strict=True):
        for token in sum(document.states, ())[:length]:
            text.add(token)
    start = time.perf_counter()
    work.public.next_logits(model, texts).argmax(-1).tolist()
    return time.perf_counter() - start


def _documents(work: Workload, states: int | None, round_number: int) -> list[Document[int]]:
    documents = work.documents(round_number)
    if states is None:
        return documents
    return [Document(d.prompt, (*d.states[: min(states, len(d.states)) - 1], d.states[-1])) for d in documents]


def _state_tokens(document: Document[int]) -> int:
    return sum(map(len, document.states))
