"""Scoring what any model wrote: its answers, and its whole work (Nye et al. 2021, section 5).

strict: the text is read in the format's own way; work is compared line by line, and states in it as values, so that
neither the order of names nor white space within one counts. The stop that ends it begins a line: elsewhere it may be
part of the work. Line ends and white space at the end of lines count. relaxed: white space counts nowhere, the stop may
end a line, too, the line that the prompt ends with may be repeated, and the answer is the last number of the last line,
or what a task takes for it: of heights the last yes or no, of a program's trace `output` in the last state or, without
one, `v0` (where it has neither there is none).
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
    """Whether the answer is right, whether all of the work is, and whether each true state stands in its place.

    trace, states: None where the format has no work.
    """

    output: bool
    trace: bool | None
    states: tuple[bool, ...] | None = None


def share_of_problems(rights: Iterable[tuple[Symbols, bool]]) -> Share:
    """The share of problems that are right, each where all its examples are; of examples with their problems."""
    problems: dict[Symbols, bool] = {}
    for problem, right in rights:
        problems[problem] = problems.get(problem, True) and right
    return Share.of(list(problems.values()))


def score_text(task: Task, format: Format, question: Symbols, written: str) -> dict[str, Verdict]:
    """The verdicts on what a model wrote, by the name of the scoring. What follows after the stop is left out."""
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
    """What stands before the stop, where that begins a line; and what does where it may end one, too, if no line of the
    true work ends so.
    """
    mark = re.escape(stop.strip())
    begun = re.split(rf"(?m)^[^\S\n]*{mark}", written, maxsplit=1)[0]
    ends = rf"(?m){mark}[^\S\n]*$"
    return begun.strip(), (begun if re.search(ends, target) else re.split(ends, begun, maxsplit=1)[0]).strip()


def _work_verdicts(task: Task, work: str, target: str) -> tuple[bool, tuple[bool, ...]]:
    """Whether all of a work is right, and whether each true state stands in its place."""
    written, states = task.texts.read_states(work), task.texts.read_states(target)
    in_place = tuple(place < len(written) and written[place] == state for place, state in enumerate(states))
    return task.texts.read_work(work) == task.texts.read_work(target), in_place


def _answer(task: Task, format: Format, question: Symbols, work: str) -> Symbols | None:
    """The answer in a work as text, None where there is none to be read."""
    texts = work.split("\n") if format.inductive else [work]
    states = [task.split(text) for text in texts]
    ended = [(*state, END if i == len(states) - 1 else SEP) for i, state in enumerate(states)]
    try:
        return format.answer(task, question, ended)
    except (ValueError, IndexError, KeyError, TypeError):
        return None


def _without_space(text: str) -> str:
    return "\n".join("".join(line.split()) for line in text.split("\n") if line.strip())


def shares_by_metric(judged: Iterable[tuple[Symbols, dict[str, Verdict]]]) -> Iterator[tuple[str, str, str, Share]]:
    """(scoring, metric, unit, share) of verdicts with their problems.

    Metrics: output and trace, by example and by problem, right where all its examples are; and state by step: the share
    of all true states that stand in their places (its interval takes them to be independent).
    """
    verdicts = list(judged)
    for scoring in SCORINGS:
        for metric in ("output", "trace"):
            rights = [(problem, getattr(verdict[scoring], metric)) for problem, verdict in verdicts]
            if any(right is None for _, right in rights):
                continue
            yield scoring, metric, "example", Share.of([right for _, right in rights])
            yield scoring, metric, "problem", share_of_problems(rights)
        states = [right for _, verdict in verdicts for right in verdict[scoring].states or ()]
        if states:
            yield scoring, "state", "step", Share.of(states)
