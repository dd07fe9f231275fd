"""In every task and format, the answer read from the true text is the oracle's; a changed text gives another answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from task_cases import CASE_NAMES, CASES, LAID_OUT

from scratchpad.errors import ScratchpadError
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.formats import format_named, format_names


@pytest.fixture(params=CASES, ids=CASE_NAMES)
def task(request: pytest.FixtureRequest) -> Task:
    name, settings = request.param
    return task_named(name, settings)


def read(task: Task, form: str, question: Symbols, states: Sequence[Symbols]) -> Symbols | None:
    """Return the answer in states; None if it cannot be read."""
    try:
        return format_named(form).answer(task, question, states)
    except (ValueError, IndexError):
        return None


def where_it_counts(task: Task, form: str, question: Symbols, states: Sequence[Symbols]) -> list[int]:
    """Return the places near the end of the last state at which any other symbol changes the answer."""
    *before, last = states
    truth, others = task.truth(question), sorted({*"01a$;", "No", "Yes"})

    def spoils(place: int) -> bool:
        changed = [(*last[:place], symbol, *last[place + 1 :]) for symbol in others if symbol != last[place]]
        return all(read(task, form, question, [*before, state]) != truth for state in changed)

    return [place for place in range(max(0, len(last) - 61), len(last) - 1) if spoils(place)]


@pytest.mark.parametrize("form", [*format_names(), "changes"])
def test_the_answer_in_the_text_is_the_oracles_and_a_changed_one_is_not(task: Task, form: str) -> None:
    for _, question in draws(task, 0, "train", 0, 7):
        if form not in format_names(task):
            with pytest.raises(ScratchpadError, match=f"{task.name} has no format {form}, only direct, scratchpad"):
                format_named(form).write(task, question)
            return
        states, truth = format_named(form).write(task, question).states, task.truth(question)
        last = states[-1]
        assert read(task, form, question, states) == truth
        if task.name in (*LAID_OUT, "polynomials"):  # the answer may be written otherwise than in the text
            place = max(i for i, symbol in enumerate(last) if symbol.isdecimal())
            for symbol in {"0", "1", "2", "3"} - {last[place]}:
                changed = (*last[:place], symbol, *last[place + 1 :])
                assert read(task, form, question, [*states[:-1], changed]) != truth
            continue
        places = where_it_counts(task, form, question, states)
        runs = [list(range(start, start + len(truth))) for start in places]
        assert any(tuple(last[i] for i in run if i in places) == truth for run in runs if run[-1] < len(last))
