"""Another model than ours in the place of ours: it trains, resumes, generates and is evaluated in the same way.

It has what ours has not: fewer heads of keys and values than of queries, an untied head, frozen parameters, a tensor
under two names, and attention biases that it learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from documents import SYMBOLS, batch_of, furthest, shapes, summed_loss
from generation import VOCABULARY, openings, plain_logits
from safetensors.torch import load_file
from test_generate import EXACT, assert_close, logits_of, written_by
from tiny_runs import assert_same_training, interrupted_and_resumed, losses, tiny, trained
from torch import Tensor, nn

from scratchpad.evaluation.evaluated_model import draw_test_questions
from scratchpad.evaluation.free_running import evaluate_free_running
from scratchpad.evaluation.teacher_forced import evaluate_teacher_forced
from scratchpad.generation.cache import MODES, CachedDecoder
from scratchpad.generation.uncached import FreshInput, MaskedInput
from scratchpad.models import build
from scratchpad.models.attention.backends import Attention
from scratchpad.models.config import ModelConfig
from scratchpad.models.positions import Reach
from scratchpad.models.protocol import CacheShape, LanguageModel
from scratchpad.run import Run
from scratchpad.training.checkpoint import Checkpoints

HEADS, KV_HEADS = 6, 2
FOUND = 1e-10  # float64: dense and blocks differ by rounding, about 1e-14


class ToyLayer(nn.Module):
    def __init__(self, index: int, width: int) -> None:
        super().__init__()
        self.index = index
        self.norm = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, (HEADS + 2 * KV_HEADS) * (width // HEADS))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, attend: Attention) -> Tensor:
        qkv = self.qkv(self.norm(x)).unflatten(-1, (HEADS + 2 * KV_HEADS, -1))
        return x + self.out(attend(self.index, qkv, KV_HEADS, 0.0).flatten(1))


class ToyModel(LanguageModel):
    """No positions but for slopes, one in each head. The embedding is frozen; both layers share one perceptron."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.embedding = nn.Embedding(vocabulary_size, width).requires_grad_(False)
        self.layers = nn.ModuleList(ToyLayer(index, width) for index in range(config.layers))
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.mlp_again = self.mlp
        self.slopes = nn.Parameter(torch.linspace(-0.02, 0.5, HEADS))
        self.head = nn.Linear(width, vocabulary_size)

    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attention, wanted: Tensor | None = None) -> Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, attend)
            x = x + self.mlp(x)
        return x if wanted is None else x[wanted]

    def logits(self, hidden: Tensor) -> Tensor:
        return self.head(hidden)

    @property
    def context(self) -> int | None:
        return self.config.context

    @property
    def cache_shape(self) -> CacheShape:
        return CacheShape(self.config.layers, KV_HEADS, self.config.width // HEADS)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.head.weight.dtype

    @property
    def reach(self) -> Reach:
        return Reach(None, self.slopes)


def random_toy(symbols: int) -> ToyModel:
    """In float64, with weights so large that what comes next depends on all that is seen."""
    model = ToyModel(ModelConfig(layers=2, width=30, dropout=0.0), symbols).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "slopes":
                parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64) * 0.5)
    return model


@pytest.fixture(autouse=True)
def in_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "Transformer", ToyModel)


SETTINGS: dict[str, Any] = {
    "model__width": 36,
    "train__average": 0.9,
    "train__weight_decay": 0.1,
    "train__checkpoint_every": 3,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "Transformer", ToyModel)
        yield trained(tmp_path_factory.mktemp("toy") / "run", tiny(**SETTINGS))


# Attention.


@pytest.mark.parametrize("name", shapes())
def test_both_backends_give_the_same_gradients_of_everything_learned(name: str) -> None:
    torch.manual_seed(0)
    model, batch = random_toy(SYMBOLS), batch_of(shapes()[name], question_loss=True)
    learned = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    found = {}
    for backend in ("dense", "blocks"):
        loss = summed_loss(model(batch, backend), batch)
        found[backend] = dict(zip(learned, torch.autograd.grad(loss, list(learned.values())), strict=True))
    assert furthest(found["blocks"], found["dense"]) < FOUND


# Training.


def test_it_learns_what_is_not_frozen(run: Run) -> None:
    first, *_, last = losses(run.folder).values()
    assert last < first
    torch.manual_seed(run.config.train.seed)
    fresh = ToyModel(run.config.model, len(run.evaluated.vocabulary)).state_dict()
    kept = Checkpoints(run.folder).load("last")
    for weights in (kept.model, kept.average or {}):
        same = {name for name, value in weights.items() if torch.equal(value, fresh[name])}
        assert same == {"embedding.weight"}


def test_checkpoints_hold_a_tied_tensor_once_and_moments_of_what_is_trained(run: Run) -> None:
    names = {name for name, _ in ToyModel(run.config.model, 5).named_parameters()}
    assert not any(name.startswith("mlp_again") for name in names)
    folder = run.folder / "checkpoints" / "step-13"
    assert load_file(folder / "model.safetensors").keys() == load_file(folder / "average.safetensors").keys() == names
    moments = {name.split(".", 1)[1] for name in load_file(folder / "optimiser.safetensors")}
    assert moments == names - {"embedding.weight"}


def test_it_is_loaded_with_its_tensor_tied(run: Run) -> None:
    kept = Checkpoints(run.folder).load("last")
    model = Run.load(run.folder, "last", "cpu").evaluated.model
    assert isinstance(model, ToyModel)
    assert model.mlp_again is model.mlp
    assert all(torch.equal(model.state_dict()[name], value) for name, value in (kept.average or {}).items())


@pytest.mark.parametrize("stop", [1, 5])
def test_resuming_is_exact(stop: int, run: Run, tmp_path: Path) -> None:
    assert_same_training(interrupted_and_resumed(tmp_path / "run", tiny(**SETTINGS), stop), run)


# Generation and evaluation.


@torch.inference_mode()
@pytest.mark.parametrize("mode", MODES)
def test_cached_logits_are_those_of_both_uncached_ways(mode: str) -> None:
    torch.manual_seed(0)
    model = random_toy(len(VOCABULARY)).eval()
    cached = written_by(CachedDecoder(model, mode), openings())
    for reference in (
        FreshInput(plain_logits(model)),
        MaskedInput(lambda batch: model(batch, "blocks")[None]),
    ):
        assert_close(cached.logits, logits_of(reference, openings(), cached.tokens), EXACT)


def test_the_cache_holds_keys_and_values_of_few_heads() -> None:
    model = random_toy(len(VOCABULARY)).eval()
    decoder = CachedDecoder(model)
    (begin, *_) = openings()
    decoder.begin([begin])
    assert decoder.held_bytes() == [len(begin.prompt) * model.position_bytes]
    assert decoder.cache_bytes() == len(begin.prompt) * 2 * 2 * KV_HEADS * 5 * 8  # layers, keys and values, numbers


def test_one_forward_pass_says_what_free_running_does(tmp_path: Path) -> None:
    quick = {"train__steps": 150, "train__learning_rate": 1e-2, "train__batch": 16, "bits": "1-3", "window": 4}
    half = trained(tmp_path / "run", tiny(**quick, model__width=36, evaluate__sizes=4, evaluate__n=1)).evaluated
    asked = [question for size in (1, 2, 3, 4) for question in draw_test_questions(half.task, size, 23, 0)]
    forced = evaluate_teacher_forced(half, 0, asked)
    flags = [sample.exact for sample in forced]
    assert 5 <= sum(flags) <= len(flags) - 5
    for cache in MODES:
        free = evaluate_free_running(half, 0, asked, cache=cache)
        assert [sample.exact for sample in free] == flags
        assert [sample.first_wrong for sample in free] == [sample.first_wrong for sample in forced]
