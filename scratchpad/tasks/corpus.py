"""A user's own data as a task: JSON lines of questions, states and answers, or what `scratchpad data` wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

from scratchpad.errors import ScratchpadError
from scratchpad.seeding import Stream, permutation
from scratchpad.settings import Lengths
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import MARKS, SEP, START, Document, bare

_HELD_OUT = 10  # without test data of its own, a file gives one line in ten


@dataclass(frozen=True)
class Entry:
    """A problem of a file: a question, the states of its chain and the answer, all without marks."""

    question: Symbols
    states: tuple[Symbols, ...]
    answer: Symbols


@dataclass(frozen=True)
class Corpus(Task):
    """Problems of a file. The chain of a known question is looked up; `truth` is the answer in the file.

    Size is the number of states. `steps` limits which problems are drawn. Without test data one line in ten (at least
    one) is held out. The answer of a question that is not in the data is its last state, whole.
    """

    name: ClassVar[str] = "data"
    source: ClassVar[str] = "a file of yours"
    size_setting: ClassVar[str] = "steps"

    steps: Lengths = Lengths(1, 1_000_000)
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    test_entries: tuple[Entry, ...] = field(default=(), repr=False)
    formats: tuple[str, ...] = ()
    """The formats these lines can be written in (empty: all)."""
    has_start: bool = True

    @property
    def starts(self) -> bool:  # type: ignore[override]
        return self.has_start

    @cached_property
    def _chains(self) -> dict[Symbols, Entry]:
        return {entry.question: entry for entry in (*self.test_entries, *self.entries)}

    @cached_property
    def _splits(self) -> dict[str, list[Entry]]:
        train, test = list(self.entries), list(self.test_entries)
        if not test:
            order = permutation("held out", 0, len(train)).tolist()
            held = set(order[: max(1, len(train) // _HELD_OUT)])
            test = [entry for i, entry in enumerate(train) if i in held]
            train = [entry for i, entry in enumerate(train) if i not in held]
        parts = {"train": train, "test": test}
        kept = range(self.steps.low, self.steps.high + 1)
        return {split: [e for e in part if len(e.states) in kept] for split, part in parts.items()}

    def count(self, split: str) -> int:
        return len(self._splits["train" if split == "train" else "test"])

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        part = self._splits["train" if split == "train" else "test"]
        if not part:
            raise ScratchpadError(f"the data hold no {split} problem with {self.steps.plain()} states")
        return part[index % len(part)].question

    def symbols(self) -> Symbols:
        found: dict[str, None] = {}
        for entry in (*self.entries, *self.test_entries):
            for text in (entry.question, *entry.states, entry.answer):
                found.update(dict.fromkeys(text))
        return tuple(sorted(found))

    def question(self, rng: Stream, size: int) -> Symbols:
        return rng.choice(self._splits["train"]).question

    def chain(self, question: Symbols, limit: int = 0) -> list[Symbols]:
        return list(self._entry(question).states)

    def first(self, question: Symbols) -> Symbols:
        return self._entry(question).states[0]

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        states = self._entry(question).states
        if state not in states:
            raise ValueError(f"not a state of this question: {' '.join(state)}")
        after = states.index(state) + 1
        return states[after] if after < len(states) else None

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        entry = self._chains.get(question)
        return entry.answer if entry and state == entry.states[-1] else state

    def truth(self, question: Symbols) -> Symbols:
        return self._entry(question).answer

    def settings(self) -> dict[str, Any]:
        return {"steps": self.steps.plain()}

    def _entry(self, question: Symbols) -> Entry:
        if question not in self._chains:
            raise ScratchpadError(f"this question is not in the data: {' '.join(question)}")
        return self._chains[question]


def load_corpus(path: str, test_path: str | None = None) -> Corpus:
    """The problems of a JSON-lines file, and of another one to test on. ScratchpadError names file and line."""
    entries, formats = _load(path)
    test_entries = _load(test_path)[0] if test_path else ()
    if not test_path and len(entries) < 2:
        raise ScratchpadError(f"{path}: 1 line: at least 2 are needed, one of them to test on")
    lengths = [len(entry.states) for entry in (*entries, *test_entries)]
    return Corpus(
        steps=Lengths(min(lengths), max(lengths)),
        entries=entries,
        test_entries=test_entries,
        formats=formats,
        has_start=not formats or all(_starts(value) for _, value in _first_line(path)),
    )


def _first_line(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield next(read_lines(path))


def _starts(value: dict[str, Any]) -> bool:
    return START in value["prompt"]


def _load(path: str) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The entries, and the formats that they can be written in (empty: all)."""
    entries, written = [], set()
    for place, value in read_lines(path):
        if "prompt" in value:
            written.add(value.get("format", "inductive"))
        entries.append(_entry(place, value))
    if len(written) > 1:
        raise ScratchpadError(f"{path}: lines of several formats: {', '.join(sorted(written))}; one is allowed")
    if not written or written == {"inductive"}:
        return tuple(entries), ()
    return tuple(entries), tuple(written)


def _entry(place: str, value: dict[str, Any]) -> Entry:
    """A line without marks, or one of `scratchpad data` (it has a prompt), whose marks are taken off."""
    missing = [name for name in ("question", "states", "answer") if name not in value]
    if missing:
        raise ScratchpadError(f'{place}: no {", ".join(missing)}; a line is {{"question": .., "states": [..], "answer": ..}}')
    states = value["states"]
    if not isinstance(states, list) or not states:
        raise ScratchpadError(f"{place}: `states` is a list of at least one state, not {states!r}")
    written = "prompt" in value
    question, answer = (symbols_of(value[name], f"{place}: {name}", written) for name in ("question", "answer"))
    texts = tuple(symbols_of(state, f"{place}: state {i}", written) for i, state in enumerate(states))
    return Entry(question, tuple(map(bare, texts)) if written else texts, answer)


def document_of_line(place: str, value: dict[str, Any]) -> Document[str]:
    """The document of a line with `prompt` and `states`, marks in place, and perhaps `preamble`."""
    if not isinstance(value.get("states"), list) or "prompt" not in value:
        raise ScratchpadError(f"{place}: a document line has `prompt` and `states` (a list), marks in place")
    prompt = symbols_of(value["prompt"], f"{place}: prompt", marks=True, empty=True)
    states = tuple(
        symbols_of(state, f"{place}: state {i}", marks=True) for i, state in enumerate(value["states"])
    )
    preamble = value.get("preamble", 0)
    if not isinstance(preamble, int):
        raise ScratchpadError(f"{place}: preamble is a number of symbols, not {preamble!r}")
    try:
        return Document(prompt, states, preamble)
    except ScratchpadError as error:
        raise ScratchpadError(f"{place}: {error}") from None


def symbols_of(value: Any, place: str, marks: bool = False, empty: bool = False) -> Symbols:
    """A string is one symbol a character, a list is taken as it is. ScratchpadError for anything else."""
    if not isinstance(value, (str, list)) or not all(isinstance(item, str) and item for item in value):
        raise ScratchpadError(f"{place}: a text or a list of symbols is needed, not {json.dumps(value)[:60]}")
    if not value and not empty:
        raise ScratchpadError(f"{place} is empty")
    found = tuple(value)
    reserved = set() if marks else set(found) & set(MARKS)
    if reserved:
        raise ScratchpadError(f"{place}: {', '.join(sorted(reserved))} is a mark: the tool adds marks itself")
    return found


def read_lines(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of a file (`-`: standard input), each with its place `FILE:LINE` for error texts."""
    if path == "-":
        yield from _objects(sys.stdin, "standard input")
        return
    if not Path(path).is_file():
        raise ScratchpadError(f"{path}: no such file")
    with open(path, encoding="utf-8") as file:
        yield from _objects(file, path)


def _objects(file: IO[str], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    count = 0
    try:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"{name}:{number}"
            try:
                value = json.loads(line)
            except ValueError as error:
                raise ScratchpadError(f"{place}: not JSON: {error}") from None
            if not isinstance(value, dict):
                raise ScratchpadError(f"{place}: a line holds one JSON object, not {type(value).__name__}")
            count += 1
            yield place, value
    except UnicodeDecodeError as error:
        raise ScratchpadError(f"{name}: not UTF-8 text: {error}") from None
    if not count:
        raise ScratchpadError(f"{name}: no lines: at least one JSON object is needed")
