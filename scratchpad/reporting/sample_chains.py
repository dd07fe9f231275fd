"""Sample chains: what a model wrote, state by state, and what the task would have written at the first wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from scratchpad.reporting.run_records import Line, RunRecord
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import MARKS, SEP, Document, is_wide
from scratchpad.tasks.formats import format_named

_MOST_LINES, _HEAD, _AROUND, _TAIL = 14, 3, 2, 2
_MOST_SYMBOLS, _ENDS, _NEAR = 240, 60, 50
_MOST_SIZES = 4
_STATUSES = {
    "loop": "caught in a loop", "max-states": "stopped: too many states", "max-tokens": "stopped: a state too long",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """Text in one look: kind is text, mark (a terminator), differs (from what is due) or gap (symbols left out)."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Step:
    """A line of a chain: a state, by its number from 1 on, or a gap (`skipped` states left out).

    verdict: right; wrong (the first wrong one, `due` holds what the task writes there); follows or strays (later ones:
    whether they are what the state before, wrong as it may be, leads to); empty where nothing is said.
    """

    number: int = 0
    written: tuple[Piece, ...] = ()
    verdict: str = ""
    due: tuple[Piece, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Chain:
    """A sample as the report shows it. forced: what is shown is the true text, judged by one forward pass."""

    size: int
    right: bool
    title: str
    question: str
    answers: str
    steps: tuple[Step, ...]
    forced: bool


def sample_chains(run: RunRecord) -> list[tuple[int, list[Chain]]]:
    """For up to four lengths a right and a wrong sample, as far as there are; written ones rather than judged ones."""
    chosen = max((way for way, _ in run.samples), key=lambda way: (way == "free", way != "forced"), default="")
    found = []
    for size in _spread(sorted(size for way, size in run.samples if way == chosen)):
        samples = run.samples[chosen, size]
        wrong = "wrong" if "wrong" in samples else "right answer, wrong work"
        found.append((size, [_chain(run, samples[title], title) for title in ("right", wrong) if title in samples]))
    return found


def _spread(sizes: Sequence[int]) -> list[int]:
    """The first, the last, and some between."""
    if len(sizes) <= _MOST_SIZES:
        return list(sizes)
    return [sizes[round(i * (len(sizes) - 1) / (_MOST_SIZES - 1))] for i in range(_MOST_SIZES)]


def _chain(run: RunRecord, line: Line, title: str) -> Chain:
    question = tuple(line["question"])
    due = due_document(run, question)
    true_states = due.states if due else ()
    texts = tuple(map(tuple, line["states"])) or true_states
    wide = is_wide(symbol for text in (question, *texts) for symbol in text)
    forced = line["method"] == "forced"
    if format_named(run.config.task.format).inductive:
        given = [True] * (len(texts) - len(line["transitions"]))  # a first state that is given is not judged
        steps = _steps(texts, true_states, [*given, *line["transitions"]], wide)
        steps = [replace(step, verdict="right") if forced and step.verdict == "follows" else step for step in steps]
    else:
        texts, true_states = _parts(texts), _parts(true_states)
        verdicts = [] if forced else _compared(texts, true_states, line["exact"])
        steps = _steps(texts, true_states, verdicts, wide)
    shown = _shortened(steps) if texts else ()
    asked = _text(_clipped([(symbol, "text") for symbol in question], 0), wide)
    return Chain(line["size"], line["exact"], title, asked, _answers(line, wide), shown, forced)


def due_document(run: RunRecord, question: Symbols) -> Document[str] | None:
    """The true document of a question; None where the task is not at hand or knows no such question."""
    if run.task is None:
        return None
    try:
        return format_named(run.config.task.format).write(run.task, question)
    except (ValueError, IndexError, KeyError):
        return None


def _parts(states: Sequence[Symbols]) -> tuple[Symbols, ...]:
    """A scratchpad that is one state, cut after each <sep> inside it, to be shown like a chain."""
    parts: list[list[str]] = [[]]
    for symbol in (symbol for state in states for symbol in state):
        parts[-1].append(symbol)
        if symbol == SEP:
            parts.append([])
    return tuple(tuple(part) for part in parts if part)


def _compared(texts: Sequence[Symbols], due: Sequence[Symbols], exact: bool) -> list[bool | None]:
    """Right up to the first part that is not what is due, then wrong, then nothing said."""
    if exact or not due:
        return [exact or None] * len(texts)
    same = next((i for i, text in enumerate(texts) if due[i : i + 1] != (text,)), len(texts))
    return [*[True] * same, False, *[None] * len(texts)][: max(len(texts), same + 1)]


def _steps(texts: Sequence[Symbols], due: Sequence[Symbols], verdicts: Sequence[bool | None], wide: bool) -> list[Step]:
    """All lines of a chain. A verdict more than there are texts is a state that was due and never written."""
    first = next((i for i, right in enumerate(verdicts) if right is False), len(verdicts))
    steps = []
    for i in range(max(len(texts), len(verdicts))):
        text, right = (texts[i] if i < len(texts) else ()), (verdicts[i] if i < len(verdicts) else None)
        if i == first:
            meant = due[i] if i < len(due) else ()
            steps.append(Step(i + 1, _pieces(text, meant, wide), "wrong", _pieces(meant, text, wide)))
        else:
            later = {True: "follows", False: "strays", None: ""}[right]
            verdict = "right" if right and i < first else later
            steps.append(Step(i + 1, _pieces(text, text, wide), verdict))
    return steps


def _shortened(steps: list[Step]) -> tuple[Step, ...]:
    """The head, what is around the first wrong state, and the tail; the number of states left out between."""
    if len(steps) <= _MOST_LINES:
        return tuple(steps)
    wrong = next((i for i, step in enumerate(steps) if step.verdict == "wrong"), 0)
    kept = {*range(_HEAD), *range(wrong - _AROUND, wrong + _AROUND + 1), *range(len(steps) - _TAIL, len(steps))}
    shown: list[Step] = []
    for is_kept, part in groupby(range(len(steps)), key=lambda i: i in kept):
        found = [steps[i] for i in part]
        shown += found if is_kept else [Step(skipped=len(found))]
    return tuple(shown)


def _pieces(text: Symbols, other: Symbols, wide: bool) -> tuple[Piece, ...]:
    """A state in pieces, with what differs from another one told apart, and its middle left out where it is long."""
    strange = _differing(text, other)
    kinds = [
        (symbol, "differs" if i in strange else "mark" if symbol in MARKS else "text") for i, symbol in enumerate(text)
    ]
    shown = _clipped(kinds, min(strange, default=0))
    parts = [(kind, list(part)) for kind, part in groupby(shown, key=lambda pair: pair[1])]
    pieces = [Piece(_text(part, wide), kind) for kind, part in parts]
    spaced = [piece for one in pieces for piece in (Piece(" "), one)][1:]
    return tuple(spaced if wide else pieces)


def _differing(text: Symbols, other: Symbols) -> set[int]:
    """The places where another symbol stands; of texts of different lengths all from the first such place on."""
    places = [i for i, symbol in enumerate(text) if other[i : i + 1] != (symbol,)]
    if len(text) == len(other) or not places:
        return set(places)
    return set(range(places[0], len(text)))


def _clipped(symbols: list[tuple[str, str]], at: int) -> list[tuple[str, str]]:
    """Symbols with their kinds: of many the ends, and those near place `at`."""
    if len(symbols) <= _MOST_SYMBOLS:
        return symbols
    last = len(symbols) - _ENDS
    kept = [i for i in range(len(symbols)) if i < _ENDS or i >= last or abs(i - at) <= _NEAR]
    shown: list[tuple[str, str]] = []
    for before, i in zip([-1, *kept], kept, strict=False):
        shown += [(f" … {i - before - 1} more … ", "gap")] if i > before + 1 else []
        shown.append(symbols[i])
    return shown


def _text(symbols: Sequence[tuple[str, str]], wide: bool) -> str:
    return (" " if wide else "").join(symbol for symbol, _ in symbols)


def _answers(line: Line, wide: bool) -> str:
    """The answer beside the true one, and how the chain ended where it did not end by itself."""
    if line["method"] == "forced":
        return ""
    ended = _STATUSES.get(line["status"], "")
    join = " " if wide else ""
    answered = "no answer" if line["answer"] is None else f"answer {join.join(line['answer'])}"
    truth = "" if line["right"] else f"true answer {join.join(line['truth'])}"
    return " · ".join(text for text in (answered, truth, ended, f"{line['tokens']:,} tokens") if text)
