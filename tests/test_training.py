"""Training: the loss is independent of layout, batches, back-end and processes; the optimizer; when training stops."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import losses, metrics, starts_workers, tiny, trained

from scratchpad.config.resolve import resolve
from scratchpad.config.schema import RunConfig, TrainConfig
from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.layout.batch import NO_TARGET, Batch
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.models.transformer import Transformer
from scratchpad.run import step_data
from scratchpad.tasks.base import Symbols
from scratchpad.training import trainer
from scratchpad.training.checkpoint import Checkpoints
from scratchpad.training.data import StepData
from scratchpad.training.distributed import ProcessGroup
from scratchpad.training.loss import count_targets, summed_loss
from scratchpad.training.optimizer import learning_rate, make_optimizer
from scratchpad.training.setup import measure
from scratchpad.training.trainer import Trainer

CLOSE = 1e-6  # float32 over a dozen steps: the sums are in another order


def curve(folder: Path, **settings: Any) -> dict[int, float]:
    trained(folder, tiny(**settings))
    return losses(folder)


def data_of(config: RunConfig, processes: ProcessGroup = ProcessGroup()) -> StepData:  # noqa: B008
    return step_data(measure(resolve(config)), processes)


WAYS: dict[str, dict[str, Any]] = {
    "split": {"train__layout": "split"},
    "mixed": {"train__layout": "mixed", "train__budget": 40},
    "small micro-batches": {"train__micro_tokens": 50},
    "dense": {"train__attention": "dense"},
    "split, dense, small": {"train__layout": "split", "train__attention": "dense", "train__micro_tokens": 50},
}


@pytest.mark.parametrize("question_loss", [False, True])
def test_the_loss_curve_is_the_same_however_a_step_is_cut(question_loss: bool, tmp_path: Path) -> None:
    common = {"train__question_loss": question_loss, "train__steps": 7, "train__learning_rate": 3e-3}
    expected = curve(tmp_path / "packed", **common)
    assert expected[7] < expected[1] - 0.05  # the model learns
    for name, settings in WAYS.items():
        found = curve(tmp_path / name, **common, **settings)
        assert found == pytest.approx(expected, rel=CLOSE), name


def test_formats_and_fixed_samples_train_the_same_in_any_layout(tmp_path: Path) -> None:
    settings = {"train__samples": 7, "train__steps": 5}
    for form in ("causal", "direct", "filler-3"):
        expected = curve(tmp_path / form, task__format=form, **settings)
        found = curve(tmp_path / f"{form} split", task__format=form, **settings, **WAYS["split, dense, small"])
        assert found == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("micro_tokens", [50, 8192])
def test_the_first_loss_is_the_mean_over_all_scored_tokens_of_the_step(micro_tokens: int, tmp_path: Path) -> None:
    config = tiny(train__steps=1, train__micro_tokens=micro_tokens)
    run = trained(tmp_path / "run", config)
    torch.manual_seed(config.train.seed)
    fresh = Transformer(run.config.model, len(run.evaluated.vocabulary))
    parts = data_of(config)[0]
    assert (len(parts) > 3) == (micro_tokens == 50)
    scored = [log_share for batch in parts for log_share in log_probabilities(fresh, batch)]
    task = run.evaluated.task
    written = [task.chain(task.draw(0, "train", number)) for number in range(5)]
    assert len(scored) == sum(len(state) + 1 for chain in written for state in chain) == count_targets(parts)
    assert losses(run.folder)[1] == pytest.approx(-math.fsum(scored) / len(scored), rel=CLOSE)


def log_probabilities(model: Transformer, batch: Batch) -> list[float]:
    """Return the log probability of each target, computed one by one."""
    logits = model(batch, "dense").detach().double().log_softmax(-1)
    targets = batch.targets[batch.real()].tolist()
    return [float(row[target]) for row, target in zip(logits, targets, strict=True) if target != NO_TARGET]


def test_the_summed_loss_is_in_single_precision_under_autocast() -> None:
    config = tiny()
    (batch,) = data_of(config)[0]
    model = Transformer(replace(config.model, context=64), 20)
    with torch.autocast("cpu", torch.bfloat16):
        loss = summed_loss(model, batch).detach()
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(summed_loss(model, batch).detach()), rel=1e-2)  # bfloat16 has 8 bits


def test_it_learns_in_bfloat16(tmp_path: Path) -> None:
    found = curve(tmp_path / "run", train__precision="bf16", train__steps=40, train__learning_rate=1e-2)
    single = curve(tmp_path / "single", train__steps=40, train__learning_rate=1e-2)
    assert found[40] < 0.6 * found[1]
    assert found[1] == pytest.approx(single[1], rel=1e-2)
    assert found[1] != single[1]


# The optimizer.


def test_only_matrices_decay() -> None:
    """With zero gradients, a step of AdamW only shrinks a parameter, by the learning rate times the decay."""
    config = TrainConfig(learning_rate=0.5, weight_decay=0.1)
    model = Transformer(replace(tiny().model, context=16, bias=True), 20)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(model, config).step()
    for name, parameter in model.named_parameters():
        assert name.endswith(("norm.weight", "bias")) == (parameter.dim() == 1)
        shrunk = 1.0 if name.endswith(("norm.weight", "bias")) else 0.95
        torch.testing.assert_close(parameter.detach(), shrunk * before[name])


def test_the_optimizer_follows_the_adamw_paper(tmp_path: Path) -> None:
    """Two steps of a run, compared with algorithm 2 of Loshchilov and Hutter with clipping, written out in float64."""
    config = tiny(train__steps=2, train__learning_rate=0.01, train__warmup_steps=0, train__clip=0.3)
    config = config.with_settings({"train.betas": "0.8,0.95", "train.weight_decay": 0.2})
    run = trained(tmp_path / "run", config)
    torch.manual_seed(0)
    model = Transformer(run.config.model, len(run.evaluated.vocabulary)).double()
    moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in model.named_parameters()}
    data = data_of(config)
    for t in (1, 2):
        parts = data[t - 1]
        (sum(summed_loss(model, batch) for batch in parts) / count_targets(parts)).backward()  # type: ignore[union-attr]
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
        assert norm > 0.3
        rate = 1e-5 + (0.01 - 1e-5) * (1 + math.cos(math.pi * (t - 1) / 2)) / 2
        with torch.no_grad():
            for name, p in model.named_parameters():
                assert p.grad is not None
                g = p.grad * 0.3 / norm
                first, second = moments[name][0].mul_(0.8).add_(0.2 * g), moments[name][1].mul_(0.95).add_(0.05 * g * g)
                step = (first / (1 - 0.8**t)) / ((second / (1 - 0.95**t)).sqrt() + 1e-8)
                p.sub_(rate * (step + (0.2 * p if p.dim() > 1 else 0)))
                p.grad = None
    for name, p in run.evaluated.model.named_parameters():
        torch.testing.assert_close(p.detach().double(), dict(model.named_parameters())[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("step", "settings", "expected"),
    [
        (0, {"warmup_steps": 4}, 0.25),
        (3, {"warmup_steps": 4}, 1.0),
        (4, {"warmup_steps": 4}, 1.0),
        (0, {}, 1.0),
        (25, {}, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2),
        (50, {}, 0.55),
        (75, {}, 0.1 + 0.9 * (1 - math.sqrt(0.5)) / 2),
        (52, {"warmup_steps": 4}, 0.55),
        (20, {"decay_steps": 40}, 0.55),
        (40, {"decay_steps": 40}, 0.1),
        (99, {"decay_steps": 40}, 0.1),
        (22, {"decay_steps": 40, "warmup_steps": 4}, 0.55),
        (7, {"decay_steps": 3, "warmup_steps": 4}, 0.1),
    ],
)
def test_the_learning_rate_warms_up_and_follows_a_cosine(step: int, settings: dict[str, Any], expected: float) -> None:
    config = TrainConfig(steps=100, learning_rate=1.0, final_learning_rate=0.1, **settings)
    assert learning_rate(step, config) == pytest.approx(expected, rel=1e-12)


def test_metrics_hold_the_learning_rate_of_each_step(tmp_path: Path) -> None:
    config = tiny(train__steps=5)
    trained(tmp_path / "run", config)
    logged = [line["lr"] for line in metrics(tmp_path / "run") if "lr" in line]
    assert logged == [learning_rate(step, config.train) for step in range(5)]


# What a step trains on.


def questions_of_steps(data: StepData, steps: Sequence[int]) -> list[Symbols]:
    return [question for step in steps for question in data.questions(step)]


def test_generated_data_are_the_draws_in_order() -> None:
    data = data_of(tiny(train__seed=3))
    assert questions_of_steps(data, range(4)) == [data.task.draw(3, "train", number) for number in range(20)]


def test_fixed_samples_occur_once_per_epoch_in_a_new_order() -> None:
    """Ten samples in batches of 4, so that epochs end within a step."""
    config = tiny(bits=8, window=11, train__samples=10, train__batch=4, evaluate__sizes=8)
    data = data_of(config)
    samples = [data.task.draw(0, "train", number) for number in range(10)]
    assert len(set(samples)) == 10
    epochs = [tuple(questions_of_steps(data, range(25))[i : i + 10]) for i in range(0, 100, 10)]
    assert all(sorted(epoch) == sorted(samples) for epoch in epochs)
    assert len(set(epochs)) == 10


@pytest.mark.parametrize("batch", [12, 7, 2])
@pytest.mark.parametrize("settings", [{}, {"train__samples": 11}])
def test_processes_divide_the_draws_of_a_step(batch: int, settings: dict[str, int]) -> None:
    config = tiny(train__batch=batch, **settings)
    alone = data_of(config)
    shares = [data_of(config, ProcessGroup(rank, 3)) for rank in range(3)]
    for step in range(5):
        parts = [share.questions(step) for share in shares]
        assert sorted(question for part in parts for question in part) == sorted(alone.questions(step))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert sum(count_targets(share[step]) for share in shares) == count_targets(alone[step])


@starts_workers
def test_background_workers_make_the_same_batches(tmp_path: Path) -> None:
    assert curve(tmp_path / "b", train__steps=5, train__workers=2) == curve(tmp_path / "a", train__steps=5)


def test_seeds_train_different_models_on_different_data(tmp_path: Path) -> None:
    assert curve(tmp_path / "a", train__seed=1, train__steps=2)[1] != curve(tmp_path / "b", train__steps=2)[1]
    assert curve(tmp_path / "c", train__seed=1, train__steps=2) == losses(tmp_path / "a")


# When training stops.


def test_it_stops_once_the_target_is_reached(tmp_path: Path) -> None:
    settings = {"train__evaluate_every": 7, "train__log_every": 5, "train__steps": 40, "evaluate__sizes": "1,2"}
    accuracies = iter([(0.9, 0.1), (0.5, 0.4), (0.6, 0.5), (1.0, 1.0)])
    training = trainer_with_accuracies(tmp_path, tiny(**settings, train__stop_at=0.5), accuracies)
    training.run()
    assert training.step == 21
    assert Checkpoints(tmp_path).steps()[-1] == 21
    assert list(losses(tmp_path)) == [5, 7, 10, 14, 15, 20, 21]
    again = trainer_with_accuracies(tmp_path, tiny(**settings, train__stop_at=0.5), accuracies)
    again.resume(Checkpoints(tmp_path).load())
    again.run()
    assert again.step == 21


def test_the_best_checkpoint_is_the_latest_of_the_best_mean(tmp_path: Path) -> None:
    means = iter([(0.2,), (0.7,), (0.6,), (0.7,), (0.1,)])
    training = trainer_with_accuracies(tmp_path, tiny(train__evaluate_every=3, train__steps=15), means)
    training.run()
    assert training.checkpoints.best() == (12, 0.7)
    assert training.checkpoints.steps() == [12, 15]
    assert training.checkpoints.load("best").step == 12


class FakeScore:
    def __init__(self, accuracy: float) -> None:
        self.accuracy = accuracy

    def to_json(self) -> dict[str, float]:
        return {"accuracy": self.accuracy}


def trainer_with_accuracies(folder: Path, config: RunConfig, accuracies: Any) -> Trainer:
    """Return a trainer whose evaluations yield the given accuracies."""
    data = data_of(config)
    model = Transformer(replace(config.model, context=64), len(Vocabulary(data.task.symbols())))
    evaluate: Any = lambda: [FakeScore(accuracy) for accuracy in next(accuracies)]  # noqa: E731
    return Trainer(model, data, folder, evaluate, lambda line: None, ProcessGroup())


@pytest.mark.parametrize(("own", "kept"), [(None, "64"), ("7", "7")])
def test_few_shapes_are_kept_on_a_cpu_unless_the_user_says_how_many(
    own: str | None, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, own or "")
    if own is None:
        monkeypatch.delenv(name)
    trained(tmp_path / "run", tiny(train__steps=1))
    assert os.environ[name] == kept


def test_a_learning_rate_that_is_too_high_stops_the_run_with_advice(tmp_path: Path) -> None:
    config = tiny(train__learning_rate=1e30, train__warmup_steps=0)
    with pytest.raises(RunFailure, match=r"step 2: the loss is .*learning rate 9\.\d+e\+29.*smaller") as failure:
        trained(tmp_path / "run", config)
    assert "No checkpoint was written" in str(failure.value)
    assert list(losses(tmp_path / "run")) == [1]


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(train__checkpoint_every=2)
    expected = curve(tmp_path / "whole", train__checkpoint_every=2)
    calls = iter(range(99))
    monkeypatch.setattr(
        trainer, "summed_loss", lambda *args: summed_loss(*args) * (math.nan if next(calls) == 5 else 1)
    )
    with pytest.raises(RunFailure, match=r"step 6: the loss is nan.*The last checkpoint is of step 4"):
        trained(tmp_path / "run", config)
    monkeypatch.undo()
    trained(tmp_path / "run", config, resume=True)
    assert losses(tmp_path / "run") == expected


def test_a_gradient_that_is_not_finite_stops_the_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rooted(*args: Any) -> torch.Tensor:
        loss = summed_loss(*args)
        return loss + (loss - loss).abs().sqrt()  # adds 0, with a slope of nan

    monkeypatch.setattr(trainer, "summed_loss", rooted)
    with pytest.raises(RunFailure, match=r"step 1: the loss is \d.*norm nan"):
        trained(tmp_path / "run", tiny())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "steps=0: the value must be at least 1"),
        ({"workers": -1}, "workers=-1: the value must be at least 0"),
        ({"checkpoint_every": -5}, "checkpoint_every=-5: the value must be at least 0"),
        ({"samples": 0}, "samples=0: the value must be at least 1"),
        ({"max_states": 1}, "max_states=1: the value must be at least 2"),
        ({"learning_rate": math.nan}, "learning_rate=nan: the value must be at least 0"),
        ({"seed": 2**63}, r"below 2\*\*63"),
        ({"clip": 0.0}, r"clip=0\.0"),
        ({"betas": (0.9,)}, "betas"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"stop_at": 95}, "stop_at=95: an accuracy must be above 0 and at most 1"),
        ({"layout": "mixed"}, "train.budget .* goes with train.layout=mixed"),
        ({"budget": 100}, "train.budget .* goes with train.layout=mixed"),
        ({"layout": "packt"}, "did you mean 'packed'"),
        ({"precision": "fp16"}, "known: .*bf16"),
        ({"attention": "flex"}, "known: blocks, dense"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        TrainConfig(**settings)
