"""Random programs of the small language, after the generator of Bieber et al. 2020 (Nye et al. 2021, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scratchpad.config.lengths import Lengths
from scratchpad.random_stream import Stream
from scratchpad.tasks.small_language import INDENT

_KINDS = {"arithmetic": (15, 1), "repeat": (5, 4), "if": (5, 2), "if-else": (5, 4), "pass": (1, 1)}
"""Kinds of statements: how often they come, and the fewest lines they take."""
_ENDS = {"fall through": 30, "break": 5, "continue": 5}
_OPERATORS = ("+=", "-=", "*=")
_TESTS = ("<", "<=", ">", ">=")
_COUNTERS = tuple(f"v{i}" for i in range(1, 10))
_DEEPEST = 3


@dataclass(frozen=True)
class ProgramGenerator:
    """Draws the lines of a program's body. constants: of arithmetic and tests; repeats: of loops; modulus: 0, or every
    arithmetic line is followed by one that takes the remainder.
    """

    rng: Stream
    constants: Lengths
    repeats: Lengths
    modulus: int

    def block(self, lines: int, counters: tuple[str, ...] = (), depth: int = 0) -> list[str]:
        """A block of so many lines (at least 1); `counters` are those of the loops that it stands in."""
        end = _drawn(self.rng, _ENDS) if counters and depth else "fall through"
        written: list[str] = []
        room = lines - (end != "fall through")
        while len(written) < room:
            written += self._statement(room - len(written), counters, depth)
        return [*written, *([end] if end != "fall through" else [])]

    def _statement(self, room: int, counters: tuple[str, ...], depth: int) -> list[str]:
        kinds = {
            kind: weight
            for kind, (weight, lines) in _KINDS.items()
            if lines <= room and (lines == 1 or depth < _DEEPEST) and (kind != "arithmetic" or self._width <= room)
        }
        kind = _drawn(self.rng, kinds)
        if kind == "arithmetic":
            return self._arithmetic()
        if kind == "pass":
            return ["pass"]
        lines = self.rng.between(_KINDS[kind][1], room)
        if kind == "repeat":
            return self._repeat(lines - 3, counters, depth)
        test = f"if v0 % 10 {self.rng.choice(_TESTS)} {self.constants.draw(self.rng)}:"
        if kind == "if":
            return [test, *self._inner(lines - 1, counters, depth)]
        first = self.rng.between(1, lines - 3)
        return [
            test, *self._inner(first, counters, depth), "else:", *self._inner(lines - 2 - first, counters, depth)
        ]  # fmt: skip

    @property
    def _width(self) -> int:
        return 2 if self.modulus else 1

    def _arithmetic(self) -> list[str]:
        line = f"v0 {self.rng.choice(_OPERATORS)} {self.constants.draw(self.rng)}"
        return [line, f"v0 %= {self.modulus}"] if self.modulus else [line]

    def _repeat(self, lines: int, counters: tuple[str, ...], depth: int) -> list[str]:
        name = self.rng.choice([name for name in _COUNTERS if name not in counters])
        body = self._inner(lines, (*counters, name), depth)
        return [f"{name} = {self.repeats.draw(self.rng)}", f"while {name} > 0:", f"{INDENT}{name} -= 1", *body]

    def _inner(self, lines: int, counters: tuple[str, ...], depth: int) -> list[str]:
        return [INDENT + line for line in self.block(lines, counters, depth + 1)]


def _drawn(rng: Stream, weights: dict[str, Any]) -> str:
    """One of the names, as often as its weight says."""
    place = rng.below(sum(weights.values()))
    for name, weight in weights.items():
        if place < weight:
            return name
        place -= weight
    raise AssertionError("the weights sum to more than was drawn below")
