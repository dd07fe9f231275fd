"""Benchmarks: both sides compute the same, measurements combine the rounds as stated, and the commands print them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from scratchpad.bench import generate, measurement, trace
from scratchpad.bench.flop_counts import forward_flops
from scratchpad.bench.generate import write_forced
from scratchpad.bench.long_chains import bench_long_chain
from scratchpad.bench.measurement import MATMULS, Measurement, RoundRates, measure_in_rounds
from scratchpad.bench.parity_workload import LONGEST_BITS, TRAINED_BITS, ForcedChoice, Workload
from scratchpad.bench.public_implementation import load_public_implementation
from scratchpad.cli.main import main
from scratchpad.config.lengths import Lengths
from scratchpad.generation.cache import MODES, CachedDecoder
from scratchpad.generation.engine import Engine, Opening
from scratchpad.layout.batch import collate
from scratchpad.layout.rows import rows
from scratchpad.models.config import ModelConfig
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import Document
from scratchpad.training.loss import count_targets, summed_loss

EXACT = 1e-10  # float64: only the order of sums differs
KEYS = ["name", "value", "unit", "reference", "ratio", "ceiling"]


@pytest.fixture(autouse=True)
def small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices: the speed of the machine does not matter here."""
    monkeypatch.setattr(measurement, "_MATRIX_SIZE", 17)


def the_public_implementation() -> ModuleType:
    module = load_public_implementation()
    if module is None:
        pytest.skip("benchmarks/public_implementation.py is not there: this is no checkout of the repository")
    return module


def workload(**changes: object) -> Workload:
    work = Workload(LONGEST_BITS, batch=2, rounds=1, seed=3, model="tiny", public=the_public_implementation())
    return replace(work, **changes)


def both_models(work: Workload) -> tuple[Transformer, nn.Module]:
    """The same weights in float64, large enough that attention is far from uniform."""
    model = work.fresh_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model, public = model.double(), work.public_model(model).double().eval()
    return model.eval(), public


# Both sides compute the same.


def test_the_public_implementation_has_our_loss_and_gradients() -> None:
    work = workload(bits=TRAINED_BITS, batch=5)
    model, public = both_models(work)
    documents = work.documents()
    assert work.public is not None
    theirs = public(*work.public.pack(documents))
    batch = collate([row for document in documents for row in rows(document)])
    ours = summed_loss(model, batch) / count_targets([batch])
    torch.testing.assert_close(theirs, ours, rtol=EXACT, atol=EXACT)
    theirs.backward()
    ours.backward()
    expected = {name: parameter.grad for name, parameter in public.named_parameters() if parameter.grad is not None}
    expected["wpe.weight"] = expected["wpe.weight"][: model.config.context]  # ours has only the positions it needs
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[work.public.renamed(name)], rtol=EXACT, atol=EXACT)


def test_the_public_implementation_has_our_logits_at_every_token() -> None:
    """Documents of different lengths: both sides predict each token from the true tokens before it."""
    work = workload(bits=Lengths(1, 7), batch=5)
    model, public = both_models(work)
    documents = work.documents()
    assert work.public is not None
    assert len({len(document.states) for document in documents}) >= 3
    forced, texts = ForcedChoice([sum(document.states, ()) for document in documents]), {}
    for row, document in enumerate(documents):
        texts[row] = work.public.Text(document.prompt)

    def choose(logits: Tensor, row_numbers: Sequence[int]) -> list[int]:
        expected = work.public.next_logits(public, [texts[row] for row in row_numbers])  # type: ignore[union-attr]
        torch.testing.assert_close(logits, expected, rtol=EXACT, atol=EXACT)
        tokens = forced(logits, row_numbers)
        for row, token in zip(row_numbers, tokens, strict=True):
            texts[row].add(token)
        return tokens

    engine = Engine(CachedDecoder(model), work.vocabulary, detect_loops=False)
    ended = [event for event in engine.stream([Opening.of(document) for document in documents], choose) if event.status]
    assert [event.status for event in ended] == ["done"] * 5


def test_a_text_over_the_block_size_drops_only_unseen_states() -> None:
    work = workload(batch=1)
    model, public = both_models(work)
    (document,) = work.documents()
    assert work.public is not None
    (row,) = rows(document)
    text = work.public.Text(document.prompt, list(document.states))
    assert len(text.laid_out()) <= work.public.BLOCK_SIZE < len(row)
    expected = model(collate([row]), "dense")[-1]
    torch.testing.assert_close(work.public.next_logits(public, [text])[0], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("cache", MODES)
def test_forced_generation_yields_the_documents(cache: str) -> None:
    work = workload(bits=TRAINED_BITS, batch=5)
    documents = work.documents()
    written = write_forced(work.fresh_model().eval(), work.vocabulary, documents, cache)
    assert [tuple(states) for states in written] == [document.states for document in documents]


# Operation counts.


def test_flops_where_all_tokens_but_the_last_predict() -> None:
    """Torch counts the products outside attention for all tokens; the last one needs less in the last layer."""
    config = ModelConfig(layers=3, heads=2, width=22, context=19, dropout=0.0)
    model, symbols = Transformer(config, 31), 31
    (row,) = rows(Document((1, 2, 3, 4, 5), ((6, 7, 8, 9, 10, 11),)), question_loss=True)
    with FlopCounterMode(display=False) as counter:
        model.hidden(
            torch.tensor(row.tokens),
            torch.tensor(row.positions),
            lambda layer, qkv, kv_heads, dropout: qkv[:, -kv_heads:],
        )
        model.logits(torch.zeros(len(row), config.width))
    pairs = sum(high - low for ranges in row.visible() for low, high in ranges)
    unneeded = 20 * 22**2 + 4 * 22 * len(row) + 2 * 22 * symbols
    assert forward_flops(config, symbols, row) == counter.get_total_flops() + 3 * 4 * 22 * pairs - unneeded


def test_flops_of_a_row_by_hand() -> None:
    """Prompt of 2, states of 3 and 1 tokens: 9 tokens of which 4 predict; C = 2, V = 5, two layers."""
    (row,) = rows(Document((1, 2), ((3, 4, 0), (1,))))
    seen = [1, 2, 3, 4, 5, 3, 4, 5, 6]
    predicting = [1, 2, 3, 7]
    first = 9 * 24 * 4 + 4 * 2 * sum(seen)
    last = 4 * 24 * 4 + 5 * 4 * 4 + 4 * 2 * sum(seen[i] for i in predicting)
    logits = 4 * 2 * 2 * 5
    assert forward_flops(ModelConfig(layers=2, heads=1, width=2), 5, row) == first + last + logits


# Measurements.


def test_candidates_alternate_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []
    rates = {"a": [3.0, 7.0, 5.0], "b": [1.0, 2.0, 5.0]}

    def rate(name: str, round_number: int) -> float:
        order.append((name, round_number))
        return rates[name][round_number]

    monkeypatch.setattr(measurement, "matmul_gflops", lambda dtype: 11.0)
    statuses: list[str] = []
    rounds = measure_in_rounds({name: partial(rate, name) for name in rates}, 3, torch.float32, statuses.append, "work")
    assert order == [("a", 0), ("b", 0), ("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert rounds == RoundRates({"a": rates["a"], "b": rates["b"], MATMULS: [11.0] * 3})
    assert statuses[0] == "work: warming up: a"
    assert statuses[-1] == "work: round 3 of 3: matrix products"


def test_a_measurement_is_medians_and_the_median_of_ratios() -> None:
    rates = RoundRates({"a": [3.0, 7.0, 5.0], "b": [1.0, 2.0, 5.0], MATMULS: [11.0, 13.0, 12.0]})
    assert rates.measurement("x", "y/s", "a", "b", 4e9) == Measurement(
        "x", 5.0, "y/s", reference=2.0, ratio=3.0, ceiling=3.0
    )
    assert rates.measurement("x", "y/s", "a", "c") == Measurement("x", 5.0, "y/s")


def test_measurements_are_written_with_four_digits() -> None:
    written = Measurement("x", 1234.567, "y/s", reference=0.00123456).to_json()
    assert written == {
        "name": "x",
        "value": 1235.0,
        "unit": "y/s",
        "reference": 0.001235,
        "ratio": None,
        "ceiling": None,
    }


def test_the_uncached_run_is_the_area_under_its_sampled_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that takes 1 + 2 n seconds after n others: straight lines between samples are exact."""
    work = workload()
    monkeypatch.setattr(generate, "_seconds", lambda work, model, documents, length: 1.0 + 2.0 * length)
    last = 61 * 8 - 1
    rate = generate._public_rate(work, nn.Module(), None, 0)
    assert rate == pytest.approx(2 * last / (last + last**2))


def test_products_are_measured() -> None:
    assert measurement.matmul_gflops(torch.bfloat16) > 0


# The commands.


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["bench", *arguments, "--json", "--threads", "1"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(list(line) == KEYS for line in lines)
    assert all(line["value"] > 0 for line in lines)
    return lines


COMMANDS = {
    ("data", "--batch", "3"): ["data"],
    ("train", "--batch", "2"): ["train-fp32", "train-bf16"],
    ("train", "--batch", "2", "--precision", "bf16"): ["train-bf16"],
    ("generate", "--batch", "2", "--states", "3"): ["generate-reencode", "generate-twice"],
    ("evaluate", "--batch", "2"): ["evaluate-beside-reencode", "evaluate-beside-twice"],
}


@pytest.mark.skipif(sys.platform != "linux", reason="programs run only on Linux")
def test_programs_per_second_of_a_core(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs with 2 seconds of processor time each, by a fake clock; one round after a warm-up."""
    clock = count(0, 6)
    monkeypatch.setattr("scratchpad.bench.trace._processor_seconds", lambda: next(clock))
    lines = run(capsys, "trace", "--batch", "3", "--repeats", "1")
    assert "trace-hooks" in [line["name"] for line in lines]
    assert {line["value"] for line in lines} == {0.5}
    assert {(line["reference"], line["ratio"], line["ceiling"]) for line in lines} == {(None, None, None)}


def test_the_processor_time_of_children_counts() -> None:
    """A child spins for a tenth of a second while this process waits."""
    spin = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        own, everything = time.process_time(), trace._processor_seconds()
        assert everything - own >= 0.08  # clock ticks are hundredths of a second


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_print_their_measurements(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    the_public_implementation()
    lines = run(capsys, *command, "--model", "tiny", "--repeats", "1")
    assert [line["name"] for line in lines] == COMMANDS[command]
    for line in lines:
        assert line["ratio"] == pytest.approx(line["value"] / line["reference"], rel=1e-3)  # type: ignore[operator]
        assert (line["ceiling"] is None) == (line["name"] == "data")


def test_a_table_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "data", "--batch", "1", "--repeats", "1"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == KEYS
    assert out.splitlines()[1].split()[0] == "data"
    assert "torch" in err


def test_without_a_checkout_there_is_no_reference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_public_implementation(tmp_path) is None
    monkeypatch.setattr("scratchpad.bench.public_implementation.load_public_implementation", lambda: None)
    assert main(["bench", "data", "--batch", "1", "--repeats", "1", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["reference"] is json.loads(out)["ratio"] is None
    assert "benchmarks/public_implementation.py" in err


def test_a_long_chain_keeps_its_cache() -> None:
    found = {one.name: one for one in bench_long_chain(workload(batch=1), states=60, measured=7)}
    for cache in MODES:
        assert found[f"generate-long-{cache}"].unit == "ms/state"
        assert found[f"generate-long-{cache}-cache"].ratio == 1.0
        assert found[f"generate-long-{cache}-peak-memory"].value > 0


WRONG = {
    ("sleep",): "invalid choice: 'sleep'",
    ("data", "--precision", "bf16"): "--precision is only for `bench train`",
    ("train", "--states", "7"): "--states is only for `bench generate`",
    ("evaluate", "--long"): "--long is only for `bench generate`",
    ("generate", "--long", "--states", "7"): "at least 400",
    ("generate", "--long", "--batch", "7"): "leave out --batch",
    ("data", "--model", "smal"): "did you mean 'small'",
    ("data", "--repeats", "0"): "whole number of at least 1",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert main(["bench", *arguments]) == 2
    assert WRONG[arguments] in capsys.readouterr().err
