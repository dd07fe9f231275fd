"""The Python interface: its public names, and its parts in a user's own model and training loop."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import ROOT, tiny

import scratchpad as sp
from scratchpad.config.resolve import resolve
from scratchpad.recipes import RECIPES
from scratchpad.tasks.document import as_text
from scratchpad.training.setup import measure


def test_every_public_name_is_there() -> None:
    assert len(set(sp.__all__)) == len(sp.__all__)
    assert dir(sp) == sorted(sp.__all__)
    for name in sp.__all__:
        assert getattr(sp, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'recipes_'"):
        sp.recipes_  # noqa: B018


def test_tasks_and_documents_need_no_torch() -> None:
    code = "import sys, scratchpad as sp; list(sp.documents(sp.task('parity'), n=2)); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_imports_do_not_hide_functions() -> None:
    code = (
        "import scratchpad as sp, scratchpad.training.trainer, scratchpad.evaluation.metrics, scratchpad.layout.rows;"
    )
    code += "assert all(callable(getattr(sp, name)) for name in ('train', 'evaluate', 'rows', 'task', 'recipe'));"
    code += "from scratchpad.training import trainer; assert trainer.Trainer"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert callable(sp.train)
    assert callable(sp.evaluate)


def test_the_default_folder_is_named_after_task_and_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sp.train(tiny(train__steps=1), device="cpu").folder == Path("runs/parity-inductive")


def test_documents_are_those_of_the_draws() -> None:
    task = sp.task("parity", bits="1-3", window=5)
    texts = [
        as_text(document.symbols()) for document in sp.documents(task, "causal", n=3, seed=4, split="test", start=7)
    ]
    assert len(texts) == 3
    for index, text in enumerate(texts, 7):
        assert text.startswith("".join(task.draw(4, "test", index)) + "<start>[")
    with pytest.raises(sp.ScratchpadError, match="did you mean 'parity'"):
        sp.task("pariti")
    with pytest.raises(sp.ScratchpadError, match="bits"):
        sp.task("parity", bits=99)


def test_train_solve_and_evaluate(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    run = sp.train(tiny(train__steps=3), tmp_path / "run", "cpu", on_metrics=lines.append)
    assert isinstance(run, sp.Run)
    assert [line["step"] for line in lines] == [1, 2, 3, 3]
    seen: list[tuple[int, tuple[str, ...]]] = []
    solved = run.solve("0_1_10", limits=sp.Limits(state_tokens=5, states=2), on_state=lambda *state: seen.append(state))
    assert (solved.answer, solved.status) == (None, "max-tokens")
    assert [state for _, state in seen] == list(solved.states)
    (score, _) = sp.evaluate(run, sizes=[2, 4], n=3)
    assert (score.size, score.n, score.method) == (2, 3, "forced")
    assert (tmp_path / "run" / "scores.jsonl").exists()
    assert [score.size for score in sp.evaluate(run, n=2, method="free")] == [3, 7]
    with pytest.raises(sp.ScratchpadError, match="with `resume=True`, or replace it with `force=True`"):
        sp.train(tiny(), tmp_path / "run")
    assert sp.train(tiny(train__steps=3), tmp_path / "run", "cpu", resume=True).step == 3
    assert sp.Run.load(tmp_path / "run", "last").step == 3


def test_recipes_can_be_measured() -> None:
    for name in RECIPES:
        config = sp.recipe(name)
        assert measure(resolve(config)).config.model.context
    with pytest.raises(sp.ScratchpadError, match="did you mean 'parity-small'"):
        sp.recipe("parity_small")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module("own_model")


def test_the_example_with_its_own_model_and_loop(own: Any) -> None:
    assert own.main(20) < 0.8 * own.main(1)
    lines = (ROOT / "examples" / "own_model.py").read_text().splitlines()
    assert len(lines) <= 40


@torch.inference_mode()
def test_the_engine_runs_over_any_callable_that_gives_logits(own: Any) -> None:
    """The example's model writes the same text with re-indexed rows and with fresh inputs."""
    task = sp.task("parity", bits=2, window=5)
    vocabulary = sp.Vocabulary(task.symbols())
    model = own.OwnModel(len(vocabulary)).eval()
    documents = [vocabulary.encode_document(document) for document in sp.documents(task, n=3)]
    openings = [sp.Opening.of(document) for document in documents]

    def plain(tokens: torch.Tensor) -> torch.Tensor:
        row = sp.Row(tokens[0].tolist(), list(range(tokens.shape[1])), [0] * tokens.shape[1], [True] * tokens.shape[1])
        return model(sp.collate([row]))

    written = []
    for decoder in (sp.MaskedInput(model, context=64), sp.FreshInput(plain, context=64)):
        engine = sp.Engine(decoder, vocabulary, limits=sp.Limits(7, 4), detect_loops=False)
        written.append(engine.write(openings, sp.Sampling(temperature=2.0, seed=3)))
    assert written[0] == written[1]
    assert all(one.tokens for one in written[0])
