"""The Python interface: its public names, and its parts in a user's own model and training loop."""

from __future__ import annotations

import importlib
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import ROOT, dotted, tiny

import scratchpad as sp
from scratchpad.config.resolve import resolve
from scratchpad.recipes import RECIPES, training_config
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


SMALL: dict[str, Any] = {
    "model": "tiny", "train__steps": 2, "train__batch": 3, "train__evaluate_every": 0, "evaluate__n": 2,
}  # fmt: skip


def test_a_task_is_trained_by_its_name_with_keyword_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = sp.train(task="cycles", n="3-4", device="cpu", **SMALL)
    assert (run.folder, run.step, run.config.train.batch) == (Path("runs/cycles"), 2, 3)
    expected = training_config("cycles").with_settings(dotted(SMALL) | {"n": "3-4"})
    assert run.config.train == expected.train
    assert run.evaluated.task.settings()["n"] == "3-4"
    few = {**SMALL, "evaluate__sizes": [2]}
    run = sp.train(sp.recipe("parity-small"), "runs/other", "cpu", format="causal", bits="1-3", window=5, **few)
    assert (run.evaluated.format.name, run.evaluated.task) == ("causal", sp.task("parity", bits="1-3", window=5))
    assert sp.train(task="parity", recipe="demo", device="cpu", **few).config.train.threads == 1
    run = sp.train(recipe="parity-small", out="runs/own", device="cpu", task__settings__bits=3, **few)
    assert run.evaluated.task == sp.task("parity", bits=3, window=24)


@pytest.mark.parametrize("file", ["my_task.py", "my_data.jsonl"])
def test_own_tasks_and_data_are_trained_from_python(tmp_path: Path, file: str) -> None:
    run = sp.train(task=ROOT / "examples" / file, out=tmp_path / "run", device="cpu", **SMALL)
    assert run.evaluated.task.name == ("own" if file.endswith(".py") else "data")
    task_file = ROOT / "examples" / file if file.endswith(".py") else None
    assert sp.Run.load(tmp_path / "run", 2, task_file=task_file).step == 2
    if task_file:
        with pytest.raises(sp.ScratchpadError, match="name this file with `task_file`"):
            sp.Run.load(tmp_path / "run")
        with pytest.raises(sp.ScratchpadError, match="is not built in: give task="):
            sp.train(task=run.evaluated.task)


def test_a_task_with_its_settings_is_trained(tmp_path: Path) -> None:
    task = sp.task("parity", bits="1-3", window=6)
    assert sp.train(task=task, out=tmp_path / "run", device="cpu", **SMALL).evaluated.task == task
    run = sp.train(task=task, out=tmp_path / "run", force=True, device="cpu", bits=2, **SMALL)
    assert run.evaluated.task == sp.task("parity", bits=2, window=6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "nothing to train: give task='cycles'"),
        ({"config": "cycles"}, "give task='cycles', or settings such as"),
        ({"config": tiny(), "task": "cycles"}, "give either `config`, or `task` and `recipe`"),
        ({"task": "cycle"}, "did you mean 'cycles'"),
        ({"task": "cycles", "task__data": "d.jsonl"}, "cycles and task.data=d.jsonl both name what to train"),
        ({"task": "parity", "bit": 3}, "did you mean 'bits'"),
        ({"task": "parity", "train__step": 3}, "did you mean 'train.steps'"),
        ({"task": "parity", "format": "causa"}, "did you mean 'causal'"),
        ({"task": "parity", "resume": True, "force": True}, "^`resume=True` continues a run, but `force=True`"),
        ({"task": "parity", "checkpoint": 7}, "`checkpoint` 7 is only for `resume=True`"),
        ({"task": "parity", "bits": 3, "window": 7}, "^evaluate.sizes=8: parity: bits=8 does not fit window=7"),
        ({"task": "parity", "device": "tpu"}, "'tpu' is unknown: choose auto, cpu or cuda"),
    ],
)
def test_mistakes_are_told_in_words_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sp.ScratchpadError, match=says) as raised:
        sp.train(**arguments)
    assert "--" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_training_shows_its_progress_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sp.train(tiny(train__steps=3, evaluate__sizes="3"), tmp_path / "run", "cpu")
    out, err = capsys.readouterr()
    shown = (
        r"run step 1 of 3: loss \d",
        r"step 3: accuracy \d.* % at 3\n",
        r"run: accuracy .* at 5 \(longer than trained",
    )
    assert all(re.search(each, err) for each in shown), err
    sp.train(tiny(train__steps=3), tmp_path / "run", "cpu", force=True, progress=False)
    sp.evaluate(run, sizes=[3], n=2)
    assert (out, capsys.readouterr()) == ("", ("", ""))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    sp.evaluate(run, sizes=[3], n=2, progress=False)
    assert capsys.readouterr().err == ""
    sp.evaluate(run, sizes=[3], n=2)
    assert "of 2 questions of size 3" in capsys.readouterr().err


def test_an_interrupted_training_says_how_to_continue(tmp_path: Path) -> None:
    def stop(line: dict[str, Any]) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="stopped at step 1 of 3, which is saved; continue with `resume=True`"):
        sp.train(tiny(train__steps=3), tmp_path / "run", "cpu", on_metrics=stop)
    assert sp.train(tiny(train__steps=3), tmp_path / "run", "cpu", resume=True, checkpoint=1).step == 3


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


def test_the_example_with_its_own_model_and_loop(own: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert own.train(20)[1] < 0.8 * own.train(1)[1]
    own.main(1)
    assert re.fullmatch(r"loss after 1 steps: \d.*\n[01_]+=<start>.*\ncorrect: 0 of 20\n", capsys.readouterr().out)
    lines = (ROOT / "examples" / "own_model.py").read_text().splitlines()
    assert len(lines) <= 65


@pytest.mark.slow
def test_the_example_learns_to_write_correct_states(own: Any, capsys: pytest.CaptureFixture[str]) -> None:
    own.main()
    correct = re.search(r"\ncorrect: (\d+) of 20\n", capsys.readouterr().out)
    assert correct
    assert int(correct[1]) >= 18


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
