"""Sample chains for the HTML page: the generated states, and the true state at the first error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from scratchpad.evaluation.evaluated_model import OVER_CONTEXT
from scratchpad.reporting.run_records import CORRECT, ONLY_ANSWER, WRONG, JsonObject, RunRecord
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import MARKS, SEP, Document, is_wide
from scratchpad.tasks.formats import format_named

_MAX_LINES, _FIRST_LINES, _LINES_AROUND, _LAST_LINES = 14, 3, 2, 2
_MAX_SYMBOLS, _END_SYMBOLS, _SYMBOLS_AROUND = 240, 60, 50
_MAX_SIZES = 4
_STATUSES = {
    "loop": "caught in a loop", "max-states": "stopped: too many states", "max-tokens": "stopped: state too long",
    OVER_CONTEXT: "not evaluated: the document is longer than the context of the model",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A piece of a state. `kind`: text, mark (terminator), differs (from the true state), or gap (left-out symbols)."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class ChainLine:
    """A line of a chain: a state and its number (from 1), or a gap that stands for `skipped` states.

    `verdict`: `correct`, or `wrong` for the first wrong state (`expected` is then the true state). A later state is
    `follows` if it follows from the previous written state, and otherwise `breaks`. An unknown verdict is empty.
    """

    number: int = 0
    written: tuple[Piece, ...] = ()
    verdict: str = ""
    expected: tuple[Piece, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class SampleChain:
    """A sample on the page.

    `forced`: whether the sample is from teacher forcing; `lines` is then the true text. `unplaced`: whether the model
    predicts a wrong text, but the line of the error is unknown.
    """

    size: int
    correct: bool
    title: str
    question: str
    answers: str
    lines: tuple[ChainLine, ...]
    forced: bool
    unplaced: bool


def sample_chains(run: RunRecord) -> list[tuple[int, list[SampleChain]]]:
    """Return pairs (length, samples) for up to four lengths: a correct and a wrong sample, generated if possible."""
    protocols = (protocol for protocol, _ in run.samples)
    chosen = max(protocols, key=lambda protocol: (protocol == "free", protocol != "forced"), default="")
    found = []
    sizes = sorted(size for protocol, size in run.samples if protocol == chosen)
    if len(sizes) > _MAX_SIZES:  # keep the first size, the last size and evenly spaced sizes in between
        sizes = [sizes[round(i * (len(sizes) - 1) / (_MAX_SIZES - 1))] for i in range(_MAX_SIZES)]
    for size in sizes:
        samples = run.samples[chosen, size]
        titles = (CORRECT, WRONG if WRONG in samples else ONLY_ANSWER)
        found.append((size, [_chain(run, samples[title], title) for title in titles if title in samples]))
    return found


def _chain(run: RunRecord, line: JsonObject, title: str) -> SampleChain:
    question = tuple(line["question"])
    document = true_document(run, question)
    true = document.states if document else ()
    forced = line["method"] == "forced"
    texts = true if forced and line["status"] != OVER_CONTEXT else tuple(map(tuple, line["states"]))
    wide = is_wide(symbol for text in (question, *texts) for symbol in text)
    if format_named(run.config.task.format).inductive:
        given = [True] * (len(texts) - len(line["transitions"]))  # a first state that is only an input is not scored
        verdicts = [*given, *line["transitions"]]
    else:
        texts, true = _parts(texts), _parts(true)
        verdicts = _forced_verdicts(texts, line["exact"]) if forced else _compared(texts, true, line["exact"])
    return SampleChain(
        size=line["size"], correct=line["exact"], title=title, forced=forced,
        question=_text(_clipped([(symbol, "text") for symbol in question], 0), wide),
        answers=_answers(line, wide),
        lines=_shortened(_lines(texts, true, verdicts, wide, forced)) if texts else (),
        unplaced=forced and None in verdicts,
    )  # fmt: skip


def true_document(run: RunRecord, question: Symbols) -> Document[str] | None:
    """Return the true document of a question, or None if the task cannot be loaded or the question is not valid."""
    if run.task is None:
        return None
    try:
        return format_named(run.config.task.format).write(run.task, question)
    except (ValueError, IndexError, KeyError):
        return None


def _parts(states: Sequence[Symbols]) -> tuple[Symbols, ...]:
    """Split a whole scratchpad after each <sep>, so that the page shows the parts as a chain."""
    parts: list[list[str]] = [[]]
    for symbol in (symbol for state in states for symbol in state):
        parts[-1].append(symbol)
        if symbol == SEP:
            parts.append([])
    return tuple(tuple(part) for part in parts if part)


def _compared(texts: Sequence[Symbols], true: Sequence[Symbols], exact: bool) -> list[bool | None]:
    """Return a verdict per part: True, then False for the first part that differs from the true text, then None."""
    if exact or not true:
        return [exact or None] * len(texts)
    same = next((i for i, text in enumerate(texts) if true[i : i + 1] != (text,)), len(texts))
    return [*[True] * same, False, *[None] * len(texts)][: max(len(texts), same + 1)]


def _forced_verdicts(texts: Sequence[Symbols], exact: bool) -> list[bool | None]:
    """Return a verdict per part of a text. None means unknown: the sample has only a verdict on the whole text."""
    return [exact if exact or len(texts) == 1 else None] * len(texts)


def _lines(
    texts: Sequence[Symbols], true: Sequence[Symbols], verdicts: Sequence[bool | None], wide: bool, forced: bool
) -> list[ChainLine]:
    """Return all lines of a chain. A verdict without a text is for a state that the model did not write.

    `forced`: whether the texts are the true texts. Each wrong state is then marked, not only the first.
    """
    first = verdicts.index(False) if False in verdicts else len(verdicts)
    lines = []
    for i, correct in enumerate(verdicts):
        text = texts[i] if i < len(texts) else ()
        if i == first or (forced and correct is False):
            expected = true[i] if i < len(true) else ()
            pieces = _pieces(text, expected, wide), _pieces(expected, text, wide)
            lines.append(ChainLine(i + 1, pieces[0], "wrong", pieces[1]))
        else:
            later = {True: "follows", False: "breaks", None: ""}[correct]
            verdict = "correct" if correct and (forced or i < first) else later
            lines.append(ChainLine(i + 1, _pieces(text, text, wide), verdict))
    return lines


def _shortened(lines: list[ChainLine]) -> tuple[ChainLine, ...]:
    """Keep the first lines, the last lines and the lines around the first wrong state. Gaps replace all other lines."""
    if len(lines) <= _MAX_LINES:
        return tuple(lines)
    wrong = next((i for i, line in enumerate(lines) if line.verdict == "wrong"), 0)
    around = range(wrong - _LINES_AROUND, wrong + _LINES_AROUND + 1)
    kept = {*range(_FIRST_LINES), *around, *range(len(lines) - _LAST_LINES, len(lines))}
    shown: list[ChainLine] = []
    for is_kept, places in groupby(range(len(lines)), key=lambda i: i in kept):
        part = [lines[i] for i in places]
        shown += part if is_kept else [ChainLine(skipped=len(part))]
    return tuple(shown)


def _pieces(text: Symbols, other: Symbols, wide: bool) -> tuple[Piece, ...]:
    """Split a state into pieces. Symbols that differ from `other` are marked, and a long state is shortened."""
    differing = {i for i, symbol in enumerate(text) if other[i : i + 1] != (symbol,)}
    if differing and len(text) != len(other):  # mark all symbols after the first difference
        differing = set(range(min(differing), len(text)))
    kinds = [
        (symbol, "differs" if i in differing else "mark" if symbol in MARKS else "text")
        for i, symbol in enumerate(text)
    ]
    shown = _clipped(kinds, min(differing, default=0))
    parts = [(kind, list(part)) for kind, part in groupby(shown, key=lambda pair: pair[1])]
    pieces = [Piece(_text(part, wide), kind) for kind, part in parts]
    spaced = [piece for one in pieces for piece in (Piece(" "), one)][1:]
    return tuple(spaced if wide else pieces)


def _clipped(symbols: list[tuple[str, str]], at: int) -> list[tuple[str, str]]:
    """Shorten a long list of pairs (symbol, kind): keep both ends, and the symbols around place `at`."""
    if len(symbols) <= _MAX_SYMBOLS:
        return symbols
    last = len(symbols) - _END_SYMBOLS
    kept = [i for i in range(len(symbols)) if i < _END_SYMBOLS or i >= last or abs(i - at) <= _SYMBOLS_AROUND]
    shown: list[tuple[str, str]] = []
    for before, i in zip([-1, *kept], kept, strict=False):
        shown += [(f" … {i - before - 1} more … ", "gap")] if i > before + 1 else []
        shown.append(symbols[i])
    return shown


def _text(symbols: Sequence[tuple[str, str]], wide: bool) -> str:
    return (" " if wide else "").join(symbol for symbol, _ in symbols)


def _answers(line: JsonObject, wide: bool) -> str:
    """Return a text: the answer, the true answer if different, the status unless `done`, and the number of tokens."""
    ended = _STATUSES.get(line["status"], "")
    if line["method"] == "forced" or line["status"] == OVER_CONTEXT:
        return ended
    separator = " " if wide else ""
    answer = "no answer" if line["answer"] is None else f"answer {separator.join(line['answer'])}"
    truth = "" if line["right"] else f"true answer {separator.join(line['truth'])}"
    return " · ".join(text for text in (answer, truth, ended, f"{line['tokens']:,} tokens") if text)
