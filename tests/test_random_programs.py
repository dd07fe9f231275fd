"""The generator of synthetic programs, its settings and distributions; texts that are not in the language."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from synthetic import BIEBER, PAPERS, programs, question_of

from scratchpad.errors import ScratchpadError
from scratchpad.tasks.base import Symbols, draws

FIVE_SIGMA = 5.0
"""Probability of a false alarm per comparison: 6e-7. The seeds are fixed below."""


# The generator


def test_splits_and_runs() -> None:
    task = programs()
    assert [task.count(split) for split in ("train", "validation", "test", "check")] == [400, 100, 200, None]
    each = programs(runs=3)
    assert each.count("test") == 600
    for program in range(7):
        questions = [each.draw(0, "test", 3 * program + run) for run in range(3)]
        assert len({each.texts.problem(question) for question in questions}) == 1
        assert len(set(questions)) == 3
    assert each.draw(0, "test", 0) != each.draw(0, "test", 3)


def body(question: Symbols) -> list[str]:
    return "".join(question).split("\n")[1:-3]


def test_drawn_programs_follow_the_settings() -> None:
    task = programs(lines="4-9", repeats="3-5", constants="6-8", inputs="10-12")
    lengths = set()
    for _, question in draws(task, 0, "train", 0, 401):
        lines = body(question)
        lengths.add(len(lines))
        assert {int(n) for line in lines for n in re.findall(r"v\d = (\d+)", line)} <= {3, 4, 5}
        assert {int(n) for line in lines for n in re.findall(r"v0 \S= (\d+)", line)} <= {6, 7, 8}
        assert {int(n) for line in lines for n in re.findall(r"% 10 \S+ (\d+)", line)} <= {6, 7, 8}
        assert int(re.findall(r"f\((\d+)\)", "".join(question))[0]) in (10, 11, 12)
    assert lengths == set(range(4, 10))
    for _, question in draws(programs().at_size(7), 0, "test", 0, 53):
        assert {int(n) for line in body(question) for n in re.findall(r"v\d = (\d+)", line)} <= {7}


def test_a_modulus_is_part_of_the_program() -> None:
    for _, question in draws(programs(**BIEBER, steps=99), 0, "train", 0, 101):
        lines = [line.strip() for line in body(question)]
        for before, line in zip(lines, [*lines[1:], ""], strict=True):
            assert bool(re.fullmatch(r"v0 [-+*]= \d", before)) is (line == "v0 %= 1000")
        assert 0 <= int("".join(programs().truth(question))) < 1000


def test_runs_have_at_most_the_set_number_of_steps() -> None:
    task = programs(**BIEBER, steps=23, runs=2)
    assert max(len(task.chain(question)) for _, question in draws(task, 0, "train", 0, 101)) <= 24
    with pytest.raises(ScratchpadError, match=r"none of 1000 drawn programs runs for at most 1 lines \(steps\)"):
        programs(steps=1).draw(0, "train", 0)  # the shortest run: one line and `return`


def test_longer_loops_may_run_longer() -> None:
    task = programs(**BIEBER, steps=50)
    assert [task.at_size(size).settings()["steps"] for size in (3, 9, 90)] == [50, 50, 500]
    runs = [len(task.at_size(90).chain(q)) - 1 for _, q in draws(task.at_size(90), 0, "test", 0, 53)]
    assert 180 < max(runs) <= 500


def test_reach_separates_short_runs_of_training_from_long_runs_of_tests() -> None:
    """Training has counters of two digits, but only in short runs. At a size within reach runs are short, too."""
    task = programs(repeats="1-99", modulus=10, steps=60, reach=9)
    trained = [task.chain(question) for _, question in draws(task, 0, "train", 0, 53)]
    assert max(map(len, trained)) <= 61
    assert any(re.search(r"v[1-9]=\d\d", "".join(state)) for chain in trained for state in chain)
    far = task.at_size(90)
    runs = [far.chain(question) for _, question in draws(far, 0, "test", 0, 7)]
    assert all(61 < len(chain) <= 601 for chain in runs)
    near = task.at_size(9)
    assert all(len(near.chain(question)) <= 61 for _, question in draws(near, 0, "test", 0, 29))
    assert set(far.symbols()) == set(task.symbols())
    assert [one.covered_sizes().to_json() for one in (task, far, programs(repeats="1-5"))] == ["1-9", 90, "1-5"]


def test_runs_have_at_least_the_set_number_of_steps() -> None:
    task = programs(least_steps=23, lines=10, repeats=5)
    assert all(len(task.chain(question)) > 23 for _, question in draws(task, 0, "train", 0, 53))
    with pytest.raises(
        ScratchpadError, match=r"none of 1000 drawn programs runs for at least 30 lines \(least_steps\) and"
    ):
        programs(least_steps=30, steps=31, lines=3).draw(0, "train", 0)


def test_too_large_numbers_are_refused() -> None:
    loops = "  v1 = 99\n  while v1 > 0:\n    v1 -= 1\n    v2 = 99\n    while v2 > 0:\n      v2 -= 1\n      v0 *= 4"
    question = question_of(f"def f(v0):\n{loops}\n  return v0\n\noutput = f(6)")
    with pytest.raises(ScratchpadError, match="line 8 of the program makes v0 longer than 10000 bits"):
        programs().chain(question)


def test_statements_have_the_frequencies_of_their_weights() -> None:
    """The first statement of long bodies, where every kind fits, has the weights 15, 5, 5, 5 and 1 of 31."""
    kinds: Counter[str] = Counter()
    for _, question in draws(programs(lines=31), 0, "train", 0, 1550):
        lines = body(question)
        kind = lines[0].split()[0] if lines[0].startswith(("  if", "  pass")) else lines[0].split()[1]
        tops = [line for line in lines[1:] if not line.startswith("    ")]
        kinds["if-else" if kind == "if" and tops[:1] == ["  else:"] else "repeat" if kind == "=" else kind[-1]] += 1
    weights = {"=": 15, "repeat": 5, "f": 5, "if-else": 5, "s": 1}
    assert set(kinds) == set(weights)
    for kind, weight in weights.items():
        mean = 1550 * weight / 31
        assert abs(kinds[kind] - mean) < FIVE_SIGMA * mean**0.5, kinds


def test_ends_of_loop_bodies_have_the_frequencies_of_their_weights() -> None:
    """One body in eight ends with `break`, one in eight with `continue`."""
    ends: Counter[str] = Counter()
    for _, question in draws(programs(lines=31), 0, "train", 0, 700):
        lines = body(question)
        for i, line in enumerate(lines):
            depth = len(line) - len(line.lstrip())
            if line.strip().startswith("while"):
                inside = lines[i + 1 :]
                length = next((n for n, o in enumerate(inside) if len(o) - len(o.lstrip()) <= depth), len(inside))
                end = inside[length - 1].strip()
                is_end = end in ("break", "continue") and len(inside[length - 1]) - len(end) == depth + 2
                ends[end if is_end else ""] += 1
    total = sum(ends.values())
    assert total > 1000
    for end in ("break", "continue"):
        assert abs(ends[end] - total / 8) < FIVE_SIGMA * (total / 8) ** 0.5, ends


# Invalid settings and programs


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"runs": 0}, "runs=0 must be from 1 to 10, the number of inputs"),
        ({"runs": 3, "inputs": "5-6"}, "runs=3 must be from 1 to 2"),
        ({"lines": "3-98"}, "lines=3-98 must be at most 97: line numbers end at 99"),
        ({"modulus": -1}, "modulus=-1 steps=0: both must be at least 0"),
        ({"steps": -1}, "steps=-1: both must be at least 0"),
        ({"reach": -1}, "reach=-1: both must be at least 0"),
        ({"least_steps": 8, "steps": 7}, r"least_steps=8 reach=\d+: .*least_steps must not exceed steps=7"),
        ({"constants": "2-1"}, "numbers '2-1': a range must start at 0 or more"),
        ({"repeats": "0-2"}, "lengths '0-2': a range must start at 1 or more"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        programs(**settings)


LOOP = "  v4 = 2\n  while v4 > 0:\n    v4 -= 1"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("  v0 += 0.5", "symbol '.' at place 20 of the question is not in the alphabet: .* in all\\)$"),
        ("  v0 += v0", r"line 2 of the program is not allowed in the task `programs`: '  v0 \+= v0'"),
        ("  v0 += 05", "line 2 of the program is not allowed in the task `programs`"),
        ("  import os", "line 2 of the program is not allowed in the task `programs`"),
        ("   pass", "line 2 of the program is not allowed in the task `programs`"),
        ("pass", "`pass`: the body of f must be indented by two spaces"),
        ("    pass", "`pass`: the body of f must be indented by two spaces"),
        (
            "  pass\n    pass",
            "line 2 .*: after `while`, `if` and `else`, and only there, the next line must be indented",
        ),
        (
            "  if v0 % 10 < 5:\n  pass",
            "line 2 .*: after `while`, `if` and `else`, and only there, the next line must be indented",
        ),
        ("  return v0", "line 2 .*: only the last line may return"),
        (
            "  if v0 % 10 < 5:\n    continue",
            "line 3 .*: `break` and `continue` are allowed only at the end of a block in a loop",
        ),
        ("  break", "line 2 .*: `break` and `continue` are allowed only at the end of a block in a loop"),
        (
            f"{LOOP}\n    break\n    pass",
            "line 5 .*: `break` and `continue` are allowed only at the end of a block in a loop",
        ),
        ("  pass\n  else:\n    pass", "line 3 .*: an `else` needs an `if` before it"),
        ("  if v0 % 10 < 5:\n    else:\n      pass", "line 3 .*: an `else` needs an `if` before it"),
        (f"{LOOP}\n  else:\n    pass", "line 5 .*: an `else` needs an `if` before it"),
        ("  v4 = 2", "line 2 .*: the next line must be `while v4 > 0:`"),
        ("  while v4 > 0:\n    v4 -= 1", "line 2 .*: a loop must be `v4 = n`, `while v4 > 0:`, and `v4 -= 1`"),
        ("  v4 = 2\n  while v4 > 0:\n    v0 -= 1", "line 3 .*: a loop must be"),
        ("  v4 = 2\n  while v4 > 0:\n    v4 -= 2", "line 3 .*: a loop must be"),
        ("  v5 = 2\n  while v4 > 0:\n    v4 -= 1", "line 2 .*: the next line must be `while v5 > 0:`"),
        (f"{LOOP}\n    v4 = 2\n    while v4 > 0:\n      v4 -= 1", "line 5 .*: .*no loop around it may use v4"),
        (f"{LOOP}\n    v4 -= 1", "line 5 .*: a counter may change only in the first line"),
        (f"{LOOP}\n  v4 *= 1", "line 5 .*: a counter may change only in the first line"),
        ("  v0 %= 0", "line 2 .*: division by 0$"),
        ("\n".join(["  pass"] * 98), "the program has 100 lines, but at most 99 are allowed"),
    ],
)
def test_invalid_programs_are_refused(lines: str, says: str) -> None:
    with pytest.raises(ScratchpadError, match=says):
        question_of(f"def f(v0):\n{lines}\n  return v0\n\noutput = f(6)")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(v0):", "def g(v0):"), ("  return v0", "  return v4"), ("\n\n", "\n"), ("f(6)", "f(x)"),
        ("f(6)", "f(06)"), ("output = f(6)", "output = f(6)\n"), (PAPERS, "pass"), ("  return v0\n", ""),
    ],
)  # fmt: skip
def test_texts_of_another_shape_are_refused(before: str, after: str) -> None:
    assert before in PAPERS
    with pytest.raises(ScratchpadError, match="a program must be `def f"):
        question_of(PAPERS.replace(before, after))
