"""Prompts with worked examples, and scoring of text from any model: the papers' texts, and verdicts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.few_shot import few_shot_prompt, question_and_work
from scratchpad.evaluation.text_scoring import Verdict, score_text
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.base import Symbols, draws
from scratchpad.tasks.document import SEP, Document
from scratchpad.tasks.formats import format_named, format_names
from scratchpad.tasks.parity import Parity

SUM = "2 9 + 5 7"
SUM_WORK = "<scratch>\n2 9 + 5 7 ,  C: 0\n2 + 5 , 6 C: 1\n, 8 6 C: 0\n0 8 6\n</scratch>\n8 6"
POLYNOMIAL = "Evaluate -7*x**2 + 7*x + 5 at x = 1"
POLYNOMIAL_WORK = "<scratch>\n-7*x**2: -7\n7*x: 7\n5: 5\n</scratch>\ntotal: 5"
PROGRAM = "def f(v0):\n  v0 *= 2\n  return v0\n\noutput = f(6)"
CONSIDER = "Consider the following Python function:\n\n"
EXECUTION = "\n\nWhat is the execution trace?\n\n[BEGIN]\n\n"
TRACE = """state: {}
line: def f(v0):
state: {"f": "<callable_object f>"}
line: output = f(6)
state: {"v0": 6}
line:   v0 *= 2
state: {"v0": 12}
line:   return v0
state: {"f": "<callable_object f>", "output": 12}"""


# Prompts


@pytest.mark.parametrize(
    ("name", "question", "form", "text"),
    [
        ("long-addition", SUM, "scratchpad", f"Input:\n{SUM}\n\nTarget:\n{SUM_WORK}"),
        ("long-addition", SUM, "direct", f"Input:\n{SUM}\n\nTarget:\n8 6"),
        ("polynomials", POLYNOMIAL, "scratchpad", f"Input:\n{POLYNOMIAL}\nTarget:\n{POLYNOMIAL_WORK}"),
        ("programs", PROGRAM, "scratchpad", f"{CONSIDER}{PROGRAM}{EXECUTION}{TRACE}\n\n[DONE]"),
    ],
)
def test_prompts_are_the_papers(name: str, question: str, form: str, text: str) -> None:
    """Byte for byte: the question in the prompt, and the question with its work as an example."""
    task = task_named(name)
    prompt = few_shot_prompt(task, format_named(form), task.parse(question), 0)
    assert prompt.text == prompt.question
    assert prompt.text + prompt.target + task.texts.prompt_template(format_named(form)).after == text


@pytest.mark.parametrize("name", TASKS)
def test_examples_are_fixed_and_never_the_question(name: str) -> None:
    task, form = task_named(name), format_named("scratchpad")
    trained = [question for _, question in draws(task, 3, "train", 0, 4)]
    asked = [*(question for _, question in draws(task, 3, "test", 0, 5)), trained[1]]
    prompts = [few_shot_prompt(task, form, question, 3, seed=3) for question in asked]
    expected = [
        question_and_work(task, form.write(task, question))[1] + task.texts.prompt_template(form).after
        for question in trained
    ]
    assert all([work for _, work in prompt.examples] == expected[:3] for prompt in prompts[:-1])
    assert [work for _, work in prompts[-1].examples] == [expected[0], *expected[2:]]
    for prompt in prompts:
        questions = [question for question, _ in prompt.examples]
        assert prompt.question not in questions
        assert prompt.text == "".join(f"{q}{work}\n\n" for q, work in prompt.examples) + prompt.question
        assert prompt.text.count(prompt.stop.strip()) == (3 if "DONE" in prompt.stop else 4)


def test_the_questions_program_is_no_example_with_another_input() -> None:
    task = task_named("programs", {"runs": 3})
    question = task.draw(0, "train", 4)
    prompt = few_shot_prompt(task, format_named("direct"), question, 5)
    problems = [asked.partition("\n\noutput")[0] for asked, _ in prompt.examples]
    assert len({*problems, prompt.question.partition("\n\noutput")[0]}) == 6


def test_chat_messages_hold_the_same_text() -> None:
    task = task_named("long-addition")
    prompt = few_shot_prompt(task, format_named("scratchpad"), task.parse(SUM), 2)
    assert [said["role"] for said in prompt.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert prompt.messages[-1]["content"] == f"Input:\n{SUM}\n\nTarget:"
    assert [said["content"] for said in prompt.messages[1::2]] == [work for _, work in prompt.examples]


def test_each_state_of_a_chain_has_its_own_lines() -> None:
    task = task_named("parity", {"window": 5})
    document = format_named("inductive").write(task, task.parse("_1_01="))
    assert question_and_work(task, document) == ("_1_01=", "[01]1,1\n[03]0,1\n[04]1,0\n[05]_,0")
    given = Document((), (("a", "<sep>"), ("b", "<sep>"), ("c", "<end>")))
    assert question_and_work(task, given) == ("a", "b\nc")


def test_too_few_problems_are_refused() -> None:
    task = task_named("parity", {"bits": 1, "window": 1})
    with pytest.raises(ScratchpadError, match="1003 questions drawn from parity come from only 1 problems other"):
        few_shot_prompt(task, format_named("direct"), task.parse("1="), 3)


def test_too_many_shots_are_refused_before_a_draw() -> None:
    class Undrawn(Parity):
        def draw(self, seed: int, split: str, index: int) -> Symbols:
            raise AssertionError

    with pytest.raises(ScratchpadError, match=r"999,999 worked examples are not possible. Choose from 0 to 1,000."):
        few_shot_prompt(Undrawn(window=5), format_named("direct"), tuple("_1_01="), 999_999)


# Scoring


def verdicts(name: str, form: str, question: str, written: str, **settings: Any) -> str:
    """Return output and trace under strict scoring, then under relaxed: `+` correct, `-` wrong, `.` none."""
    task = task_named(name, settings)
    verdicts = score_text(task, format_named(form), task.parse(question), written)
    shown = {True: "+", False: "-", None: "."}
    return " ".join(shown[v.output] + shown[v.trace] for v in (verdicts["strict"], verdicts["relaxed"]))


def spoiled(name: str, target: str) -> str:
    """Return a true work with one symbol of its answer changed; in most tasks the last digit."""
    if name == "heights":
        return target.removesuffix("Yes") + "No" if target.endswith("Yes") else target.removesuffix("No") + "Yes"
    place = max(i for i, letter in enumerate(target) if letter.isdecimal())
    if name in ("addition-random-space", "addition-shift"):  # symbols that say nothing follow the sum
        last = max(target.rfind(SEP) + len(SEP) if SEP in target else 0, target.rfind("\n") + 1)
        place = max(last, target.find("r", last) + 1) if name == "addition-random-space" else last
    return f"{target[:place]}{(int(target[place]) + 1) % 10}{target[place + 1 :]}"


@pytest.mark.parametrize("name", TASKS)
def test_the_true_work_is_correct_and_a_changed_one_is_not(name: str) -> None:
    task = task_named(name)
    for form in map(format_named, format_names(task)):
        for _, question in draws(task, 0, "test", 0, 5):
            template = task.texts.prompt_template(form)
            _, target = question_and_work(task, form.write(task, question))
            trace = None if form.name in ("direct", "filler") else True
            for text in (target, f"\n {target}{template.stop}and so on", f"{target}\n"):
                verdicts = score_text(task, form, question, text)
                states = None if trace is None else (True,) * len(verdicts["strict"].states or ())
                assert states is None or states
                assert verdicts == dict.fromkeys(("strict", "relaxed"), Verdict(True, trace, states))
            verdicts = score_text(task, form, question, spoiled(name, target))
            assert not any(verdict.output or verdict.trace for verdict in verdicts.values())
            assert trace is None or not any(all(verdict.states or ()) for verdict in verdicts.values())
            assert not any(verdict.output or verdict.trace for verdict in score_text(task, form, question, "").values())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (SUM_WORK, "++ ++"),
        (SUM_WORK.replace(" ", ""), "-- ++"),
        (SUM_WORK.replace("C: 1", "C: 0"), "+- +-"),
        (SUM_WORK.replace(" ,  C", " , C"), "+- ++"),
        (SUM_WORK.replace("\n8 6", "\n8 7"), "-- --"),
        (f"{SUM_WORK}\n\nInput:\n1 + 1\n\nTarget:\n2", "++ ++"),
        (f"Target:\n{SUM_WORK}", "+- ++"),
        ("The sum is 86", "-- +-"),
        ("8 6", "-- +-"),
        ("186", "-- --"),
    ],
)
def test_sums_by_hand(written: str, expected: str) -> None:
    assert verdicts("long-addition", "scratchpad", SUM, written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("total: 5", "+. +."), ("5", "-. +."), ("total:  5", "-. +."), ("total: -5", "-. -."), ("15", "-. -.")],
)
def test_values_by_hand(written: str, expected: str) -> None:
    assert verdicts("polynomials", "direct", POLYNOMIAL, written) == expected


LAST = 'state: {"f": "<callable_object f>", "output": 12}'


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (TRACE, "++ ++"),
        (f"{TRACE}\n\n[DONE]\n\nConsider", "++ ++"),
        (f"[BEGIN]\n\n{TRACE}\n\n[DONE]", "+- ++"),
        (TRACE.replace("line: output", "[BEGIN]\nline: output"), "+- +-"),
        (TRACE.replace("\n", "\r\n"), "+- ++"),
        (TRACE.replace("line: output = f(6)", "line: output = f(6) "), "+- ++"),
        (TRACE.replace(LAST, 'state: {"output":12,   "f": "<callable_object f>"}'), "++ ++"),
        (TRACE.replace("line:   v0 *= 2", "line: v0 *= 2"), "+- ++"),
        (TRACE.replace('{"v0": 12}', '{"v0": 13}'), "+- +-"),
        (TRACE.replace('{"v0": 12}', '{"v0": 12.0}'), "+- +-"),
        (TRACE.replace('{"v0": 12}', '{"v0": "12"}'), "+- +-"),
        (TRACE.replace("state: {}\n", ""), "+- +-"),
        (TRACE.replace("state: {}\n", "\nstate: {}\n\n"), "+- ++"),
        (TRACE.replace(LAST, 'state: {"v0": 12}'), "-- +-"),
        (TRACE.removesuffix(f"\n{LAST}"), "-- +-"),
        (TRACE.replace('"output": 12', '"output": 13'), "-- --"),
        (TRACE.replace('"output": 12}', '"output": 12'), "-- +-"),
        ("12", "-- +-"),
        ("It is\n12", "-- +-"),
        ("state: [12", "-- --"),
        ("line: v0 = 12", "-- --"),
        (TRACE.replace("f(6)", "f(12)").partition('\nstate: {"v0": 6}')[0], "-- --"),
    ],
)
def test_traces_by_hand(written: str, expected: str) -> None:
    """States are values; without `output` the relaxed scoring reads `v0`, as the paper does; no number of a line."""
    assert verdicts("programs", "scratchpad", PROGRAM, written) == expected


HEIGHTS = "Ana is taller than Ben. Cem is taller than Ana. Eva is taller than Cem. Dan is taller than Eva."


@pytest.mark.parametrize(
    ("form", "written", "expected"),
    [
        ("direct", "No", "+. +."),
        ("direct", "No.", "-. +."),
        ("direct", "no", "-. +."),
        ("direct", "No, he is not.", "-. +."),
        ("direct", "**No**", "-. +."),
        ("direct", "_No_\n\nBoth are tall.", "-. +."),
        ("direct", "Yes? The answer is NO!", "-. +."),
        ("direct", "No is wrong: yes", "-. -."),
        ("direct", "Noah", "-. -."),
        ("inductive", "Ben is taller than Ana.\nNo", "+- +-"),
        ("inductive", "No", "++ ++"),
    ],
)
def test_words_by_hand(form: str, written: str, expected: str) -> None:
    assert verdicts("heights", form, f"{HEIGHTS} Is Ben taller than Cem?", written) == expected


def test_comparisons_are_asked_in_english() -> None:
    task, asked = task_named("heights"), f"{HEIGHTS} Is Cem taller than Ben?"
    prompt = few_shot_prompt(task, format_named("direct"), task.parse(asked), 0)
    assert prompt.text == f"Input:\n{asked}\nAnswer Yes or No.\n\nTarget:\n"
    inductive = few_shot_prompt(task, format_named("inductive"), task.parse(asked), 0)
    assert inductive.target == "Cem is taller than Ana.\nCem is taller than Ben. Yes"
    assert "the last word is Yes or No" in inductive.text


def test_chains_by_hand() -> None:
    chain = "[01]1,1\n[03]0,1\n[04]1,0\n[05]_,0"
    for written, expected in (
        (chain, "++ ++"), (chain.replace("]0,1", "]0,0"), "+- +-"), (chain.replace("\n", "\n\n "), "+- ++"),
        ("[05]_,0", "+- +-"), ("[05]_,1", "-- --"), ("0", "+- +-"), ("?", "-- --"),
    ):  # fmt: skip
        assert verdicts("parity", "inductive", "_1_01=", written, window=5) == expected
