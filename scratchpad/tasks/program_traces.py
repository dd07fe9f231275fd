"""What tasks about the runs of Python programs share: how they are asked, and how a trace is read and compared."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from scratchpad.tasks.document import as_text, letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.induction import Symbols
from scratchpad.tasks.prompt_template import PromptTemplate
from scratchpad.tasks.text_rules import TextRules, last_line
from scratchpad.tasks.text_task import TextTask

_STATE = "state:"
_LINE = "line:"
_CALL = "\n\noutput = "


class TraceTexts(TextRules):
    """Questions are programs; works are traces, whose states are compared as values."""

    def prompt_template(self, format: Format) -> PromptTemplate:
        asked = "execution trace" if format.has_work else "value of output"
        between = f"\n\nWhat is the {asked}?\n\n[BEGIN]\n\n"
        return PromptTemplate("Consider the following Python function:\n\n", between, "\n\n[DONE]")

    def problem(self, question: Symbols) -> Symbols:
        return program_of(question)

    def read_work(self, work: str) -> tuple[Any, ...]:
        return tuple(state_in(line) or line for line in work.split("\n"))

    def read_states(self, work: str) -> tuple[Any, ...]:
        return tuple(filter(None, map(state_in, work.split("\n")))) or self.read_work(work)

    def matches(self, written: Symbols, true: Symbols) -> bool:
        return self.read_work(as_text(written)) == self.read_work(as_text(true))

    def relaxed_answer(self, work: str) -> str:
        """`output` in the last state, or `v0` where it has none: the paper's relaxed scoring. A trace with neither has
        no answer; of any other text it is read as everywhere.
        """
        shown = relaxed_output(work)
        is_trace = last_line(work).startswith((_STATE, _LINE))
        return str(shown[0]) if shown else "" if is_trace else super().relaxed_answer(work)


class TraceTask(TextTask):
    """A task whose paper's text is a trace: `state: {...}` and `line: ...` in turn (Nye et al. 2021, section 5)."""

    extra_formats: ClassVar[tuple[str, ...]] = ("changes",)
    texts: ClassVar[TextRules] = TraceTexts()


def program_of(question: Symbols) -> Symbols:
    """The program of a question that ends with a call of it, `output = f(6)`; of any other question all of it."""
    program, mark, call = "".join(question).rpartition(_CALL)
    return letters(program) if mark and "\n" not in call else question


def last_names(work: str) -> dict[str, Any]:
    """The last state of a work; empty where there is none."""
    found = [state for state in map(state_in, work.split("\n")) if state]
    return json.loads(found[-1].removeprefix(_STATE)) if found else {}


def relaxed_output(work: str) -> list[Any]:
    """The value of `output` in the last state of a work, or of `v0` where that has none; nothing without either."""
    names = last_names(work)
    return [names[name] for name in ("output", "v0") if name in names][:1]


def state_in(line: str) -> str:
    """The state in a line of a trace, as JSON with its names in order; empty for a line without one.

    In a chain of states a line is one without `state:` before it, and stays so.
    """
    mark = _STATE if line.startswith(_STATE) else ""
    try:
        names = json.loads(line.removeprefix(mark))
    except (ValueError, RecursionError):
        return ""
    return mark + json.dumps(names, sort_keys=True) if isinstance(names, dict) else ""
