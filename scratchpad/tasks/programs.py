"""Run a short Python program line by line (Nye et al. 2021, section 5.1).

    def f(v0):
      v0 += 0
      v4 = 2
      while v4 > 0:
        v4 -= 1
        v0 *= 2
      return v0

    output = f(6)

The format `scratchpad` writes the paper's trace: for each line that runs, the variables before the line as JSON, then
the line. `changes` writes only the variables that are new or have changed. `direct` writes only the value of `output`.
In the format `inductive`, the question gives each line with its number and the numbers of the lines that can run next.
A state holds the number of the next line and the variables:

    v0 = 6 -> L02 ; L02 v0 += 0 -> L03 ; L03 v4 = 2 -> L04 ; L04 while v4 > 0 : -> L05 else L07 ; ...
    <start> L02 : v0 = 6 <sep> L03 : v0 = 6 <sep> L04 : v0 = 6 , v4 = 2 <sep> ... <sep> output = 2 4 <end>
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Self

from scratchpad.config.lengths import Lengths, Numbers
from scratchpad.errors import ScratchpadError
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import BEYOND_PAPER, Symbols
from scratchpad.tasks.document import MARKS, letters
from scratchpad.tasks.formats import Format
from scratchpad.tasks.program_traces import TraceTask
from scratchpad.tasks.random_programs import ProgramGenerator
from scratchpad.tasks.small_language import HEAD, INDENT, TAIL, ProgramLine, SmallProgram, Values, read_program

_SIZES = {"train": 400, "validation": 100, "test": 200}
_MOST_LINES = 99
_TRIES = 1000
_OPERATORS = ("+=", "-=", "*=", "%=", "<=", ">=", "->")
_WORDS = ("while", "if", "else", "pass", "break", "continue", "return", "output")
_PIECES = re.compile(r"->|L\d\d|v\d|[a-z]+|[-+*%<>]=|\S")  # the last alternative splits a number into digits
_INTEGER = r"(?:0|-?[1-9]\d*)"
_STATE = re.compile(rf"L(\d\d):(v\d={_INTEGER}(?:,v\d={_INTEGER})*)")
_OUTPUT = re.compile(rf"output={_INTEGER}")
_FUNCTION = {"f": "<callable_object f>"}


@dataclass(frozen=True)
class Programs(TraceTask):
    """`repeats`: the number of times that a loop runs.
    `lines`: the number of lines in the body of f, without `return`.
    `constants`: the numbers in arithmetic and tests. `inputs`: the arguments of f.
    `runs`: the number of questions per program. Each of these questions has a different input.
    `modulus`: the divisor in the remainder line that follows each arithmetic line (0: no such lines).
    `steps`: the largest number of lines that a run may execute (0: no limit). At a size that is k times the largest
    value of `repeats`, the limit is k times as large.
    `least_steps`: the smallest number of lines that a run may execute.
    The defaults are the paper's. Bieber et al.'s generator has constants=1-9 repeats=2-9 modulus=1000.

    `reach`: the largest number of repeats at which `steps` limits the runs (0: not set). At a larger size, a run
    executes more than `steps` lines and at most steps * size / reach lines. For example, repeats=1-99 steps=60 reach=9
    trains on runs of at most 60 lines and tests on longer runs at size 90. In training, a long loop then occurs only if
    `break` ends it early. To train on the beginnings of long runs, set train.max_states instead of `steps`.
    """

    name: ClassVar[str] = "programs"
    summary: ClassVar[str] = "the output of a short Python program"
    source: ClassVar[str] = "Nye et al. 2021, section 5.1, after Bieber et al. 2020"
    size_setting: ClassVar[str] = "repeats"
    small: ClassVar[str] = (
        "lines=4-5 repeats=1-10 reach=1 modulus=10 least_steps=6 steps=30 model=small model.positions=rotary "
        "train.steps=1000 train.batch=32 train.samples=32000 evaluate.sizes=1,7"
    )
    characters: ClassVar[str] = '0123456789 abcdefghijklmnopqrstuvwxyz_+-*%=<>:(){}",;\n'
    examples = (
        (
            r"def f(v0):\n  v0 += 0\n  v4 = 2\n  while v4 > 0:\n    v4 -= 1\n    v0 *= 2\n  return v0\n\noutput = f(6)",
            {},
        ),
        (r"def f(v0):\n  if v0 % 10 < 2:\n    v0 -= 1\n  else:\n    pass\n  return v0\n\noutput = f(0)", {}),
        (r"def f(v0):\n  v0 *= 2\n  return v0\n\noutput = f(7)", {}),
    )

    repeats: Lengths = field(default=Lengths(1, 2))
    lines: Lengths = field(default=Lengths(3, 10))
    constants: Numbers = field(default=Numbers(0, 2))
    inputs: Numbers = field(default=Numbers(0, 9))
    runs: int = field(default=1, metadata=BEYOND_PAPER)
    modulus: int = field(default=0, metadata=BEYOND_PAPER)
    steps: int = field(default=0, metadata=BEYOND_PAPER)
    least_steps: int = field(default=0, metadata=BEYOND_PAPER)
    reach: int = field(default=0, metadata=BEYOND_PAPER)

    def __post_init__(self) -> None:
        inputs = self.inputs.high - self.inputs.low + 1
        if not 1 <= self.runs <= inputs:
            raise ScratchpadError(f"programs: runs={self.runs} must be from 1 to {inputs}, the number of inputs")
        if self.lines.high > (most := _MOST_LINES - 2):
            raise ScratchpadError(
                f"programs: lines={self.lines.to_json()} must be at most {most}: line numbers end at {_MOST_LINES}"
            )
        if min(self.modulus, self.steps) < 0:
            raise ScratchpadError(f"programs: modulus={self.modulus} steps={self.steps}: both must be at least 0")
        if min(self.least_steps, self.reach) < 0 or self.least_steps > self.steps > 0:
            raise ScratchpadError(
                f"programs: least_steps={self.least_steps} reach={self.reach}: both must be at least 0, "
                f"and least_steps must not exceed steps={self.steps} (unless steps=0: no limit)"
            )

    def symbols(self) -> Symbols:
        return _alphabet(self.characters)

    def split(self, text: str) -> Symbols:
        words = tuple(text.split())
        return words if set(words) <= {*self.symbols(), *MARKS} else super().split(text)

    def count(self, split: str) -> int | None:
        return _SIZES[split] * self.runs if split in _SIZES else None

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        program, run = divmod(index, self.runs)
        return self._drawn(Stream(stream_name(self.name, self.settings(), seed, split), program), run)

    def covered_sizes(self) -> Lengths:
        sizes = self.size_distribution()
        return Lengths(sizes.low, min(sizes.high, self.reach)) if sizes.low <= self.reach else sizes

    def at_size(self, size: int) -> Self:
        steps = int(self.steps * max(1, size / (self.reach or self.repeats.high)))
        least = self.steps + 1 if size > self.reach > 0 else self.least_steps
        return replace(super().at_size(size), steps=steps, least_steps=least, reach=0)

    def question(self, rng: Stream, size: int) -> Symbols:
        return self.at_size(size)._drawn(rng, run=0)

    def _drawn(self, rng: Stream, run: int) -> Symbols:
        for _ in range(_TRIES):
            body = ProgramGenerator(rng, self.constants, self.repeats, self.modulus).block(self.lines.draw(rng))
            text = "\n".join([HEAD, *(INDENT + line for line in body), TAIL])
            inputs = rng.sample(self.inputs.high - self.inputs.low + 1, self.runs)
            questions = [f"{text}\n\noutput = f({self.inputs.low + number})" for number in inputs]
            if not (self.steps or self.least_steps) or all(map(self._is_within_limits, questions)):
                return letters(questions[run])
        limits = [f"at least {self.least_steps} lines (least_steps)"] if self.least_steps else []
        limits += [f"at most {self.steps} lines (steps)"] if self.steps else []
        raise ScratchpadError(
            f"programs: none of {_TRIES} drawn programs runs for {' and '.join(limits)}: change these limits, or "
            "the settings `lines` or `repeats`"
        )

    def _is_within_limits(self, question: str) -> bool:
        lines = sum(1 for _ in islice(read_program(question).run(), (self.steps or self.least_steps) + 1))
        return self.least_steps <= lines and (not self.steps or lines <= self.steps)

    def first(self, question: Symbols) -> Symbols:
        return _state(_program(question), *next(_program(question).run()))

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        text, program = "".join(state), _program(question)
        if _OUTPUT.fullmatch(text) and state == _output(int(text.partition("=")[2])):
            return None
        number, values = _read_state(program, state)
        if program.lines[number].kind == "return":
            return _output(values["v0"])
        return _state(program, *program.step(number, values))

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        name, equals, *digits = state
        if (name, equals) != ("output", "="):
            raise ValueError(f"not the last state of a program: {' '.join(state)}")
        return tuple(digits)

    def truth(self, question: Symbols) -> Symbols:
        """Run the program in Python. This is safe, because `_program` refuses programs outside the small language."""
        names: dict[str, Any] = {"__builtins__": {}}
        _program(question)
        exec("".join(question), names)
        return tuple(str(names["output"]))

    def inductive_question(self, question: Symbols) -> Symbols:
        program = _program(question)
        listing = [_listed_line(number, line) for number, line in program.lines.items() if line.kind != "else"]
        lines = [f"v0 = {program.argument} -> L02", *listing]
        return tuple(symbol for line in lines for symbol in (*_PIECES.findall(line), ";"))

    def scratchpad_text(self, question: Symbols, format: Format) -> Symbols:
        return letters("\n".join(_trace(_program(question), format.only_changes)))

    def answer_in_text(self, question: Symbols, text: Symbols, format: Format) -> Symbols | None:
        output = json.loads("".join(text).rpartition("\nstate: ")[2])["output"]
        return tuple(str(output)) if type(output) is int else None

    def check(self, question: Symbols) -> None:
        lines = len(_program(question).lines) + 1
        if lines > _MOST_LINES:
            raise ScratchpadError(f"programs: the program has {lines} lines, but at most {_MOST_LINES} are allowed")

    def fitted_to(self, question: Symbols) -> Self:
        lines = len(_program(question).lines) - 1
        return replace(self, lines=Lengths(lines, lines))


@cache
def _alphabet(characters: str) -> Symbols:
    numbers = (f"L{number:02}" for number in range(2, _MOST_LINES + 1))
    return (*characters, *numbers, *(f"v{number}" for number in range(10)), *_OPERATORS, *_WORDS)


def _program(question: Symbols) -> SmallProgram:
    return read_program("".join(question))


def _listed_line(number: int, line: ProgramLine) -> str:
    """Return a line in the form of the inductive question, such as `L04 while v4 > 0: -> L05 else L07`."""
    following = "" if line.kind == "return" else f" -> L{line.then:02}"
    return f"L{number:02} {line.text}{following}" + (f" else L{line.otherwise:02}" if line.otherwise else "")


def _state(program: SmallProgram, number: int, values: Values) -> Symbols:
    """Return the state before line `number`: the line number, then the variables in the order of the program's text."""
    first, *rest = ((name, "=", *str(values[name])) for name in program.variables if name in values)
    return (f"L{number:02}", ":", *first, *(symbol for part in rest for symbol in (",", *part)))


def _output(value: int) -> Symbols:
    return ("output", "=", *str(value))


def _read_state(program: SmallProgram, state: Symbols) -> tuple[int, Values]:
    """Return the line number and the variables of a state. Raises ValueError if no run can have this state."""
    found = _STATE.fullmatch("".join(state))
    number = int(found[1]) if found else 0
    pairs = [part.split("=") for part in found[2].split(",")] if found else []
    values = {name: int(value) for name, value in pairs}
    line = program.lines.get(number)
    if line is None or line.kind == "else" or "v0" not in values or _state(program, number, values) != state:
        raise ValueError(f"not a state of this program: {' '.join(state)}")
    if not values.keys() >= set(line.counters):
        raise ValueError(f"line {number} needs the variables {', '.join(line.counters)}: {' '.join(state)}")
    if any(value < 0 for name, value in values.items() if name != "v0"):
        raise ValueError(f"a counter is never below 0: {' '.join(state)}")
    return number, values


def _trace(program: SmallProgram, only_changes: bool) -> Iterator[str]:
    """Yield the lines of a trace. `only_changes`: whether a state shows only the variables that changed."""
    states = [({}, HEAD), (_FUNCTION, program.call)]
    states += [(values, program.lines[number].text) for number, values in program.run()]
    ended = {"output": states[-1][0]["v0"]}
    before: dict[str, Any] = {}
    for names, line in states:
        new = {name: value for name, value in names.items() if before.get(name) != value} if only_changes else names
        before = names
        yield f"state: {json.dumps(new)}"
        yield f"line: {line}"
    yield f"state: {json.dumps(ended if only_changes else _FUNCTION | ended)}"
