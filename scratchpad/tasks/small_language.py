"""The small language of the task `programs`: read a program from its text, and run it line by line.

A program consists of `def f(v0):`, the body of f, `  return v0`, an empty line and `output = f(K)`. The body has lines
`v0 OP= k` and `pass`, tests `if v0 % 10 < k:` (with or without `else:`), and loops. A loop is `vC = n`, then
`while vC > 0:` with `vC -= 1` as the first line of its block. A block within a loop may end with `break` or `continue`.
Every program terminates.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from scratchpad.errors import ScratchpadError

HEAD, TAIL = "def f(v0):", "  return v0"
INDENT = "  "

_NUMBER = r"(0|[1-9]\d*)"
_KINDS = {
    "set": re.compile(rf"(v[1-9]) = {_NUMBER}"),
    "change": re.compile(rf"(v\d) ([-+*%])= {_NUMBER}"),
    "while": re.compile(r"while (v[1-9]) > 0:"),
    "if": re.compile(rf"if v0 % 10 ([<>]=?) {_NUMBER}:"),
    "else": re.compile(r"else:"),
    "pass": re.compile(r"pass"),
    "break": re.compile(r"break"),
    "continue": re.compile(r"continue"),
    "return": re.compile(r"return v0"),
}
_MOST_BITS = 10_000  # about 3,000 digits; Python does not print integers of more than 4,300 digits
_OPENERS = ("while", "if", "else")
_CALL = re.compile(r"output = f\((0|-?[1-9]\d*)\)")
_OPERATORS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

Values = dict[str, int]


@dataclass(frozen=True)
class ProgramLine:
    """A line of a program's body. Line 1 is `def f(v0):`.

    `text`: the line with its indentation. `depth`: the number of indentation levels.
    `kind`: set, change, while, if, else, pass, break, continue or return.
    `words`: the line's variable, operator and number.
    `then`: the number of the next line. `otherwise`: the number of the next line if the line's test is false.
    `counters`: all variables except v0 that must have a value before the line runs.
    """

    text: str
    kind: str
    words: tuple[str, ...]
    depth: int
    then: int = 0
    otherwise: int = 0
    counters: tuple[str, ...] = ()


@dataclass(frozen=True)
class SmallProgram:
    """A program of the small language.

    `lines`: the lines of the body, by line number. `argument`: the argument in the call of f.
    `variables`: v0, then all counters in the order of the text. `call`: the last line of the text.
    """

    lines: Mapping[int, ProgramLine]
    argument: int
    variables: tuple[str, ...]
    call: str

    def step(self, number: int, values: Values) -> tuple[int, Values]:
        """Run line `number`. Return the number of the next line and the new values of all variables."""
        line, words = self.lines[number], self.lines[number].words
        if line.kind == "set":
            return line.then, values | {words[0]: int(words[1])}
        if line.kind == "change":
            changed = _OPERATORS[words[1]](values[words[0]], int(words[2]))
            if changed.bit_length() > _MOST_BITS:
                raise ScratchpadError(f"line {number} of the program makes v0 longer than {_MOST_BITS} bits")
            return line.then, values | {words[0]: changed}
        if line.kind == "while":
            return (line.then if values[words[0]] > 0 else line.otherwise), values
        if line.kind == "if":
            return (line.then if _OPERATORS[words[0]](values["v0"] % 10, int(words[1])) else line.otherwise), values
        return line.then, values

    def run(self) -> Iterator[tuple[int, Values]]:
        """Run the program up to `return`. Yield the number of each line and the variables before the line runs."""
        number, values = 2, {"v0": self.argument}
        while self.lines[number].kind != "return":
            yield number, values
            number, values = self.step(number, values)
        yield number, values


@lru_cache(maxsize=64)
def read_program(text: str) -> SmallProgram:
    """Read a program. Raises ScratchpadError, which names the wrong line, if the text is not in the small language."""
    head, *body, empty, call = text.split("\n") if text.count("\n") > 2 else ("", "", "")
    found = _CALL.fullmatch(call)
    if head != HEAD or empty or not found or body[-1] != TAIL:
        raise ScratchpadError(
            f"a program must be `{HEAD}`, lines indented by two spaces per level, `{TAIL.strip()}`, an empty line and "
            f"`output = f(K)` with a whole number K; given: {text!r}"
        )
    lines = {number: _read_line(number, line) for number, line in enumerate(body, 2)}
    for number, line in lines.items():
        problem = _place_error(lines, number) or _variable_error(lines, number)
        if problem:
            raise ScratchpadError(f"line {number} of the program, `{line.text.strip()}`: {problem}")
    names = ["v0", *(line.words[0] for line in lines.values() if line.kind == "set")]
    linked = {number: _with_successors(lines, number) for number in lines}
    return SmallProgram(linked, int(found[1]), tuple(dict.fromkeys(names)), call)


def _read_line(number: int, text: str) -> ProgramLine:
    bare = text.lstrip(" ")
    depth, rest = divmod(len(text) - len(bare), len(INDENT))
    for kind, pattern in _KINDS.items():
        if not rest and (found := pattern.fullmatch(bare)):
            return ProgramLine(text, kind, found.groups(), depth)
    raise ScratchpadError(f"line {number} of the program is not allowed in the task `programs`: {text!r}")


def _place_error(lines: Mapping[int, ProgramLine], number: int) -> str:
    """Return what is wrong with the place or indentation of line `number`, or an empty string."""
    line, after = lines[number], lines.get(number + 1)
    if line.depth < 1 or (number == 2 and line.depth > 1):
        return "the body of f must be indented by two spaces"
    if after and (after.depth != line.depth + 1 if line.kind in _OPENERS else after.depth > line.depth):
        return "after `while`, `if` and `else`, and only there, the next line must be indented by two more spaces"
    if line.kind == "return" and after:
        return "only the last line may return"
    if line.kind == "else":
        before = next((lines[i] for i in range(number - 1, 1, -1) if lines[i].depth <= line.depth), None)
        if before is None or before.kind != "if" or before.depth != line.depth:
            return "an `else` needs an `if` before it"
    if line.kind in ("break", "continue") and (not _loops(lines, number) or (after and after.depth >= line.depth)):
        return "`break` and `continue` are allowed only at the end of a block in a loop"
    return ""


def _variable_error(lines: Mapping[int, ProgramLine], number: int) -> str:
    """Return what is wrong with the variable in line `number`, or an empty string."""
    line, before, after = lines[number], lines.get(number - 1), lines.get(number + 1)
    name = line.words[0] if line.words else ""
    if line.kind == "set" and not (after and _is(after, "while", name) and name not in _loops(lines, number)):
        return f"the next line must be `while {name} > 0:`, and no loop around it may use {name}"
    if line.kind == "while":
        is_set = before and before.depth == line.depth and _is(before, "set", name)
        if not (is_set and after and _is(after, "change", name, "-", "1")):
            return f"a loop must be `{name} = n`, `while {name} > 0:`, and `{name} -= 1` as its first line"
    if line.kind == "change" and name != "v0" and not (before and _is(before, "while", name)):
        return "a counter may change only in the first line of its loop"
    if line.kind == "change" and line.words[1:] == ("%", "0"):
        return "division by 0"
    return ""


def _is(line: ProgramLine, kind: str, *words: str) -> bool:
    return line.kind == kind and line.words[: len(words)] == words


def _enclosing(lines: Mapping[int, ProgramLine], number: int) -> list[int]:
    """Return the numbers of the lines whose blocks contain line `number`, with the innermost block first."""
    found, depth = [], lines[number].depth
    for above in range(number - 1, 1, -1):
        if lines[above].depth < depth:
            found.append(above)
            depth = lines[above].depth
    return found


def _loops(lines: Mapping[int, ProgramLine], number: int) -> list[str]:
    """Return the counters of the loops that contain a line."""
    return [lines[i].words[0] for i in _enclosing(lines, number) if lines[i].kind == "while"]


def _with_successors(lines: Mapping[int, ProgramLine], number: int) -> ProgramLine:
    line, then, otherwise = lines[number], number + 1, 0
    if line.kind in ("while", "if"):
        otherwise = _after_block(lines, number, into_else=True)
    elif line.kind in ("break", "continue"):
        loop = next(i for i in _enclosing(lines, number) if lines[i].kind == "while")
        then = loop if line.kind == "continue" else _after_block(lines, loop)
    elif line.kind not in ("else", "return"):
        then = _successor(lines, number, number + 1)
    own = line.words[:1] if line.kind in ("while", "change") else ()
    return replace(line, then=then, otherwise=otherwise, counters=(*own, *_loops(lines, number)))


def _after_block(lines: Mapping[int, ProgramLine], number: int, into_else: bool = False) -> int:
    """Return the number of the line that runs next if the test of the `while` or `if` in line `number` is false."""
    after = _next_outside(lines, number)
    if into_else and lines[after].kind == "else" and lines[after].depth == lines[number].depth:
        return after + 1
    return _successor(lines, number, after)


def _successor(lines: Mapping[int, ProgramLine], number: int, after: int) -> int:
    """Return the number of the line that runs after line `number`, or after the block of this line.

    `after`: the number of the next line in the text. An `else` block is skipped. A loop's end leads to its `while`.
    """
    while lines[after].kind == "else":
        after = _next_outside(lines, after)
    for block in _enclosing(lines, number):
        if lines[block].kind == "while" and lines[after].depth <= lines[block].depth:
            return block
    return after


def _next_outside(lines: Mapping[int, ProgramLine], number: int) -> int:
    """Return the number of the first line after the block of line `number`."""
    return next(i for i in range(number + 1, max(lines) + 1) if lines[i].depth <= lines[number].depth)
