"""Prompts, and rules to read and compare traces, for all tasks about runs of Python programs."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from scratchpad.programs import prompt_parts
from scratchpad.tasks.document import as_text, letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.induction import Symbols
from scratchpad.tasks.text_rules import PromptTemplate, TextRules, last_line
from scratchpad.tasks.text_task import TextTask

_STATE = "state:"
_LINE = "line:"
_CALL = "\n\noutput = "


class TraceTexts(TextRules):
    """Rules for the texts of tasks in which a model writes the trace of a program. States are compared as JSON."""

    def prompt_template(self, format: Format) -> PromptTemplate:
        return PromptTemplate(*prompt_parts("execution trace" if format.has_work else "value of output"))

    def problem(self, question: Symbols) -> Symbols:
        return program_of(question)

    def read_work(self, work: str) -> tuple[Any, ...]:
        return tuple(state_in(line) or line for line in work.split("\n"))

    def read_states(self, work: str) -> tuple[Any, ...]:
        return tuple(filter(None, map(state_in, work.split("\n")))) or self.read_work(work)

    def matches(self, written: Symbols, true: Symbols) -> bool:
        return self.read_work(as_text(written)) == self.read_work(as_text(true))

    def relaxed_answer(self, work: str) -> str:
        """Return the value of `output` in the last state of a trace, or of `v0` if the state has no `output`.

        The paper scores answers in this way. If the state has neither variable, the result is an empty string. A text
        that is not a trace is read as in other tasks.
        """
        outputs = relaxed_output(work)
        is_trace = last_line(work).startswith((_STATE, _LINE))
        return str(outputs[0]) if outputs else "" if is_trace else super().relaxed_answer(work)


class TraceTask(TextTask):
    """A task with traces: lines `state: {...}` and lines `line: ...` alternate (Nye et al. 2021, section 5)."""

    extra_formats: ClassVar[tuple[str, ...]] = ("changes",)
    texts: ClassVar[TextRules] = TraceTexts()


def program_of(question: Symbols) -> Symbols:
    """Return a question without the call at its end, such as `output = f(6)`."""
    program, mark, call = "".join(question).rpartition(_CALL)
    return letters(program) if mark and "\n" not in call else question


def last_names(work: str) -> dict[str, Any]:
    """Return the variables in the last state of the text `work`, or {} if the text has no state."""
    found = [state for state in map(state_in, work.split("\n")) if state]
    return json.loads(found[-1].removeprefix(_STATE)) if found else {}


def relaxed_output(work: str) -> list[Any]:
    """Return a list with the last state's value of `output`, or else of `v0`. The list is empty if both are missing."""
    names = last_names(work)
    return [names[name] for name in ("output", "v0") if name in names][:1]


def state_in(line: str) -> str:
    """Return the state in a line as JSON with sorted names, or an empty string if the line has no state.

    In a trace, a state begins with `state:`, and the result keeps this prefix. In a chain, a state has no prefix.
    """
    mark = _STATE if line.startswith(_STATE) else ""
    try:
        names = json.loads(line.removeprefix(mark))
    except (ValueError, RecursionError):
        return ""
    return mark + json.dumps(names, sort_keys=True) if isinstance(names, dict) else ""
