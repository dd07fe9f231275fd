"""Globality degrees: those of the paper, entropies against sums over dictionaries, and the command."""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Captured, objects

from scratchpad.cli.main import main
from scratchpad.globality.cases import WeightedDocuments
from scratchpad.globality.degree import Degree, degrees, documents_of, overall
from scratchpad.globality.search import SearchLimits, _Sample
from scratchpad.globality.table import TokenTable, tables
from scratchpad.layout.rows import rows
from scratchpad.tasks import task_named
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import format_named

ANY = SearchLimits(largest=99)


def silent(what: str, done: int, total: int) -> None:
    """A progress callback that does nothing."""


def cases_of(name: str, form: str, samples: int = 0, **settings: Any) -> WeightedDocuments:
    """Return the degrees over all documents, or over `samples` of them."""
    task = task_named(name, settings)
    return documents_of(task, format_named(form), task.interchangeable(), samples, 0 if samples else 100_000, 0, silent)


def found(name: str, form: str, limits: SearchLimits = ANY, samples: int = 0, **settings: Any) -> list[Degree]:
    names = task_named(name, settings).interchangeable()
    return list(degrees(cases_of(name, form, samples, **settings), names, limits, silent))


@pytest.mark.parametrize(("bits", "counted"), [(n, k) for n in range(1, 8) for k in range(1, n + 1)])
def test_the_degree_of_parity_of_k_of_n_bits_is_the_smaller_of_k_and_n_minus_k(bits: int, counted: int) -> None:
    """Abbe et al. 2024, section 2."""
    assert overall(found("half-parity", "direct", window=bits, bits=counted)) == (min(counted, bits - counted), False)


@pytest.mark.parametrize(("form", "bits", "counted"), [("scratchpad", 7, 5), ("inductive", 7, 5), ("inductive", 11, 3)])
def test_the_degree_of_running_parity_is_two(form: str, bits: int, counted: int) -> None:
    """The previous parity and the next bit."""
    degree = found("half-parity", form, window=bits, bits=counted)
    assert overall(degree) == (2, False)
    if form == "scratchpad":
        assert degree[-2].tokens == (("prompt", counted - 1), ("state", counted - 2))
        assert degree[-2].result.information == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n", [2, 3])
def test_the_degree_of_cycles_is_their_length_and_of_the_walk_three(n: int) -> None:
    direct, _ = overall(found("cycles", "direct", SearchLimits(largest=n), n=n))  # sets of up to n are looked at
    assert direct >= n
    for form in ("scratchpad", "inductive"):
        assert 2 <= overall(found("cycles", form, n=n))[0] <= 3


def test_a_search_that_stops_gives_a_lower_bound() -> None:
    degree, more = overall(found("half-parity", "direct", SearchLimits(largest=2), window=7, bits=3))
    assert (degree, more) == (3, True)
    degree, more = overall(found("half-parity", "direct", SearchLimits(largest=9, work=7 * 128), window=7, bits=3))
    assert (degree, more) == (2, True)  # 7 sets of one token are looked at, 21 of two are too many


def test_samples_give_the_same_degrees() -> None:
    [parity, end] = found("half-parity", "direct", samples=1009, window=13, bits=3)
    assert (parity.result.degree, parity.tokens) == (3, (("prompt", 0), ("prompt", 1), ("prompt", 2)))
    assert parity.result.p == pytest.approx(0.001)
    assert parity.result.information > 0.9
    assert end.result.degree == 0
    assert overall(found("cycles", "inductive", samples=1009, n=3))[0] in (2, 3)


def random_cases(n: int, informative: bool) -> WeightedDocuments:
    """Return documents of random bits, with an answer that is one of the bits or random."""
    rng = random.Random(5)
    documents = []
    for _ in range(n):
        bits = [rng.choice("01") for _ in range(17)]
        documents.append(Document((*bits, "="), (((bits[4] if informative else rng.choice("01")), "<end>"),)))
    return WeightedDocuments(documents, np.full(n, 1 / n), exact=False)


def test_chance_is_not_information() -> None:
    """Of 833 sets of up to three tokens, the best seems to hold information about random bits; the other half
    shows that it does not. The probability of a false alarm is 1 in 1000 for each of three sizes, with one fixed seed.
    """
    [answer, _] = degrees(random_cases(101, informative=False), (), SearchLimits(largest=3, threshold=1e-6), silent)
    assert (answer.result.degree, answer.result.at_least) == (4, True)
    [answer, _] = degrees(random_cases(101, informative=True), (), SearchLimits(largest=3), silent)
    assert (answer.result.degree, answer.tokens) == (1, (("prompt", 4),))


def test_selection_and_test_use_different_halves() -> None:
    documents = [Document((str(i), "="), (("01"[i % 2], "<end>"),)) for i in range(101)]  # told apart by their first
    table = next(tables(WeightedDocuments(documents, np.full(101, 1 / 101), exact=False), ()))
    sample = _Sample(table, False, ANY)
    choosing, judging = ({*part.plain[:, 0].tolist()} for part in (sample._selection, sample._test))
    assert (len(choosing), len(judging), len(choosing | judging)) == (51, 50, 101)


def test_a_token_drawn_at_random_has_no_degree() -> None:
    documents = [Document(("a", bit), ((other, "<end>"),)) for bit in "01" for other in "01"]
    [answer, _] = degrees(WeightedDocuments(documents, np.full(4, 0.25), exact=True), (), ANY, silent)
    assert (answer.result.degree, answer.result.at_least) == (0, False)
    assert "drawn at random" in answer.result.why


def entropy_given(pairs: list[tuple[Any, Any]]) -> float:
    """Return H(second | first) of equally likely pairs, by dictionaries."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    total = 0.0
    for values in groups.values():
        total -= sum(count * math.log2(count / len(values)) for count in Counter(values).values())
    return total / len(pairs)


def written_out(cases: WeightedDocuments, names: tuple[str, ...]) -> Iterator[Document[str]]:
    """Yield every document with every choice of names."""
    for document in cases.documents:
        for order in permutations(names):
            new = dict(zip(names, order, strict=True))
            states = tuple(tuple(new.get(s, s) for s in state) for state in document.states)
            yield Document(tuple(new.get(s, s) for s in document.prompt), states)


@pytest.mark.parametrize("chosen", [(), (0,), (1, 2), (0, 1, 9), (3, 0, 8), (0, 1, 2, 3, 4)])
def test_folded_names_have_the_entropy_of_all_choices_of_names(chosen: tuple[int, ...]) -> None:
    """The walk's second vertex: four names in all 24 equally likely orders."""
    cases = cases_of("cycles", "causal", n=2, names=4)
    names = task_named("cycles", {"n": 2, "names": 4}).interchangeable()
    cases = WeightedDocuments(cases.documents, np.full(len(cases.documents), 1 / len(cases.documents)), exact=True)
    table = next(one for one in tables(cases, names) if (one.state, one.place) == (0, 2))
    assert len(table.informative) == 10
    places = [table.informative[i] for i in chosen]
    pairs = []
    for document in written_out(cases, names):
        text = [*document.prompt, *document.states[0]]
        seen = [text[place] for place in table.informative]
        key = (tuple(sorted(Counter(seen).items())), *(text[place] for place in places))
        pairs.append((key, text[len(document.prompt) + 2]))
    assert table.conditional_entropy(places) == pytest.approx(entropy_given(pairs), abs=1e-9)


def test_a_single_name_is_not_folded(capsys: Captured) -> None:
    """Folding a single name changes nothing: the degree is that of all problems with every choice of names."""
    task, form = task_named("cycles", {"n": 2, "names": 4}), format_named("direct")
    names = task.interchangeable()
    folded = documents_of(task, form, names, 0, 100_000, 0, silent)
    written = WeightedDocuments(list(written_out(folded, names)), np.repeat(folded.weights / 24, 24), exact=True)
    assert overall(list(degrees(written, (), ANY, silent))) == (4, False)
    arguments = ["cycles", "--format", "direct", "--set", "n=2", "names=4", "--names", "v0"]
    assert main(["globality", *arguments, "--json"]) == 0
    whole = objects(capsys.readouterr().out)[-1]
    assert (whole["degree"], whole["at_least"], whole["exact"]) == (4, False, True)


def test_visible_tokens_follow_the_attention_rule() -> None:
    task, form = task_named("parity", {"bits": 3, "window": 5}), format_named("inductive")
    cases = cases_of("parity", "inductive", bits=3, window=5)
    document = form.write(task, task.draw(0, "train", 0))
    [packed] = rows(document, "packed")
    scored = [i for i, is_scored in enumerate(packed.scored) if is_scored]
    ranges = [packed.visible()[i - 1] for i in scored]
    assert [len(one.places) for one in tables(cases, ())] == [sum(b - a for a, b in seen) for seen in ranges]


def test_a_given_first_state_has_no_degree() -> None:
    cases = cases_of("addition-shift", "inductive", samples=53, digits=1, window=2)
    assert next(iter(tables(cases, ()))).state == 1


def test_documents_of_different_lengths_are_distinguished() -> None:
    cases = cases_of("parity", "inductive", bits="1-2", window=3)
    by_state: dict[int, TokenTable] = {one.state: one for one in tables(cases, ())}
    assert [by_state[i].share for i in range(3)] == pytest.approx([1, 1, 0.5])


def test_the_command_prints_a_table_and_the_degree(capsys: Captured) -> None:
    arguments = ["globality", "half-parity", "--format", "direct", "--set", "window=5", "bits=2"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert " ".join(lines[1].split()) == "1:1 0 2 prompt 1, prompt 2 100 % 40.0 % 9.0 % 32"
    assert lines[-1] == "globality degree of half-parity, direct: 2  (all 32 problems)"
    assert err == ""
    assert main([*arguments, "--json"]) == 0
    *tokens, whole = objects(capsys.readouterr().out)
    assert [token["degree"] for token in tokens] == [2, 0]
    assert tokens[0]["tokens"] == [["prompt", 0], ["prompt", 1]]
    assert {name: whole[name] for name in ("degree", "at_least", "exact", "documents")} == {
        "degree": 2, "at_least": False, "exact": True, "documents": 32,
    }  # fmt: skip


def test_user_data_and_user_tasks(tmp_path: Path, capsys: Captured) -> None:
    """A file where the answer is whether two of the five names are equal: two tokens, whatever the names."""
    rng = random.Random(2)
    questions = {"".join(rng.choice("abcdefg") for _ in range(5)) for _ in range(300)}
    same = {q: str(int(q[0] == q[2])) for q in sorted(questions)}
    problems = [{"question": q, "states": [answer], "answer": answer} for q, answer in same.items()]
    file = tmp_path / "my.jsonl"
    file.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    assert main(["globality", "--data", str(file), "--names", "a,b,c,d,e,f,g", "--samples", "50", "--json"]) == 0
    *tokens, whole = objects(capsys.readouterr().out)
    assert (whole["degree"], whole["exact"], whole["documents"]) == (2, False, len(questions))
    assert tokens[0]["tokens"] == [["prompt", 0], ["prompt", 2]]
    own = str(Path(__file__).parent.parent / "examples" / "my_task.py")
    assert main(["globality", "--task-file", own, "--samples", "50", "--largest", "1", "--json"]) == 0
    assert objects(capsys.readouterr().out)[-1]["task"] == "own"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["parity", "--threshold", "1.5"], "--threshold 1.5: the threshold must be above 0 and at most 1"),
        (["parity", "--names", "0,x"], "--names 0,x: parity has no symbol x"),
        (["--data", "DATA", "--names", "x"], "has no symbol x"),  # before anything is drawn
        (["parity", "--data", "a.jsonl"], "give only one of these: a task (`scratchpad tasks` lists the names)"),
        (["--data", "DATA", "--set", "step=1"], "unknown setting of data 'step': did you mean 'steps'"),
        (
            ["--data", "DATA", "--format", "changes"],
            "filler, inductive, not with changes",
        ),
        (["--data", "DATA"], "3 documents are too few: a test against chance needs at least 50 documents."),
        (["parity", "--samples", "49"], "expected a whole number of at least 50"),
        (["parity", "--format", "changes"], "parity has no format changes"),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, capsys: Captured, arguments: list[str], says: str) -> None:
    data = tmp_path / "few.jsonl"
    data.write_text("".join(json.dumps({"question": q, "states": [q], "answer": q}) + "\n" for q in "abc"))
    assert main(["globality", *(str(data) if one == "DATA" else one for one in arguments)]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
