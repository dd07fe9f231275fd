"""Tasks about real Python programs. A program runs when its document is written (Nye et al. 2021, section 5).

A question is a program that ends with a call, `output = f(6)`. The format `direct` writes the value of `output` as a
Python literal. `scratchpad` writes the paper's trace, with one entry per line that CPython runs. `changes` writes a
trace that shows only changed variables. In the format `inductive`, the question has numbered lines and states are
JSON. The question and one state determine the next state:

    1 def f(n): ... <start> {"frames": [{"in": "<module>", "line": 1, "locals": {}}]} <sep> ...
    <sep> {"f": "<callable_object f>", "output": 6} <end>
"""

from __future__ import annotations

import ast
import json
import string
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError, SkippedProblem
from scratchpad.programs import (
    LIMIT_STATUSES,
    STATUSES,
    JsonWriter,
    ResourceLimits,
    Runner,
    Trace,
    count_statuses,
    same_json,
    trace_text,
    with_call,
)
from scratchpad.random_stream import Stream
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.document import MARKS, TAGS, letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.program_traces import TraceTask, TraceTexts, relaxed_output
from scratchpad.tasks.text_rules import TextRules, last_line

_SECONDS = 20.0  # a time limit so long that runs exceed the limit on lines first, even on a busy machine
_TRACES_CACHED = 64
_PLAIN_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class ProgramProblem:
    """A program and its calls. Each call makes a question.

    `calls`: expressions such as `f(6)`, or None in place of a call if the program itself sets `output`.
    `setup`: code that is put between the program and each call.
    """

    program: str
    calls: tuple[str | None, ...]
    split: str
    setup: str = ""

    @property
    def questions(self) -> tuple[Symbols, ...]:
        program = f"{self.program}\n{self.setup}" if self.setup else self.program
        return tuple(letters(with_call(program, call)) for call in self.calls)


class _Texts(TraceTexts):
    def relaxed_answer(self, work: str) -> str:
        # Values are compared as JSON, in which a tuple and a list are the same.
        value, *_ = relaxed_output(work) or [_literal_in(work)]
        return json.dumps(value, sort_keys=True)


@dataclass(frozen=True)
class ProgramRuns(TraceTask):
    """`path`: the file with the data. `lines`: the number of lines of a program.
    `steps`: the largest number of lines that a run may execute; longer runs are left out.
    `most_characters`: the largest number of characters in the paper's trace; a problem with a longer trace is left out
    (0: no limit; 1066 characters are about the paper's 512 tokens).
    """

    size_setting: ClassVar[str] = "lines"
    small: ClassVar[str] = "model.positions=rotary"
    texts: ClassVar[TextRules] = _Texts()
    seeded: ClassVar[bool] = False

    path: str = ""
    lines: Lengths = field(default=Lengths(1, 100_000), metadata=BEYOND_PAPER)
    steps: int = field(default=1000, metadata=BEYOND_PAPER)
    most_characters: int = field(default=0, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.most_characters < 0:
            raise ScratchpadError(
                f"{self.name}: steps={self.steps} most_characters={self.most_characters}: steps must be at least "
                "1, and most_characters must be at least 0"
            )

    def problems(self) -> Iterable[ProgramProblem]:
        """Yield the problems in the order of the data."""
        raise NotImplementedError

    # -- questions

    def count(self, split: str) -> int:
        return len(self._parts.get(split, ()))

    def default_test_sizes(self) -> tuple[int, ...]:
        return tuple(sorted({_line_count(question) for question in self._parts.get("test", ())}))

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        part = self._parts.get(split)
        if not part:
            splits = ", ".join(f"{name} ({len(held)})" for name, held in self._parts.items())
            lines = self.lines.to_json()
            raise ScratchpadError(
                f"{self.name}: no {split} program has lines={lines}; in other splits: {splits or 'none'}"
            )
        return part[index % len(part)]

    def question(self, rng: Stream, size: int) -> Symbols:
        return rng.choice([self.draw(0, "train", index) for index in range(self.count("train"))])

    def symbols(self) -> Symbols:
        held = {symbol for part in self._parts.values() for question in part for symbol in question}
        return tuple(sorted(held.union(string.printable) - {*MARKS, *TAGS})) + TAGS

    def parse(self, text: str) -> Symbols:
        return letters(text.replace("\\n", "\n"))

    @cached_property
    def _parts(self) -> dict[str, list[Symbols]]:
        parts: dict[str, list[Symbols]] = {}
        for problem in self._problems:
            for question in problem.questions:
                if self.lines.contains(_line_count(question)):
                    parts.setdefault(problem.split, []).append(question)
        return parts

    @cached_property
    def _problems(self) -> tuple[ProgramProblem, ...]:
        return tuple(self.problems())

    @cached_property
    def _same_problem(self) -> dict[Symbols, tuple[Symbols, ...]]:
        """A map from each question to all questions about the same program."""
        return {question: each.questions for each in self._problems for question in each.questions}

    # -- runs

    @cached_property
    def _runner(self) -> Runner:
        runner = Runner(ResourceLimits(seconds=_SECONDS, steps=self.steps))
        weakref.finalize(self, runner.close)
        return runner

    @cached_property
    def _run(self) -> Callable[[Symbols, bool], Trace]:
        runner = self._runner

        def run(question: Symbols, inductive: bool) -> Trace:
            return (runner.run_inductive if inductive else runner.run)("".join(question))

        return lru_cache(_TRACES_CACHED)(run)

    def traced(self, question: Symbols, inductive: bool = False) -> Trace:
        """Run a question's program and return the trace. Raises SkippedProblem if the run must be left out."""
        trace = self._run(question, inductive)
        reason = _reason_to_skip(question, trace) or self._over_length(question)
        if reason:
            error = f" ({trace.error})" if trace.error else ""
            raise SkippedProblem(
                f"{self.name}: the run of {''.join(question[:60])!r}... is left out: {reason}{error}; "
                "`scratchpad data` skips such runs and counts them",
                reason,
            )
        return trace

    def _over_length(self, question: Symbols) -> str:
        if not self.most_characters:
            return ""
        traces = [self._run(each, False) for each in self._same_problem.get(question, (question,))]
        fits = all(
            trace.status not in LIMIT_STATUSES and len(trace_text(trace)) <= self.most_characters for trace in traces
        )
        return "" if fits else f"a trace over {self.most_characters:,} characters"

    def states(self, question: Symbols) -> Iterator[Symbols]:
        trace = self.traced(question, inductive=True)
        yield from (letters(json.dumps(state)) for state in (*(step.state for step in trace.steps), trace.state))

    def first(self, question: Symbols) -> Symbols:
        return next(self.states(question))

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        names = _names_in(state)
        if "frames" not in names and "output" in names:
            return None
        trace = self._runner.resume("".join(question), names, ResourceLimits(seconds=_SECONDS, steps=1))
        if not trace.steps and trace.status != "done":
            raise ValueError(f"this state has no next state: {trace.status}: {trace.error}")
        return letters(json.dumps(trace.steps[0].state if trace.steps else trace.state))

    def direct_answer(self, question: Symbols) -> Symbols:
        return self.truth(question)

    def truth(self, question: Symbols) -> Symbols:
        """Return the output of CPython. The inductive states come from this package's own interpreter."""
        return letters(self.traced(question).output_text or "")

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        return self._literal(question, _names_in(state)["output"])

    def _literal(self, question: Symbols, value: Any) -> Symbols:
        """If `value` equals the output, return the output as a Python literal. Otherwise return `value` as JSON."""
        is_correct = same_json(value, self.traced(question).output)
        return self.truth(question) if is_correct else letters(json.dumps(value))

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        trace = self.traced(question)
        return letters(trace_text(trace.changes() if format.only_changes else trace))

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        return self._literal(question, json.loads("".join(text).rpartition("\nstate: ")[2])["output"])

    def inductive_question(self, question: Symbols) -> Symbols:
        lines = "".join(question).split("\n")
        width = len(str(len(lines)))
        return letters("\n".join(f"{number:{width}} {line}".rstrip() for number, line in enumerate(lines, 1)))


def _literal_in(work: str) -> Any:
    """Read the last non-empty line as a Python literal or as JSON. Return the value in the form that states use."""
    last = last_line(work)
    text = last.removeprefix("output").lstrip().removeprefix("=").strip() if last.startswith("output") else last
    for read in (ast.literal_eval, json.loads):
        try:
            return JsonWriter(_PLAIN_CHARACTERS).json(read(text))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text


def _reason_to_skip(question: Symbols, trace: Trace) -> str:
    """Return the reason for leaving a run out, or an empty string if the run is kept."""
    if trace.status != "done":
        (status,) = count_statuses([trace])
        return f"{status}: {STATUSES[trace.status]}" if trace.status in LIMIT_STATUSES else status
    if "output" not in trace.state:
        return "no output: the program does not set `output`"
    if trace.cuts:
        return "a value that is too long"
    return "a mark in the program" if set(question) & set(MARKS) else ""


def _names_in(state: Symbols) -> dict[str, Any]:
    """Return the JSON object in a state. Raises ValueError if the state is not a JSON object."""
    names = json.loads("".join(state))
    if not isinstance(names, dict):
        raise ValueError(f"a state must be a JSON object, not {''.join(state)[:60]}")
    return names


def _line_count(question: Symbols) -> int:
    return question.count("\n") + 1
