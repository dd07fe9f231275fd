"""What commands take as their first argument, and the small settings of every task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scratchpad.config.resolve import resolve
from scratchpad.errors import ScratchpadError
from scratchpad.models.build import build_model
from scratchpad.recipes import default_run_folder, recipe, training_config
from scratchpad.tasks import TASKS
from scratchpad.training.run_folder import saved_config
from scratchpad.training.setup import measure
from tests.tiny_runs import ROOT, Capture, command, refused

MY_TASK, MY_DATA = (str(ROOT / "examples" / name) for name in ("my_task.py", "my_data.jsonl"))
FEW = ["--device", "cpu", "--set", "train.steps=2", "train.batch=3", "train.warmup_steps=0", "evaluate.n=5"]


@pytest.mark.parametrize("name", TASKS)
def test_small_settings_fit_a_small_model(name: str) -> None:
    run = measure(resolve(training_config(name)))
    assert run.config.task.name == name
    assert run.format.inductive
    model = build_model(run.config.model, len(run.codec.to_json()))
    assert sum(weights.numel() for weights in model.parameters()) < 10**6
    assert run.config.train.steps * run.config.train.batch <= 512_000


def test_kinds_of_first_argument(tmp_path: Path) -> None:
    own, data, built_in = training_config(MY_TASK), training_config(MY_DATA), training_config("cycles")
    assert (own.task.file, own.task.name) == (MY_TASK, "own")
    assert (data.task.data, data.task.name) == (MY_DATA, "data")
    assert own.model == data.model == recipe("small").model
    assert own.train == data.train == recipe("small").train
    assert built_in.task.settings == {"vertices": "10", "n": "3", "names": "10"}
    assert (built_in.model.layers, built_in.train.batch) == (2, 128)
    assert training_config("parity-small") is recipe("parity-small")
    (tmp_path / "a.json").write_text(json.dumps(built_in.to_json()))
    assert training_config(str(tmp_path / "a.json")) == built_in


@pytest.mark.parametrize("name", ["cycles", MY_TASK, MY_DATA])
def test_a_recipe_gives_all_but_the_task(name: str) -> None:
    paper, found = recipe("parity-paper"), training_config(name, "parity-paper")
    assert (found.model, found.train, found.evaluate.n) == (paper.model, paper.train, paper.evaluate.n)
    assert (found.task.settings, found.evaluate.sizes) == ({}, ())


def test_parity_small_is_the_small_setting_of_parity() -> None:
    assert training_config("parity") == recipe("parity-small")


MISTAKES = {
    "misspelled": (("cycle",), "unknown task or recipe 'cycle': did you mean 'cycles'?"),
    "no kind of file": (("my.txt",), "a file must be MY_TASK.py, MY_DATA.jsonl or CONFIG.json"),
    "task as recipe": (("parity", "cycles"), "cycles is the name of a task"),
    "unknown recipe": (("cycles", "smal"), "unknown recipe 'smal': did you mean 'small'?"),
    "recipe without a task": (("small",), "the recipe 'small' has no task"),
    "two recipes": (("demo", "small"), "demo has its own settings, so the recipe 'small' cannot be added"),
}


@pytest.mark.parametrize(("given", "says"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(given: tuple[str, ...], says: str) -> None:
    with pytest.raises(ScratchpadError) as error:
        training_config(given[0], given[1] if given[1:] else None)
    assert says in str(error.value)


def test_a_configuration_does_not_choose_the_code(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(training_config(MY_TASK).to_json()))
    with pytest.raises(ScratchpadError, match="runs a Python file as its task; confirm the file"):
        training_config(str(file))
    assert training_config(str(file), settings={"task.file": MY_TASK}).task.file == MY_TASK


def test_a_run_folder_is_not_what_to_train(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ScratchpadError, match=r"is a run folder: give .*config\.json to train with its settings"):
        training_config(str(tmp_path))


@pytest.mark.parametrize("name", ["cycles", "my_task.py", "my_data.jsonl"])
def test_train_a_task_a_file_and_data(
    name: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    what = name if name == "cycles" else str(ROOT / "examples" / name)
    status, _, err = command(capsys, "train", what, *FEW)
    assert status == 0, err
    folder = f"runs/{Path(name).stem}"
    assert folder in err
    assert saved_config(Path(folder)).task.name == {"cycles": "cycles", "my_task.py": "own"}.get(name, "data")
    task_file = ["--task-file", what] if name == "my_task.py" else []
    assert command(capsys, "evaluate", folder, "-n", "3", *task_file)[0] == 0


def test_sweep_over_a_file(tmp_path: Path, capsys: Capture) -> None:
    words = ["sweep", MY_TASK, "--recipe", "parity-small", "--out", str(tmp_path), *FEW, "model=tiny"]
    status, out, err = command(capsys, *words, "model.dropout=0|0.5")
    assert status == 0, err
    assert "dropout=0.5" in out
    assert "--recipe parity-small" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("first", ["train", "sweep"])
def test_one_name_for_what_is_trained(first: str, capsys: Capture) -> None:
    for name in ("cycles", MY_TASK, MY_DATA):
        error = refused(capsys, first, name, "--set", f"task.data={MY_DATA}", "train.batch=2|3")
        assert f"{name} and task.data={MY_DATA} both name what to train" in error
    assert "both name what to train" in refused(capsys, "train", "cycles", "--task-file", MY_TASK)


@pytest.mark.parametrize(("what", "option"), [(MY_TASK, "--task-file"), (MY_DATA, "--data")])
def test_a_file_in_place_of_a_task(what: str, option: str, tmp_path: Path, capsys: Capture) -> None:
    """`show`, `layout`, `data`, `prompt` and `globality` take a file as TASK, as they do with an option."""
    commands = [
        ["show", "-n", "2", "--json"], ["layout", "--layout", "split"], ["prompt", "--shots", "1"],
        ["globality", "--format", "causal", "--samples", "50", "--largest", "1", "--most-outcomes", "0"],
        ["data", "-n", "3", "--force", "--out", str(tmp_path / "out.jsonl")],
    ]  # fmt: skip
    for name, *words in commands:
        first, named = command(capsys, name, what, *words), command(capsys, name, option, what, *words)
        assert first[0] == 0, first[2]
        assert first[:2] == named[:2]
        assert first[1] or (tmp_path / "out.jsonl").read_text()


def test_a_task_is_named_once(capsys: Capture) -> None:
    for words in ([], ["cycles", "--task-file", MY_TASK], [MY_TASK, "--data", MY_DATA]):
        assert "give only one of these: a task" in refused(capsys, "show", *words)
    assert "no_task.py: no such file" in refused(capsys, "show", "no_task.py")
    assert "--source is only for the task `programs`, not for" in refused(capsys, "show", MY_TASK, "--source", "x")


def test_a_run_is_trained_again_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    assert default_run_folder(str(tmp_path / "run" / "config.json")) == tmp_path / "run"
    assert default_run_folder(str(tmp_path / "config.json")) == Path("runs/config")
    assert default_run_folder("examples/my_task.py") == Path("runs/my_task")
