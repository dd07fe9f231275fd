"""Scoring of a text that any model wrote: its answer and its whole work (Nye et al. 2021, section 5).

Strict scoring compares the work line by line, including white space at line ends. States are compared by their values,
so the order of names and the white space inside a state do not matter. A line that starts with the stop text ends the
work. Relaxed scoring ignores white space. A line that ends with the stop text also ends the work, and the text may
repeat the last line of the prompt. The answer is the last number of the last line, unless the task has another rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scratchpad.evaluation.few_shot import question_and_work
from scratchpad.evaluation.intervals import Share
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, as_text
from scratchpad.tasks.formats import Format

SCORINGS = ("strict", "relaxed")


@dataclass(frozen=True)
class Verdict:
    """The verdict on a text. `output`: whether the answer is correct. `trace`: whether the whole work is correct.

    `states`: whether each true state is in the correct place. For formats without work, `trace` and `states` are None.
    """

    output: bool
    trace: bool | None
    states: tuple[bool, ...] | None = None


def share_of_problems(verdicts: Iterable[tuple[Symbols, bool]]) -> Share:
    """Return the share of problems whose examples are all correct. `verdicts`: (problem, correct) per example."""
    problems: dict[Symbols, bool] = {}
    for problem, correct in verdicts:
        problems[problem] = problems.get(problem, True) and correct
    return Share.of(problems.values())


def score_text(task: Task, format: Format, question: Symbols, written: str) -> dict[str, Verdict]:
    """Return the strict and the relaxed verdict on the text `written`. Text after the stop text is ignored."""
    document, template = format.write(task, question), task.texts.prompt_template(format)
    _, target = question_and_work(task, document)
    work, relaxed_work = _cut(written, template.stop, target)
    truth, found = task.truth(question), _answer(task, format, question, work)
    relaxed_work = relaxed_work.removeprefix(template.start).strip()
    relaxed = task.texts.relaxed_answer(relaxed_work) == task.texts.relaxed_answer(as_text(truth))
    if not format.has_work:
        return {"strict": Verdict(found == truth, None), "relaxed": Verdict(found == truth or relaxed, None)}
    return {
        "strict": Verdict(found == truth, *_work_verdicts(task, work, target)),
        "relaxed": Verdict(
            found == truth or relaxed, *_work_verdicts(task, *map(_without_space, (relaxed_work, target)))
        ),
    }


def _cut(written: str, stop: str, target: str) -> tuple[str, str]:
    """Return the text before the stop text, for strict and for relaxed scoring.

    In strict scoring, only a line that starts with the stop text ends the work. In relaxed scoring, a line that ends
    with the stop text also ends the work, unless a line of the true work (`target`) ends with the stop text.
    """
    mark = re.escape(stop.strip())
    begun = re.split(rf"(?m)^[^\S\n]*{mark}", written, maxsplit=1)[0]
    ends = rf"(?m){mark}[^\S\n]*$"
    return begun.strip(), (begun if re.search(ends, target) else re.split(ends, begun, maxsplit=1)[0]).strip()


def _work_verdicts(task: Task, work: str, target: str) -> tuple[bool, tuple[bool, ...]]:
    """Return two verdicts: whether the whole work is correct, and whether each true state is in the correct place."""
    written, states = task.texts.read_states(work), task.texts.read_states(target)
    in_place = tuple(place < len(written) and written[place] == state for place, state in enumerate(states))
    return task.texts.read_work(work) == task.texts.read_work(target), in_place


def _answer(task: Task, format: Format, question: Symbols, work: str) -> Symbols | None:
    texts = work.split("\n") if format.inductive else [work]
    states = [task.split(text) for text in texts]
    ended = [(*state, END if i == len(states) - 1 else SEP) for i, state in enumerate(states)]
    return format.read_answer(task, question, ended)


def _without_space(text: str) -> str:
    return "\n".join("".join(line.split()) for line in text.split("\n") if line.strip())


def shares_by_metric(scored: Iterable[tuple[Symbols, dict[str, Verdict]]]) -> Iterator[tuple[str, str, str, Share]]:
    """Yield (scoring, metric, unit, share). `scored`: one pair (problem, {scoring: verdict}) per example.

    The metrics `output` and `trace` count correct examples, and problems whose examples are all correct. The metric
    `state` counts true states in the correct place. The interval of `state` assumes that states are independent.
    """
    verdicts = list(scored)
    for scoring in SCORINGS:
        for metric in ("output", "trace"):
            examples = [(problem, getattr(verdict[scoring], metric)) for problem, verdict in verdicts]
            if any(correct is None for _, correct in examples):
                continue
            yield scoring, metric, "example", Share.of(correct for _, correct in examples)
            yield scoring, metric, "problem", share_of_problems(examples)
        states = [correct for _, verdict in verdicts for correct in verdict[scoring].states or ()]
        if states:
            yield scoring, "state", "step", Share.of(states)
