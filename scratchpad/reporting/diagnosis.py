"""What goes wrong in chains: single transitions by place and by sort, what they predict, and the first wrong states."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scratchpad.evaluation.free_running import next_state
from scratchpad.evaluation.intervals import Share
from scratchpad.reporting.run_records import Line, RunRecord, way_of
from scratchpad.reporting.sample_chains import due_document
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import END, SEP, Document, as_text, bare
from scratchpad.tasks.formats import format_named
from scratchpad.training.run_folder import read_json_lines

_TERMINATORS = (SEP, END)


@dataclass
class Wrong:
    """First wrong states of one sort: how many, and the first of them with what was due, both as text."""

    count: int
    question: str
    state: int
    written: str
    due: str


@dataclass
class Diagnosis:
    """All chains of one length, judged in one way.

    measured: chains that are right throughout. predicted: the product of the accuracies of single transitions by
    place, of which a chain has as many as it is long. Where transitions fail independently the two agree.
    by_place: transition number -> share. by_trait: a trait that the task names -> its value -> share.
    first_wrong: what is wrong in it -> the states; of chains that the model wrote itself.
    """

    way: str
    size: int
    measured: Share = field(default_factory=Share)
    by_place: dict[int, Share] = field(default_factory=dict)
    by_trait: dict[str, dict[str, Share]] = field(default_factory=dict)
    first_wrong: dict[str, Wrong] = field(default_factory=dict)
    lengths: Counter[int] = field(default_factory=Counter)

    @property
    def transitions(self) -> Share:
        every = self.by_place.values()
        return Share(sum(one.correct for one in every), sum(one.n for one in every))

    @property
    def predicted(self) -> float:
        """Over the lengths of the true chains, as often as each comes."""
        total = sum(self.lengths.values())
        shares = [self.by_place[place].accuracy for place in sorted(self.by_place)]
        return sum(n * math.prod(shares[:length]) for length, n in self.lengths.items()) / total

    def to_json(self) -> dict[str, Any]:
        groups = sorted(self.first_wrong.items(), key=lambda item: -item[1].count)
        return {
            "way": self.way, "size": self.size, "chains": _share_json(self.measured), "predicted": self.predicted,
            "transitions": _share_json(self.transitions),
            "by_place": [{"place": place, **_share_json(self.by_place[place])} for place in sorted(self.by_place)],
            "by_trait": {
                trait: [{"value": value, **_share_json(shares[value])} for value in sorted(shares)]
                for trait, shares in self.by_trait.items()
            },
            "first_wrong": [{"what": what, **dataclasses.asdict(wrong)} for what, wrong in groups],
        }  # fmt: skip


def _share_json(share: Share) -> dict[str, Any]:
    """A share as the lines of `scratchpad diagnose --json` hold it."""
    low, high = share.interval
    return {"right": share.correct, "n": share.n, "accuracy": share.accuracy, "low": low, "high": high}


def diagnose(run: RunRecord) -> list[Diagnosis]:
    """The diagnoses of a run by way and length, from its evaluation.jsonl; none for formats of one state.

    Several draws of questions count together; of a file, whose questions are the same for every seed, the last one.
    """
    if not format_named(run.config.task.format).inductive:
        return []
    found: dict[tuple[str, int], Diagnosis] = {}
    seeds: dict[tuple[str, int], int] = {}
    for _, line in read_json_lines(run.folder / "evaluation.jsonl"):
        key = way_of(line), line["size"]
        if key not in found or (run.config.task.data is not None and seeds[key] != line["seed"]):
            found[key], seeds[key] = Diagnosis(*key), line["seed"]
        if line["transitions"]:
            _count(found[key], run.task, due_document(run, tuple(line["question"])), line)
    return [found[key] for key in sorted(found) if found[key].measured.n]


def _count(diagnosis: Diagnosis, task: Task | None, due: Document[str] | None, line: Line) -> None:
    diagnosis.measured.add(line["exact"])
    given = int(due is not None and not due.prompt)
    diagnosis.lengths[len(due.states) - given if due else len(line["transitions"])] += 1
    for place, right in enumerate(line["transitions"], 1):
        diagnosis.by_place.setdefault(place, Share()).add(right)
    if task is None or due is None:
        return
    question = tuple(line["question"])
    for state, right in zip(_aimed_at(task, question, due, given, line), line["transitions"], strict=True):
        for trait, value in (task.labels.traits(question, state) if state else {}).items():
            diagnosis.by_trait.setdefault(trait, {}).setdefault(value, Share()).add(right)
    if line["method"] != "forced" and not line["exact"]:
        _count_first_wrong(diagnosis, task, question, due, given, line)


def _aimed_at(
    task: Task, question: Symbols, due: Document[str], given: int, line: Line
) -> Sequence[Symbols | None]:  # fmt: skip
    """For each transition the state that follows from the one before, as that was written; None where none does."""
    count = len(line["transitions"])
    if line["method"] == "forced":
        return [bare(state) for state in due.states[given:]][:count]
    before = [tuple(state) for state in line["states"]][: given + count - 1]
    following = [next_state(task, question, bare(state)) for state in before]
    return [*([] if given else [bare(due.states[0])]), *following][:count]


def _count_first_wrong(
    diagnosis: Diagnosis, task: Task, question: Symbols, due: Document[str], given: int, line: Line
) -> None:
    wrong = line["transitions"].index(False) if False in line["transitions"] else len(line["transitions"])
    place = wrong + given
    written = tuple(line["states"][place]) if place < len(line["states"]) else ()
    meant = due.states[place] if place < len(due.states) else ()
    what = what_is_wrong(task, written, meant)
    if what in diagnosis.first_wrong:
        diagnosis.first_wrong[what].count += 1
    else:
        texts = (as_text(text) for text in (written, meant))
        diagnosis.first_wrong[what] = Wrong(1, as_text(question), place + 1, *texts)


def what_is_wrong(task: Task, written: Symbols, due: Symbols) -> str:
    """In a few words what differs between a state and the one that was due, terminators included."""
    if not due:
        return "goes on after the last state"
    if not written:
        return "stops before the last state"
    if written[-1] not in _TERMINATORS:
        return "the state does not end"
    parts = task.labels.parts(bare(due))
    if len(written) != len(due):
        return f"{'too long' if len(written) > len(due) else 'too short'} a state"
    names = [part for part, a, b in zip((*parts, "terminator"), written, due, strict=True) if a != b]
    return " and ".join(dict.fromkeys(names))
