"""A task from a user's file: JSON lines with question, states and answer, or lines that `scratchpad data` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from scratchpad.config.lengths import Lengths
from scratchpad.errors import ScratchpadError
from scratchpad.programs import same_json
from scratchpad.random_stream import Stream, permutation
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, MARKS, SEP, START, Document, after_last, as_text, bare, letters, terminated
from scratchpad.tasks.formats import Format, format_named, format_names
from scratchpad.tasks.jsonl import DataFile, document_of_line, symbols_of
from scratchpad.tasks.program_traces import last_names, program_of
from scratchpad.tasks.text_rules import TextRules

COPIES = ("data.jsonl", "test_data.jsonl")
"""The names that the copies of the data file and of the test file have in a run folder."""
_FEW_ANSWERS = 0.1  # a smaller share of answers that are not at the end of the last state is a mistake
_HELD_OUT = 10  # without a test file, one problem in ten is held out for testing


@dataclass(frozen=True)
class Entry:
    """A problem of a file: a question, the states of its chain and the answer, all without marks.

    `inductive_question`: the question as the inductive format writes it, or () if this text equals `question`.
    """

    question: Symbols
    states: tuple[Symbols, ...]
    answer: Symbols
    inductive_question: Symbols = ()


class _Texts(TextRules):
    def problem(self, question: Symbols) -> Symbols:
        return program_of(question)


@dataclass(frozen=True)
class Corpus(Task):
    """A task that takes questions, chains and answers from a file.

    `steps`: the sizes of the problems that are drawn. The size of a problem is its number of states.

    Problems are drawn in the order of the file, again and again, whatever the seed. Without a test file, one
    problem in ten (at least one) is held out for testing. Questions that are calls of the same program are one problem.

    A model may answer questions that are not in the file. Such a question must be written like the file's prompts or,
    if the lines have no prompts, like the file's questions. Its states and its true answer are unknown.

    From a last state that is not in the file, the answer is read in one of four ways. In the trace of a program, the
    answer is the value of `output`. If every last state in the file ends with its answer, and the same symbol without
    letters and digits, such as `=`, stands before every answer and occurs in no answer, then the answer is what follows
    the last such symbol. If every last state ends with its answer and all answers have n symbols, then the answer is
    the last n symbols. Otherwise, the answer is the whole state.
    """

    name: ClassVar[str] = "data"
    summary: ClassVar[str] = "the problems of a file"
    source: ClassVar[str] = "a file of yours"
    size_setting: ClassVar[str] = "steps"
    extra_formats: ClassVar[tuple[str, ...]] = ("changes",)
    seeded: ClassVar[bool] = False
    texts: ClassVar[TextRules] = _Texts()

    steps: Lengths = field(default=Lengths(1, 1_000_000))
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    test_entries: tuple[Entry, ...] = field(default=(), repr=False)
    formats: tuple[str, ...] = ()
    """The formats in which the problems can be written. An empty tuple means all formats."""
    has_start_mark: bool = True
    first_given: bool = False
    files: tuple[DataFile, ...] = field(default=(), repr=False, compare=False)
    """The file of the problems and, if it is given, the file of the test problems."""

    def __post_init__(self) -> None:
        if len(set(self.steps.weights) - {0}) > 1:
            raise ScratchpadError(
                f"data: steps={self.steps.to_json()} has unequal weights, but each problem of a file is drawn equally "
                "often: give a range such as 3-6, or equal weights such as 3:1,9:1"
            )

    @property
    def copies(self) -> dict[str, DataFile]:
        """A map from the name of a copy in a run folder to the copied file."""
        return dict(zip(COPIES, self.files, strict=False))

    @property
    def digests(self) -> dict[str, str]:
        """A map from the name of a copy in a run folder to the digest of the copied file."""
        return {name: file.digest for name, file in self.copies.items()}

    def count(self, split: str) -> int:
        return len(self._part(split))

    def covered_sizes(self) -> Lengths:
        lengths = [len(entry.states) for entry in self._part("train")] or [self.steps.low, self.steps.high]
        return Lengths(min(lengths), max(lengths))

    def default_test_sizes(self) -> tuple[int, ...]:
        return tuple(sorted({len(entry.states) for entry in self._part("test")}))

    def draw(self, seed: int, split: str, index: int) -> Symbols:
        part = self._part(split)
        if not part:
            raise ScratchpadError(f"no {split} problem in the data has {self.steps.to_json()} states")
        return part[index % len(part)].question

    def symbols(self) -> Symbols:
        return self._alphabet

    def split(self, text: str) -> Symbols:
        """Cut text into characters if they and the space are symbols of the task. If not, cut as other tasks do."""
        characters = letters(text)
        if " " in self._alphabet and set(characters) <= {*self._alphabet, *MARKS}:
            return characters
        return super().split(text)

    def question(self, rng: Stream, size: int) -> Symbols:
        fitting = [entry.question for entry in self._part("train") if len(entry.states) == size]
        if not fitting:
            raise ScratchpadError(f"no train problem in the data has {size} states")
        return rng.choice(fitting)

    def states(self, question: Symbols) -> Iterator[Symbols]:
        yield from self._entry(question).states

    def inductive_question(self, question: Symbols) -> Symbols:
        entry = self._known.get(question)
        return (entry and entry.inductive_question) or question

    def first(self, question: Symbols) -> Symbols:
        if self.first_given and question not in self._known:
            return question
        return self._entry(question).states[0]

    def step(self, question: Symbols, state: Symbols) -> Symbols | None:
        states = self._entry(question).states
        if state not in states:
            raise ValueError(f"not a state of this question: {' '.join(state)}")
        after = states.index(state) + 1
        return states[after] if after < len(states) else None

    def has_one_state(self, question: Symbols) -> bool:
        return question in self._known and super().has_one_state(question)

    def answer(self, question: Symbols, state: Symbols) -> Symbols:
        entry = self._known.get(question)
        example = entry or self._all[0]
        true, found = (last_names("".join(text)) for text in (example.states[-1], state))
        if "output" in true and "output" in found:
            is_true = same_json(true["output"], found["output"])
            return entry.answer if entry and is_true else letters(json.dumps(found["output"]))
        if entry and state in (entry.states[-1], after_last(SEP, entry.states[-1])):
            return entry.answer
        before = self._before_answer
        return after_last(before, state) if isinstance(before, str) else state[-before:]

    def truth(self, question: Symbols) -> Symbols:
        return self._entry(question).answer

    def known_truth(self, question: Symbols) -> Symbols | None:
        return self.truth(question) if question in self._known else None

    def settings(self, everything: bool = False) -> dict[str, Any]:
        return {"steps": self.steps.to_json()}

    def check_format(self, format: Format) -> None:
        given = self.formats or format_names()
        if format.family not in given:
            written = self.formats[0] if self.formats else "inductive"
            raise ScratchpadError(
                f"data in the format {written} work only with the formats {', '.join(given)}, not with {format.name}"
            )
        if format.inductive and self._repeating:
            raise ScratchpadError(
                f"a state occurs twice in the chain of the question {' '.join(self._repeating.question)}: in the "
                f"format {format.name}, a state depends only on the question and the state before it, so the chain "
                "would repeat without end. Write the progress of the work into each state, or choose another format: "
                "causal, scratchpad, direct, filler"
            )

    def _part(self, split: str) -> list[Entry]:
        return self._splits["train" if split == "train" else "test"]

    def _entry(self, question: Symbols) -> Entry:
        if question not in self._known:
            raise ScratchpadError(f"this question is not in the data, so its states are unknown: {as_text(question)}")
        return self._known[question]

    @cached_property
    def _all(self) -> tuple[Entry, ...]:
        return (*self.entries, *self.test_entries)

    @cached_property
    def _known(self) -> dict[Symbols, Entry]:
        return {entry.question: entry for entry in self._all}

    @cached_property
    def _splits(self) -> dict[str, list[Entry]]:
        train, test = list(self.entries), list(self.test_entries)
        if not test:
            problems = list(dict.fromkeys(program_of(entry.question) for entry in self.entries))
            order = permutation("held out", 0, len(problems))
            held = {problems[i] for i in order[: max(1, len(problems) // _HELD_OUT)]}
            test = [entry for entry in train if program_of(entry.question) in held]
            train = [entry for entry in train if program_of(entry.question) not in held]
        return {
            split: [entry for entry in part if self.steps.contains(len(entry.states))]
            for split, part in (("train", train), ("test", test))
        }

    @cached_property
    def _alphabet(self) -> Symbols:
        symbols: set[str] = set()
        for entry in self._all:
            symbols.update(entry.question, entry.inductive_question, *entry.states, entry.answer)
        return tuple(sorted(symbols - set(MARKS)))

    @cached_property
    def _before_answer(self) -> str | int:
        """How to find the answer at the end of a last state: the symbol before the answer, or the answer's length.

        Length 0 means that the whole state is the answer.
        """
        pairs = [(after_last(SEP, entry.states[-1]), entry.answer) for entry in self._all]
        if not all(last[-len(answer) :] == answer for last, answer in pairs):
            return 0
        lengths = {len(answer) for _, answer in pairs}
        befores = {last[: -len(answer)][-1:] for last, answer in pairs}
        (before,) = next(iter(befores)) if len(befores) == 1 and () not in befores else ("",)
        if before and not before.isalnum() and not any(before in answer for _, answer in pairs):
            return before
        return lengths.pop() if len(lengths) == 1 and befores != {()} else 0

    @cached_property
    def _repeating(self) -> Entry | None:
        return next((entry for entry in self._all if len(set(entry.states)) < len(entry.states)), None)


@dataclass(frozen=True)
class _Line:
    """A line of a file. A line from `scratchpad data` also has a format and a document."""

    place: str
    entry: Entry
    format: str = "inductive"
    document: Document[str] | None = None


def _line(place: str, value: dict[str, Any]) -> _Line:
    """Read a line without marks, or a line from `scratchpad data`, which has a prompt and marks. Remove all marks."""
    needed = ("question", "states", "answer", *(("format",) if "prompt" in value else ()))
    missing = [name for name in needed if name not in value]
    if missing:
        raise ScratchpadError(
            f'{place}: no {", ".join(missing)}: a line must be {{"question": .., "states": [..], "answer": ..}}. '
            "Without work, the answer is the only state"
        )
    question, answer = (symbols_of(value[name], f"{place}: {name}") for name in ("question", "answer"))
    if "prompt" in value:
        document = document_of_line(place, value)
        states = tuple(map(bare, document.states))
        if terminated(states) != document.states:
            raise ScratchpadError(f"{place}: the last state must end with {END}, and all other states with {SEP}")
        started = document.prompt[-1:] == (START,)
        entry = Entry(question, states, answer, document.prompt[:-1] if started else ())
        return _Line(place, entry, str(value["format"]), document)
    texts = value["states"]
    if not isinstance(texts, list) or not texts:
        raise ScratchpadError(f"{place}: `states` must be a list of at least one state, not {texts!r}")
    states = tuple(symbols_of(text, f"{place}: state {i}") for i, text in enumerate(texts))
    if isinstance(value["answer"], str) and len(answer) > 1 and all(isinstance(text, list) for text in texts):
        raise ScratchpadError(
            f"{place}: the answer is a text, whose symbols are {' '.join(answer)}, but the states are lists of "
            f"symbols. Write the answer as a list, such as [{json.dumps(value['answer'])}]"
        )
    return _Line(place, Entry(question, states, answer))


def load_corpus(path: str, test_path: str | None = None) -> Corpus:
    """Read training problems from the JSON-lines file `path` and test problems from `test_path`.

    Raises ScratchpadError, with file and line, if a line is not a valid problem or contradicts another line.
    """
    return corpus_of(tuple(DataFile.read(each) for each in (path, test_path) if each))


def corpus_of(files: tuple[DataFile, ...]) -> Corpus:
    """Return the problems of the training file and, if there are two files, of the test file. See `load_corpus`."""
    path = files[0].path
    lines = [_line(*placed) for placed in files[0].lines()]
    test_lines = [_line(*placed) for file in files[1:] for placed in file.lines()]
    every = (*lines, *test_lines)
    formats = sorted({line.format for line in every})
    if len(formats) > 1:
        raise ScratchpadError(f"{path}: the lines have the formats {', '.join(formats)}, but only one is allowed")
    first: dict[Symbols, _Line] = {}
    for line in every:
        before = first.setdefault(line.entry.question, line)
        if before.entry != line.entry:
            raise ScratchpadError(f"{line.place}: repeats the question of {before.place} with another chain or answer")
    if not test_lines and len(set(map(program_of, first))) < 2:
        what = "question" if len(first) == 1 else f"program with {len(first)} calls"
        raise ScratchpadError(f"{path}: only 1 {what}: add one more for testing, or give test data (`task.test_data`)")
    _check_answers(every)
    lengths, written_as = [len(line.entry.states) for line in every], format_named(formats[0])
    written = [line.document for line in every if line.document]
    answers_alone = [name for name in format_names() if not format_named(name).has_work]
    corpus = Corpus(
        steps=Lengths(min(lengths), max(lengths)),
        entries=tuple(line.entry for line in lines),
        test_entries=tuple(line.entry for line in test_lines),
        formats=() if written_as.inductive else tuple(dict.fromkeys((written_as.family, *answers_alone))),
        has_start_mark=not written or START in written[0].prompt,
        first_given=bool(written) and not written[0].prompt,
        files=files,
    )
    for line in every:
        if line.document and written_as.write(corpus, line.entry.question) != line.document:
            raise ScratchpadError(
                f"{line.place}: this line is not the {line.format} document of its question: the prompt must be the "
                "question without a preamble, followed by <start> either in all lines or in no line"
            )
    return corpus


def _check_answers(lines: Sequence[_Line]) -> None:
    """Raise ScratchpadError if nearly all last states end with the answer, but the last state of a line does not."""
    lasts = [(line, after_last(SEP, line.entry.states[-1])) for line in lines if not line.document]
    others = [(line, last) for line, last in lasts if last[-len(line.entry.answer) :] != line.entry.answer]
    if 0 < len(others) <= _FEW_ANSWERS * len(lasts):
        line, last = others[0]
        raise ScratchpadError(
            f"{line.place}: the last state, {as_text(last)}, does not end with the answer, "
            f"{as_text(line.entry.answer)}, but it does in {len(lasts) - len(others):,} other lines. The answer is "
            "read off the end of the last state"
        )
