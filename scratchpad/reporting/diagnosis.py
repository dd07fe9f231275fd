"""Diagnosis of generated chains: the accuracies of chains and of single transitions, and the first wrong states."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scratchpad.evaluation.free_running import next_state
from scratchpad.evaluation.intervals import Share
from scratchpad.reporting.run_records import JsonObject, RunRecord, protocol_of
from scratchpad.reporting.sample_chains import true_document
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, Document, as_text, bare
from scratchpad.tasks.formats import format_named
from scratchpad.training.run_folder import read_json_lines


@dataclass
class WrongStates:
    """The number of chains whose first wrong state has one kind of error. Example: `written` in place of `due`."""

    count: int
    question: str
    state: int
    written: str
    due: str


@dataclass
class Diagnosis:
    """The results for all chains of one question size under one evaluation protocol (such as `forced`).

    `chains`: the share of chains without an error. `by_place`: the share of correct transitions, by number of the
    transition. `by_trait`: the share of correct transitions, by trait and value. A trait is a property of a state that
    the task defines. `first_wrong`: the number of generated chains by the error of the first wrong state. `lengths`:
    the number of chains, by length of the true chain.
    """

    protocol: str
    size: int
    chains: Share = field(default_factory=Share)
    by_place: dict[int, Share] = field(default_factory=dict)
    by_trait: dict[str, dict[str, Share]] = field(default_factory=dict)
    first_wrong: dict[str, WrongStates] = field(default_factory=dict)
    lengths: Counter[int] = field(default_factory=Counter)

    @property
    def transitions(self) -> Share:
        """The share of correct transitions among all transitions."""
        every = self.by_place.values()
        return Share(sum(one.correct for one in every), sum(one.n for one in every))

    @property
    def predicted(self) -> float:
        """The expected share of correct chains if transitions fail independently, computed from `by_place`."""
        accuracies = [self.by_place[place].accuracy for place in sorted(self.by_place)]
        products = sum(n * math.prod(accuracies[:length]) for length, n in self.lengths.items())
        return products / sum(self.lengths.values())

    def errors(self) -> list[tuple[str, WrongStates]]:
        """Return the items of `first_wrong`. The most frequent kind of error is first."""
        return sorted(self.first_wrong.items(), key=lambda item: -item[1].count)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `scratchpad diagnose --json` prints."""
        return {
            "way": self.protocol, "size": self.size, "chains": _share_json(self.chains), "predicted": self.predicted,
            "transitions": _share_json(self.transitions),
            "by_place": [{"place": place, **_share_json(self.by_place[place])} for place in sorted(self.by_place)],
            "by_trait": {
                trait: [{"value": value, **_share_json(shares[value])} for value in sorted(shares)]
                for trait, shares in self.by_trait.items()
            },
            "first_wrong": [{"what": what, **dataclasses.asdict(wrong)} for what, wrong in self.errors()],
        }  # fmt: skip


def _share_json(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"right": share.correct, "n": share.n, "accuracy": share.accuracy, "low": low, "high": high}


def diagnose(run: RunRecord) -> list[Diagnosis]:
    """Return one diagnosis per protocol and question size, from the file evaluation.jsonl of a run.

    The list is empty if the format is not inductive. A diagnosis combines the samples of all seeds. For a data file,
    every seed has the same questions, so only the last seed counts.
    """
    if not format_named(run.config.task.format).inductive:
        return []
    found: dict[tuple[str, int], Diagnosis] = {}
    seeds: dict[tuple[str, int], int] = {}
    for _, line in read_json_lines(run.folder / "evaluation.jsonl"):
        key = protocol_of(line), line["size"]
        if key not in found or (run.config.task.data is not None and seeds[key] != line["seed"]):
            found[key], seeds[key] = Diagnosis(*key), line["seed"]
        if line["transitions"]:
            _count_sample(found[key], run.task, true_document(run, tuple(line["question"])), line)
    return [found[key] for key in sorted(found) if found[key].chains.n]


def _count_sample(diagnosis: Diagnosis, task: Task | None, true: Document[str] | None, line: JsonObject) -> None:
    """Add one line of evaluation.jsonl to a diagnosis. `true`: the true document, or None if the task is unknown."""
    diagnosis.chains.add(line["exact"])
    given = int(true is not None and not true.prompt)  # 1 if the question is the first state
    diagnosis.lengths[len(true.states) - given if true else len(line["transitions"])] += 1
    for place, correct in enumerate(line["transitions"], 1):
        diagnosis.by_place.setdefault(place, Share()).add(correct)
    if task is None or true is None:
        return
    question = tuple(line["question"])
    for state, correct in zip(_expected_states(task, question, true, given, line), line["transitions"], strict=True):
        for trait, value in (task.labels.traits(question, state) if state else {}).items():
            diagnosis.by_trait.setdefault(trait, {}).setdefault(value, Share()).add(correct)
    if line["method"] != "forced" and not line["exact"]:
        _count_first_wrong(diagnosis, task, true, given, line)


def _expected_states(
    task: Task, question: Symbols, true: Document[str], given: int, line: JsonObject
) -> Sequence[Symbols | None]:  # fmt: skip
    """Return the correct state for each transition, or None if no state can follow the previous written state."""
    count = len(line["transitions"])
    if line["method"] == "forced":
        return [bare(state) for state in true.states[given:]][:count]
    before = [tuple(state) for state in line["states"]][: given + count - 1]
    following = [next_state(task, question, bare(state)) for state in before]
    return [*([] if given else [bare(true.states[0])]), *following][:count]


def _count_first_wrong(diagnosis: Diagnosis, task: Task, true: Document[str], given: int, line: JsonObject) -> None:
    transitions = line["transitions"]
    place = given + (transitions.index(False) if False in transitions else len(transitions))
    written = tuple(line["states"][place]) if place < len(line["states"]) else ()
    due = true.states[place] if place < len(true.states) else ()
    what = describe_error(task, written, due)
    if what in diagnosis.first_wrong:
        diagnosis.first_wrong[what].count += 1
    else:
        question = as_text(tuple(line["question"]))
        diagnosis.first_wrong[what] = WrongStates(1, question, place + 1, as_text(written), as_text(due))


def describe_error(task: Task, written: Symbols, due: Symbols) -> str:
    """Describe how a written state differs from the true state `due`. Both states include their terminators."""
    if not due:
        return "goes on after the last state"
    if not written:
        return "stops before the last state"
    if written[-1] not in (SEP, END):
        return "the state does not end"
    if len(written) != len(due):
        return f"{'too long' if len(written) > len(due) else 'too short'} a state"
    parts = (*task.labels.parts(bare(due)), "terminator")
    return " and ".join(dict.fromkeys(part for part, a, b in zip(parts, written, due, strict=True) if a != b))
