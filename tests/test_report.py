"""The report: its numbers are those of the run folder, the page is self-contained, and mistakes are reported."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from run_folders import losses, parity, sample, score, write_run

from scratchpad.cli.main import main
from scratchpad.config.schema import TaskConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.intervals import wilson
from scratchpad.reporting.html_page import report
from scratchpad.reporting.run_groups import group_by_task
from scratchpad.reporting.run_records import read_run
from scratchpad.reporting.styles import GRID, INK, PALETTE, SHADE
from scratchpad.training.setup import train

VOID = {"meta"}
PAGE_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "article", "header", "footer", "h1", "h2",
    "h3", "p", "ul", "ol", "li", "dl", "dt", "dd", "div", "span", "b", "strong", "small", "code", "details", "summary",
    "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption",
}  # fmt: skip
SVG_TAGS = {"svg", "defs", "g", "path", "use", "text", "clippath", "rect", "style", "tspan"}


PLAIN = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{EN DASH}": "-"})


class Page(HTMLParser):
    """A parsed page: tags, attributes, visible text, the cells of every table row. Unbalanced tags fail."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.bold: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        data = data.translate(PLAIN)
        self.text += data
        if {"th", "td"} & set(self._open):
            self.rows[-1][-1] += (" " if "small" in self._open else "") + data
        if "strong" in self._open:
            self.bold.append(data)

    def row(self, label: str, which: int = 0) -> list[str]:
        """Return the cells of the row with this label."""
        return [row[1:] for row in self.rows if row and row[0] == label][which]


def seeds(tmp_path: Path, form: str, *correct: tuple[int, int]) -> list[Path]:
    """Write runs that differ only in the seed, with their numbers of correct answers at 3 and at 5 bits, of 100."""
    return [
        write_run(
            tmp_path / f"{form}-{seed}",
            parity(form, seed),
            scores=[score(3, three, format=form), score(5, five, format=form)],
            metrics=losses(2.0, 1.0 + seed),
        )
        for seed, (three, five) in enumerate(correct)
    ]


def test_headline_shows_medians_with_lowest_and_highest_and_single_runs_with_their_interval(tmp_path: Path) -> None:
    folders = seeds(tmp_path, "inductive", (100, 93), (100, 71), (99, 88)) + seeds(tmp_path, "direct", (100, 47))
    page = Page(report(folders))
    assert page.row("inductive median of 3 runs") == ["100 % 99.0-100.0", "88.0 % 71.0-93.0"]
    assert page.row("direct") == ["100 % 88.7-100.0", "47.0 % 35.7-48.7"]
    assert page.row("inductive, seed 1") == ["100 % 88.7-100.0", "71.0 % 59.7-72.7"]
    assert page.bold == ["88.0 %"]  # at 3 bits both are as good
    assert "Correct answers" in page.text
    assert "100 questions per length and run" in page.text


def test_trained_lengths_are_marked(tmp_path: Path) -> None:
    page = report(seeds(tmp_path, "inductive", (100, 93)))
    assert Page(page).rows[0] == ["format", " trained3 bits", "5 bits"]
    assert re.findall(r'<td( class="trained")?>(\d+)', page)[:2] == [(' class="trained"', "100"), ("", "93")]


def test_tables_that_are_wider_than_a_narrow_screen_say_that_they_scroll(tmp_path: Path) -> None:
    few, many = (
        report([write_run(tmp_path / str(count), parity(), scores=[score(size, 90) for size in range(1, count + 1)])])
        for count in (3, 4)
    )
    assert "scrolls sideways" not in few
    assert many.count("scrolls sideways: 4 columns") == 4  # answers, scratchpads, transitions and costs
    assert re.search(r"@media \(max-width: 560px\) {[^@]*\.narrow { display: block; }", many)


def test_the_cost_of_an_answer_is_shown(tmp_path: Path) -> None:
    scores = [score(3, 90), score(5, 80, tokens=77.77, seconds=1.5, memory_bytes=0, seen_in_training=None)]
    page = Page(report([write_run(tmp_path / "run", parity(), scores=scores)]))
    assert page.row("tokens per answer") == ["41.3", "77.8"]
    assert page.row("time of generation per answer") == ["12.3 ms", "1.5 s"]
    assert page.row("memory of generation per answer") == ["5.0 MiB", "< 1 KiB"]
    assert page.row("questions seen in training") == ["17 of 100", "-"]
    assert page.row("correct single transitions") == ["98.71 %", "98.71 %"]
    assert page.row("first wrong state") == ["3", "3"]  # counted from 1 on


def test_formats_of_one_state_have_no_single_transitions(tmp_path: Path) -> None:
    page = Page(report(seeds(tmp_path, "scratchpad", (90, 80))))
    assert not [row for row in page.rows if row[0] in ("correct single transitions", "first wrong state")]


def test_seeds_are_pooled_and_older_checkpoints_left_out(tmp_path: Path) -> None:
    old, first, second = score(5, 1, step=10), score(5, 60), score(5, 45, n=50, seed=1, tokens=50.3)
    run = read_run(write_run(tmp_path / "run", parity(), scores=[old, first, second]))
    found = run.scores["free", 5]
    assert (found.n, found.correct, found.accuracy, found.seen_in_training) == (150, 105, 0.7, 34)
    assert (found.low, found.high) == wilson(105, 150)
    assert found.tokens == pytest.approx(44.3)  # two thirds of 41.3 and a third of 50.3


def test_without_scores_the_last_evaluation_of_the_training_is_shown(tmp_path: Path) -> None:
    early, late = ([score(3, right, method="forced")] for right in (11, 37))
    metrics = [*losses(2.0), {"step": 10, "evaluation": early}, {"step": 15, "evaluation": late}]
    page = Page(report([write_run(tmp_path / "run", parity(), metrics=metrics)]))
    assert page.row("inductive evaluated in training, step 15") == ["37.0 % 25.7-38.7"]
    assert "no scores yet. The page shows the last evaluation during training (step 15)" in page.text
    assert "only 10 of 20 training steps are logged." in page.text
    assert "Evaluations during training" in page.text


def test_a_run_that_has_just_begun_is_reported_too(tmp_path: Path) -> None:
    page = Page(report([write_run(tmp_path / "run", parity())]))
    assert "None of these runs has scores yet" in page.text
    assert "not evaluated yet. Evaluate this run with: scratchpad evaluate" in page.text
    assert "No samples are saved yet" in page.text
    assert "only 0 of 20 training steps are logged." in page.text
    finished = report([write_run(tmp_path / "finished", parity(), metrics=losses(2.0, 1.0))])
    assert "training steps are logged" not in finished


def test_a_last_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", parity(), metrics=losses(2.0, 1.0))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "lo')
    assert read_run(folder).last_step == 20


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("metrics", "{cut\n", "metrics.jsonl:1 is damaged"),
        ("metrics", "[1]\n", "metrics.jsonl:1 is damaged: the line is not a JSON object"),
        ("metrics", '{"loss": 1.0}\n', "metrics.jsonl:1 is damaged: it lacks step"),
        ("scores", '{"size": 3}\n', "scores.jsonl:1 is damaged: it lacks task, format, n,"),
        ("evaluation", '{"method": "free"}\n', "evaluation.jsonl:1 is damaged: it lacks size,"),
    ],
)
def test_damaged_files_are_named_with_the_line(tmp_path: Path, name: str, line: str, says: str) -> None:
    folder = write_run(tmp_path / "run", parity())
    (folder / f"{name}.jsonl").write_text(line)
    with pytest.raises(ScratchpadError, match=re.escape(says)):
        report([folder])


def test_runs_are_grouped_by_all_settings_but_the_seed(tmp_path: Path) -> None:
    configs = [
        parity(seed=5), parity("direct"), parity(seed=2).with_settings({"evaluate.n": "7"}),
        parity().with_settings({"train.batch": "32"}),
    ]  # fmt: skip
    runs = [read_run(write_run(tmp_path / str(i), config)) for i, config in enumerate(configs)]
    [groups] = group_by_task(runs)
    assert [group.label for group in groups] == ["inductive, batch=64", "direct, batch=64", "inductive, batch=32"]
    assert [[run.config.train.seed for run in group.runs] for group in groups] == [[2, 5], [0], [0]]
    assert groups[0].name_of(runs[0]) == "inductive, batch=64, seed 5"


def test_each_task_has_its_own_section(tmp_path: Path) -> None:
    cycles = dataclasses.replace(parity(), task=TaskConfig("cycles", "inductive", {"n": "2-3", "names": 11}))
    runs = [
        write_run(tmp_path / "a", parity(), scores=[score(3, 90)]),
        write_run(tmp_path / "b", cycles, scores=[score(4, 80)]),
    ]
    page = Page(report(runs))
    headers = [row[1:] for row in page.rows if row[0] == "format"]
    assert headers == [[" trained3 bits"]] * 2 + [["n = 4"]] * 2  # answers and scratchpads
    assert "trained onn = 2-3" in page.text


def test_settings_and_provenance_show_differences(tmp_path: Path) -> None:
    page = Page(report(seeds(tmp_path, "inductive", (90, 80), (91, 81)), title="Two seeds"))
    assert page.row("differs between runs") == ["inductive, seed 0", "inductive, seed 1"]
    assert page.row("train.seed") == ["0", "1"]
    assert page.row("train.steps") == ["20"]
    assert page.row("versions.torch") == ["2.13.0"]
    assert page.row("machine.gpu") == ["none"]
    assert page.row("vocabulary")[0].startswith("<pad>, <start>, <sep>, <end>")
    assert page.text.lstrip().startswith("Two seeds")
    assert "git commit 0123456789ab" in page.text


def test_the_page_is_self_contained(tmp_path: Path) -> None:
    question = tuple("1_0____=")
    wrong = sample(question, [(*"[00]0,1", "<end>")], [False], "1", "1")
    scores = [score(3, 9), score(5, 8)]
    text = report([write_run(tmp_path / "a", parity(), scores=scores, metrics=losses(2.0, 1.0), evaluation=[wrong])])
    page = Page(text)
    assert page.tags <= PAGE_TAGS | SVG_TAGS
    assert not re.search(r"https?:|//|@import|javascript", text)
    links = [value or "" for name, value in page.attributes if name in ("href", "src", "xlink:href", "srcset")]
    assert all(link.startswith("#") for link in links)
    assert all(f'id="{link[1:]}"' in text for link in links)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [colour for colour in (*PALETTE, INK, GRID, SHADE) if colour in text[text.index("<svg") :]]


def test_everything_from_data_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    problems = [{"question": [evil, str(i)], "states": [[evil, "&amp;"]], "answer": [evil]} for i in range(3)]
    data = tmp_path / "<img src=x>.jsonl"
    data.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    config = dataclasses.replace(parity(), task=TaskConfig("data", "inductive", data=str(data)))
    written = sample((evil, "1"), [(evil, evil, "<sep>")], [False], evil, "<b>", size=1, status="<i>")
    folder = write_run(tmp_path / "<b>run", config, scores=[score(1, 9)], evaluation=[written], metrics=losses(1.0))
    twin = shutil.copytree(folder, tmp_path / "_$twin<svg>")
    page = Page(report([folder, twin], title=evil))
    assert page.tags <= PAGE_TAGS | SVG_TAGS
    assert page.text.count(evil) > 5
    assert "&amp;" in page.text
    assert str(twin) in page.text


@pytest.mark.parametrize("given", [[], ["a", "b", "a"]])
def test_runs_that_are_missing_or_given_twice_are_refused(tmp_path: Path, given: list[str]) -> None:
    for name in set(given):
        write_run(tmp_path / name, parity())
    with pytest.raises(ScratchpadError, match="at least one run" if not given else "a is given twice"):
        report([tmp_path / name for name in given])


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders, out = seeds(tmp_path, "inductive", (90, 80), (91, 81)), tmp_path / "report.html"
    assert main(["report", *map(str, folders), "--out", str(out), "--title", "Ünïcode"]) == 0
    assert "<title>Ünïcode</title>" in out.read_text(encoding="utf-8")
    assert capsys.readouterr() == ("", f"{out}: a report about 2 runs\n")


def test_the_command_refuses_before_it_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out, empty = str(write_run(tmp_path / "run", parity())), tmp_path / "report.html", tmp_path / "empty"
    out.write_text("mine")
    empty.mkdir()
    assert main(["report", run, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["report", str(empty), "--out", str(out), "--force"]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    assert main(["report", run, "--out", str(tmp_path / "no" / "where.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["report", run, "--out", str(empty)]) == 2
    assert "exists but is not a regular file" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "report.html", "run"]
    assert main(["report", run, "--out", str(out), "--force"]) == 0
    assert out.read_text(encoding="utf-8").lstrip().startswith("<!DOCTYPE html>")


def test_a_trained_run_can_be_reported(tmp_path: Path) -> None:
    """The report reads the files that training and evaluation write."""
    small = {"model": "tiny", "train.batch": "2", "train.steps": "2", "train.evaluate_every": "1", "evaluate.n": "2"}
    config = parity().with_settings({**small, "evaluate.sizes": "2,5"})
    run = train(config, tmp_path / "run", device="cpu")
    run.evaluate(n=3, method="forced")
    run.evaluate(n=3, method="free")
    html = report([tmp_path / "run"])
    page = Page(html)
    assert "Correct answers" in page.text
    assert "Correct scratchpads" in page.text
    assert "✗ wrong2 bits" in page.text
    assert '<span class="soft">correct:</span> <code>' in html
