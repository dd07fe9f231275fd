"""A generator of random programs, modelled on Bieber et al. 2020 (Nye et al. 2021, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scratchpad.config.lengths import Lengths
from scratchpad.random_stream import Stream
from scratchpad.tasks.small_language import INDENT

_KINDS = {"arithmetic": (15, 1), "repeat": (5, 4), "if": (5, 2), "if-else": (5, 4), "pass": (1, 1)}
"""For each kind of statement: the weight with which it is drawn, and its smallest number of lines."""
_ENDS = {"fall through": 30, "break": 5, "continue": 5}
_OPERATORS = ("+=", "-=", "*=")
_TESTS = ("<", "<=", ">", ">=")
_COUNTERS = tuple(f"v{i}" for i in range(1, 10))
_MOST_NESTED = 3


@dataclass(frozen=True)
class ProgramGenerator:
    """A generator of the lines of a program's body.

    `constants`: the range of constants in arithmetic and tests. `repeats`: the number of times that a loop runs.
    `modulus`: the divisor in the remainder line that follows each arithmetic line (0: no such lines).
    """

    rng: Stream
    constants: Lengths
    repeats: Lengths
    modulus: int

    def block(self, lines: int, counters: tuple[str, ...] = (), depth: int = 0) -> list[str]:
        """Return a random block of `lines` lines, at nesting level `depth`, inside loops with these counters."""
        end = _weighted_choice(self.rng, _ENDS) if counters and depth else "fall through"
        written: list[str] = []
        most = lines - (end != "fall through")
        while len(written) < most:
            written += self._statement(most - len(written), counters, depth)
        return [*written, *([end] if end != "fall through" else [])]

    def _statement(self, most: int, counters: tuple[str, ...], depth: int) -> list[str]:
        arithmetic_fits = most >= (2 if self.modulus else 1)
        kinds = {
            kind: weight
            for kind, (weight, least) in _KINDS.items()
            if least <= most and (least == 1 or depth < _MOST_NESTED) and (kind != "arithmetic" or arithmetic_fits)
        }
        kind = _weighted_choice(self.rng, kinds)
        if kind == "arithmetic":
            line = f"v0 {self.rng.choice(_OPERATORS)} {self.constants.draw(self.rng)}"
            return [line, f"v0 %= {self.modulus}"] if self.modulus else [line]
        if kind == "pass":
            return ["pass"]
        lines = self.rng.between(_KINDS[kind][1], most)
        if kind == "repeat":
            name = self.rng.choice([name for name in _COUNTERS if name not in counters])
            body = self._inner(lines - 3, (*counters, name), depth)
            return [f"{name} = {self.repeats.draw(self.rng)}", f"while {name} > 0:", f"{INDENT}{name} -= 1", *body]
        test = f"if v0 % 10 {self.rng.choice(_TESTS)} {self.constants.draw(self.rng)}:"
        if kind == "if":
            return [test, *self._inner(lines - 1, counters, depth)]
        first = self.rng.between(1, lines - 3)
        then, otherwise = self._inner(first, counters, depth), self._inner(lines - 2 - first, counters, depth)
        return [test, *then, "else:", *otherwise]

    def _inner(self, lines: int, counters: tuple[str, ...], depth: int) -> list[str]:
        return [INDENT + line for line in self.block(lines, counters, depth + 1)]


def _weighted_choice(rng: Stream, weights: dict[str, Any]) -> str:
    number = rng.below(sum(weights.values()))
    for name, weight in weights.items():
        if number < weight:
            return name
        number -= weight
    raise AssertionError("the number must be below the sum of the weights")
