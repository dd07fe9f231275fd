"""Diagnoses of chains counted by hand, the report on them, and attention weights against the model's own attention."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import Captured, objects
from run_folders import parity, sample, score, write_run
from test_report import PAGE_TAGS, SVG_TAGS, Page
from tiny_runs import tiny, trained

from scratchpad.cli.main import main
from scratchpad.config.schema import TaskConfig
from scratchpad.evaluation.attention_weights import AttentionMap, attention_of
from scratchpad.evaluation.free_running import check_transitions
from scratchpad.layout.batch import collate
from scratchpad.layout.rows import rows
from scratchpad.models.transformer import Layer
from scratchpad.reporting.attention_plot import attention_figure
from scratchpad.reporting.diagnosis import describe_error, diagnose
from scratchpad.reporting.html_page import report
from scratchpad.reporting.run_records import read_run
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import terminated
from scratchpad.tasks.parity import Parity

TASK = Parity(window=7)
QUESTION = tuple("1_01___=")
TRUE = terminated(TASK.chain(QUESTION))  # [00]1,1 [02]0,1 [03]1,0 [07]_,0


def state(text: str, end: str = "<sep>") -> Symbols:
    return (*text, end)


def sample_line(*states: Symbols, **others: Any) -> dict[str, Any]:
    answer = states[-1][-2]
    return sample(QUESTION, states, check_transitions(TASK, QUESTION, states), answer, "0", **others)


WRONG_PARITY = sample_line(TRUE[0], state("[02]0,0"), state("[03]1,1"), state("[07]_,1", "<end>"))
WRONG_SLOT = sample_line(TRUE[0], state("[03]1,0"), state("[07]_,0", "<end>"), index=1)
RIGHT = sample_line(*TRUE, index=2)


def run_of(tmp_path: Path, *lines: dict[str, Any], **config: Any) -> Path:
    return write_run(tmp_path / "run", dataclasses.replace(parity(), **config), evaluation=lines)


def test_transitions_are_counted_by_place_slot_and_kind(tmp_path: Path) -> None:
    """By hand: the second transition is correct in one chain of three, all other transitions in every chain."""
    [found] = diagnose(read_run(run_of(tmp_path, WRONG_PARITY, WRONG_SLOT, RIGHT)))
    places = {place: (share.correct, share.n) for place, share in found.by_place.items()}
    assert places == {1: (3, 3), 2: (1, 3), 3: (3, 3), 4: (2, 2)}
    slots = {slot: (share.correct, share.n) for slot, share in found.by_trait["slot"].items()}
    assert slots == {"00": (3, 3), "02": (1, 3), "03": (2, 2), "07": (3, 3)}
    kinds = {kind: (share.correct, share.n) for kind, share in found.by_trait["kind"].items()}
    assert kinds == {"digit 0": (1, 3), "digit 1": (5, 5), "at =": (3, 3)}
    assert (found.chains.correct, found.chains.n) == (1, 3)
    assert (found.transitions.correct, found.transitions.n) == (9, 11)
    assert found.predicted == pytest.approx(1 / 3)


def test_the_prediction_multiplies_as_many_transitions_as_a_chain_has(tmp_path: Path) -> None:
    """Two places, each correct in one of two chains; one chain has four states, the other two."""
    short = tuple("1______=")
    states = terminated(TASK.chain(short))
    one = sample(QUESTION, TRUE, [False, True, True, True], "0", "0", method="forced")
    two = sample(short, states, [True, False], "1", "1", method="forced", index=1)
    [found] = diagnose(read_run(run_of(tmp_path, one, two)))
    assert found.predicted == pytest.approx((0.5 * 0.5 * 1 * 1 + 0.5 * 0.5) / 2)
    assert found.first_wrong == {}  # one forward pass does not say what the model would have written


def test_first_wrong_states_are_grouped_with_an_example(tmp_path: Path) -> None:
    [found] = diagnose(read_run(run_of(tmp_path, WRONG_PARITY, WRONG_SLOT, {**WRONG_PARITY, "index": 3}, RIGHT)))
    assert {what: group.count for what, group in found.first_wrong.items()} == {
        "running value": 2, "slot and digit and running value": 1,
    }  # fmt: skip
    group = found.first_wrong["running value"]
    assert (group.question, group.state) == ("1_01___=", 2)
    assert (group.written, group.due) == ("[02]0,0<sep>", "[02]0,1<sep>")


@pytest.mark.parametrize(
    ("written", "due", "what"),
    [
        (state("[02]0,1", "<end>"), TRUE[1], "terminator"),
        (state("[02]0,11"), TRUE[1], "too long a state"),
        (state("[02]0"), TRUE[1], "too short a state"),
        (tuple("[02]0,1"), TRUE[1], "the state does not end"),
        ((), TRUE[1], "stops before the last state"),
        (TRUE[1], (), "goes on after the last state"),
    ],
)
def test_errors_are_described(written: Symbols, due: Symbols, what: str) -> None:
    assert describe_error(TASK, written, due) == what


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("parity", {"window": 120}), ("half-parity", {}), ("cycles", {}), ("three-cycles", {}),
        ("addition-random-space", {}), ("addition-shift", {}), ("random-graphs", {"vertices": 7, "edges": 6}),
        ("heights", {"n": 3}), ("long-addition", {"digits": 3, "window": 5}),
    ],
)  # fmt: skip
def test_tasks_name_the_parts_of_their_states(name: str, settings: dict[str, Any]) -> None:
    task = task_named(name, settings)
    for index in range(5):
        question = task.draw(0, "test", index)
        for one in task.chain(question):
            assert len(task.labels.parts(one)) == len(one)
            assert not any(part.startswith("symbol ") for part in task.labels.parts(one))
            assert task.labels.traits(question, one)
            assert all(isinstance(value, str) and value for value in task.labels.traits(question, one).values())


def test_kinds_of_the_papers_additions() -> None:
    shift = task_named("addition-shift", {"digits": 3, "window": 4})
    question = shift.parse("g$174+v$940=$5cvj|0")
    assert [shift.labels.traits(question, one)["kind"] for one in shift.chain(question)][1:] == [
        "no carry", "carry", "carry", "last",
    ]  # fmt: skip
    slots = task_named("addition-random-space", {"digits": 3, "window": 4})
    question = slots.parse("174+_940_=$qtamn")
    traits = [slots.labels.traits(question, one) for one in slots.chain(question)]
    assert [one["kind"] for one in traits] == ["no carry", "carry", "carry", "overflow"]
    assert [one["slot"] for one in traits] == ["02", "01", "00", "-1"]


def test_kinds_of_searches_and_registers() -> None:
    graph = task_named("random-graphs", {"vertices": 4, "edges": 4, "names": 4, "distance": 2})
    question = graph.parse("v2 > v3 ; v0 > v2 ; v0 > v1 ; v2 > v0 ; v0 ? v3 ;")
    *_, last = graph.chain(question)
    assert " ".join(last) == "v0 v2 > v1 v3 ; 1"
    assert graph.labels.traits(question, last) == {"kind": "last, label 1", "looked at": "2"}
    assert graph.labels.parts(last) == ("looked at", "looked at", "bar", "waiting", "waiting", "semicolon", "label")
    sums = task_named("long-addition", {"window": 4})
    question = sums.parse("2 9 + 5 7")
    assert [sums.labels.traits(question, one) for one in sums.chain(question)] == [
        {"digit": "1", "kind": "carry"}, {"digit": "2", "kind": "no carry"},
    ]  # fmt: skip
    parts = dict(zip(sums.labels.parts(state := sums.chain(question)[1]), state, strict=True))
    assert (parts["new digit"], parts["result"], parts["equals"], parts["carry"]) == ("8", "6", "=", "0")


def data_run(tmp_path: Path, **files: Any) -> Path:
    problems = [{"question": name, "states": [name * 2, name], "answer": name} for name in "abc"]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    config = dataclasses.replace(parity(), task=TaskConfig("data", "inductive", data=str(tmp_path / "data.jsonl")))
    return write_run(tmp_path / "run", config, **files)


def test_questions_of_a_file_count_once_for_all_seeds(tmp_path: Path) -> None:
    lines = [
        sample(("a",), [("a", "a", "<sep>"), ("a", "<end>")], [seed == 0, True], "a", "a", seed=seed, size=2)
        for seed in (0, 1)
    ]
    scores = [score(2, right, n=7, seed=seed) for seed, right in enumerate((7, 3))]
    run = read_run(data_run(tmp_path, evaluation=lines, scores=scores))
    assert (run.scores["free", 2].n, run.scores["free", 2].correct) == (7, 3)
    [found] = diagnose(run)
    assert (found.chains.correct, found.chains.n) == (0, 1)


def test_each_method_of_evaluation_in_training_has_its_own_plot(tmp_path: Path) -> None:
    lines = [
        {"step": step, "evaluation": [score(3, step, method=method)]}
        for step in (10, 20)
        for method in ("forced", "free")
    ]
    runs = [
        write_run(
            tmp_path / method, parity(), metrics=[one for one in lines if one["evaluation"][0]["method"] == method]
        )
        for method in ("forced", "free")
    ]
    text = Page(report(runs)).text
    assert "Evaluations during training: the mean share of correct scratchpads over" in text
    assert "Evaluations during training: the mean share of correct answers over" in text
    alone = Page(report(runs[1:])).text
    assert "Evaluations during training: the mean share of correct scratchpads" not in alone


def test_the_report_shows_the_diagnosis(tmp_path: Path) -> None:
    page = Page(report([run_of(tmp_path, WRONG_PARITY, WRONG_SLOT, RIGHT)]))
    assert page.row("3 bits") == ["3", "33.3 %", "33.3 %", "81.82 %"]
    assert page.row("02") == ["33.3 % of 3"]
    assert page.row("running value") == ["1", "2", "[02]0,0<sep>", "[02]0,1<sep>", "1_01___="]
    assert page.tags <= PAGE_TAGS | SVG_TAGS
    (tmp_path / "direct").mkdir()
    assert "What goes wrong" not in report([write_run(tmp_path / "direct" / "run", parity("direct"))])


@pytest.mark.parametrize("looks", [{}, {"positions": "alibi"}, {"positions": "rotary", "span": "7"}])
def test_attention_weights_are_the_models_own_and_follow_the_rule(looks: dict[str, str], tmp_path: Path) -> None:
    """The hidden states computed with the recorded weights equal those of the model's own back-end."""
    evaluated = trained(tmp_path / "run", tiny(**{f"model__{name}": value for name, value in looks.items()})).evaluated
    question = evaluated.task.parse("1_01___=")
    found = attention_of(evaluated, question, 3)
    layers, heads, _ = evaluated.model.cache_shape
    document = evaluated.document(question)
    row = rows(document, "split")[2]
    assert found.weights.shape == (layers, heads, 8, len(row))
    assert found.tokens == evaluated.vocabulary.decode(row.tokens)
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(layers, heads, 8))
    for line, place in enumerate(range(len(row) - 8, len(row))):
        near = (reach.span if (reach := evaluated.model.reach) else None) or len(row)
        seen = {
            key
            for low, high in row.visible()[place - 1]
            for key in range(low, high)
            if row.positions[place - 1] - row.positions[key] < near
        }
        assert {int(key) for key in torch.nonzero(found.weights[:, :, line].sum((0, 1)))} == seen
    kept: list[torch.Tensor] = []
    first = next(module for module in evaluated.model.modules() if isinstance(module, Layer))
    hook = first.attention_out.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.no_grad():
        evaluated.model(collate([row]), "dense")
        attention_of(evaluated, question, 3)
    hook.remove()
    torch.testing.assert_close(kept[0], kept[1], rtol=1e-5, atol=1e-6)  # float32, sums in another order


@pytest.mark.parametrize(
    ("prompt", "state", "names"),
    [(5, 2, ["prompt", "s[1] again", "s[2]"]), (5, 1, ["prompt", "s[1]"]), (0, 2, ["s[1] given", "s[2]"])],
)
def test_the_attention_plot_names_what_it_shows(prompt: int, state: int, names: list[str]) -> None:
    tokens = ("1", "_", "0", "=", "<start>")[:prompt] + ("[", "0", "0", "]", "1", "<sep>") * min(state, 2)
    scored = (*[False] * (len(tokens) - 6), *[True] * 6)
    weights = torch.full((2, 3, 6, len(tokens)), 1 / len(tokens))
    figure = attention_figure(AttentionMap(state, tokens, prompt, scored, weights))
    assert figure.get_suptitle().replace("\n", " ").startswith(f"Attention weights of state {state}: how much")
    *maps, scale = figure.axes
    assert [axes.get_title("left") for axes in maps] == [f"layer {i}, head {j}" for i in (1, 2) for j in (1, 2, 3)]
    assert [text.get_text() for text in maps[0].texts] == names
    assert (maps[-1].get_xlabel(), maps[0].get_ylabel()) == ("token that the model reads", "predicted token")
    assert (scale.get_ylabel(), scale.get_ylim()) == ("attention weight", (0, 1))
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["[", "0", "0", "]", "1", "<sep>"]


def test_the_command_diagnoses_and_draws(tmp_path: Path, capsys: Captured) -> None:
    run = trained(tmp_path / "run", tiny())
    run.evaluate([3], n=5, method="free")
    capsys.readouterr()
    picture = tmp_path / "attention.png"
    assert main(["diagnose", str(run.folder), "--json", "--attention", str(picture), "--device", "cpu"]) == 0
    looked, line = objects(capsys.readouterr().out)
    map_ = looked["attention"]
    layers, heads, own = len(map_["weights"]), len(map_["weights"][0]), len(map_["weights"][0][0])
    assert (layers, heads, own, map_["state"]) == (2, 2, sum(map_["scored"]), 2)
    for row in map_["weights"][1][1]:
        assert sum(row) == pytest.approx(1, abs=1e-4)
        assert len(row) == len(map_["tokens"])
    assert (line["way"], line["size"], line["chains"]["n"]) == ("free", 3, 5)
    assert picture.read_bytes().startswith(b"\x89PNG")
    for kind, begins in (("svg", b"<?xml"), ("PDF", b"%PDF")):
        other = tmp_path / f"attention.{kind}"
        assert main(["diagnose", str(run.folder), "--attention", str(other), "--device", "cpu"]) == 0
        assert other.read_bytes().startswith(begins)
    capsys.readouterr()
    assert main(["diagnose", str(run.folder)]) == 0
    assert capsys.readouterr().out.startswith("free, size 3: ")
    out = tmp_path / "report.html"
    assert main(["report", str(run.folder), "--out", str(out), "--attention"]) == 0
    assert 'src="data:image/png;base64,' in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("form", "more", "says"),
    [
        ("direct", [], "has the format direct; this command can only analyse inductive runs"),
        ("inductive", [], "has no samples; run `scratchpad evaluate"),
        ("inductive", ["--question", "1"], "--question is for the attention plot; give --attention FILE.png as well"),
        ("inductive", ["--attention", "a.jpg"], "--attention a.jpg: choose one of the file types .png, .svg, .pdf"),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, capsys: Captured, form: str, more: list[str], says: str) -> None:
    folder = write_run(tmp_path / "run", parity(form))
    assert main(["diagnose", str(folder), *more]) == 2
    assert says in capsys.readouterr().err


def test_a_missing_state_is_refused(tmp_path: Path, capsys: Captured) -> None:
    run = trained(tmp_path / "run", tiny())
    given = ["--attention", str(tmp_path / "a.png"), "--question", "1_", "--state", "3"]
    assert main(["diagnose", str(run.folder), *given]) == 2
    assert "state 3 is not possible: the model writes states 1 to 2 here." in capsys.readouterr().err
