"""Training marks accuracies at sizes longer than trained, and always evaluates one such size if the task has one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import ROOT, Capture, command, tiny, trained

from scratchpad.config.resolve import resolve
from scratchpad.recipes import recipe
from scratchpad.reporting.progress import accuracies

LONGER = "(longer than trained)"
FEW = ["--device", "cpu", "--set", "model=tiny", "train.steps=2", "train.batch=3", "train.warmup_steps=0"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["parity-small", *FEW, "bits=1-4", "window=7", "evaluate.sizes=4"],
            f": accuracy 0 % at 5 {LONGER}",
        ),
        (
            ["parity-small", *FEW, "bits=1-4", "window=7", "evaluate.sizes=4,6"],
            f"step 2: accuracy 0 % at 4, 0 % at 6 {LONGER}",
        ),
        ([str(ROOT / "examples" / "my_task.py"), *FEW, "sizes=2-3"], f": accuracy 0 % at 4 {LONGER}"),
    ],
)
def test_training_evaluates_longer_questions(words: list[str], says: str, tmp_path: Path, capsys: Capture) -> None:
    status, _, err = command(capsys, "train", *words, "--out", tmp_path / "run")
    assert status == 0, err
    lines = [line for line in err.splitlines() if "longer than trained" in line]
    assert [line.endswith(says) for line in lines] == [True]


def test_a_full_window_has_no_longer_questions(tmp_path: Path, capsys: Capture) -> None:
    words = ["parity-small", *FEW, "bits=1-7", "window=7", "evaluate.sizes=7"]
    status, _, err = command(capsys, "train", *words, "--out", tmp_path / "run")
    assert status == 0, err
    assert "longer" not in err


def test_longer_questions_are_not_saved(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", tiny(evaluate__sizes="3"))
    longer = run.evaluate_longer()
    assert longer is not None
    assert (longer.size, longer.n, longer.method) == (5, 11, "forced")
    assert not (run.folder / "evaluation.jsonl").exists()


def test_only_sizes_above_the_longest_are_marked() -> None:
    scores = [{"size": size, "accuracy": 0.5} for size in (3, 4, 5)]
    assert accuracies(scores, 4) == "50.0 % at 3, 50.0 % at 4, 50.0 % at 5 (longer than trained)"
    assert accuracies(scores) == "50.0 % at 3, 50.0 % at 4, 50.0 % at 5"


def test_trained_sizes_of_stages_and_data(tmp_path: Path) -> None:
    staged = recipe("parity-small").with_settings(
        {"curriculum.stages": "bits=1-2; bits=4-6", "curriculum.threshold": 1}
    )
    assert resolve(staged).trained_sizes.to_json() == "1-6"
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text('{"question": "ab", "states": ["a", "b"], "answer": "b"}\n')
    test.write_text('{"question": "abc", "states": ["a", "b", "c"], "answer": "c"}\n')
    config = recipe("parity-small").with_settings({"task.data": str(train), "task.test_data": str(test)})
    assert resolve(config).trained_sizes.to_json() == 2
