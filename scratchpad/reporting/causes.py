"""Likely causes of wrong chains at a question size: features that training documents never or hardly ever have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scratchpad.errors import ScratchpadError
from scratchpad.layout.rows import positions_needed
from scratchpad.number_format import percent
from scratchpad.reporting.diagnosis import Diagnosis
from scratchpad.reporting.run_records import RunRecord
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import bare
from scratchpad.tasks.formats import format_named
from scratchpad.training.curriculum import make_curriculum

_DRAWN = 300  # training documents per stage, and test documents per size
_FAILS = 0.9  # a smaller share of correct chains or transitions counts as a failure
_RARE = 0.002  # a smaller share of training states counts as rare
_FEWEST = 5  # a failure needs at least this number of transitions
_SHOWN = 3  # a cause names at most 3 places, and 3 symbols per place


@dataclass(frozen=True)
class Cause:
    """A cause of failures. `size`: the question size. `what`: the difference from training. `advice`: what to do."""

    size: int
    what: str
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `scratchpad diagnose --json` prints."""
        return {"size": self.size, "what": self.what, "advice": self.advice}


@dataclass
class _Contents:
    """What documents contain: `positions`: the most positions; `symbols`: the number of states with each pair (place,
    symbol); `traits`: the number of states with each pair (trait, value); `states`: the number of states."""

    positions: int = 0
    symbols: Counter[tuple[int, str]] = field(default_factory=Counter)
    traits: Counter[tuple[str, str]] = field(default_factory=Counter)
    states: int = 0


def find_causes(run: RunRecord, diagnoses: Sequence[Diagnosis]) -> list[Cause]:
    """Return the likely causes of failures at each size with less than 90 % correct chains.

    The first 300 test documents of the size are compared with the first 300 training documents (of each stage of a
    curriculum). The list is empty if the task cannot be loaded.
    """
    failing = {one.size: one for one in diagnoses if one.chains.accuracy < _FAILS}
    if run.task is None or not failing:
        return []
    curriculum, seed = make_curriculum(run.config.curriculum, run.task), run.config.train.seed
    stages = curriculum.tasks if curriculum else (run.task,)
    trained = _contents(run, ((task, question) for task in stages for question in _drawn(task, seed, "train")))
    causes: list[Cause] = []
    for size, diagnosis in sorted(failing.items()):
        try:
            task = run.task.at_size(size)
            tested = _contents(run, ((task, question) for question in _drawn(task, 0, "test")))
        except ScratchpadError:
            continue
        if run.trained is not None and not run.trained.contains(size):
            causes += _differences(run, size, trained, tested)
        causes += _rare_traits(diagnosis, trained)
    return causes


def _drawn(task: Task, seed: int, split: str) -> Iterator[Symbols]:
    count = task.count(split)
    return (question for _, question in draws(task, seed, split, 0, _DRAWN if count is None else min(count, _DRAWN)))


def _contents(run: RunRecord, questions: Iterable[tuple[Task, Symbols]]) -> _Contents:
    found, written = _Contents(), format_named(run.config.task.format)
    for task, question in questions:
        document = written.write(task, question)
        found.positions = max(found.positions, positions_needed(document))
        for state in map(bare, document.states):
            found.states += 1
            found.symbols.update(enumerate(state, 1))
            found.traits.update(task.labels.traits(question, state).items())
    return found


def _differences(run: RunRecord, size: int, trained: _Contents, tested: _Contents) -> Iterator[Cause]:
    window = "Give all questions the same length: put the items at random places of a window."
    if tested.positions > trained.positions:
        what = f"documents need {tested.positions} positions, but training documents need {trained.positions}"
        untrained = ", so the model has positions that were never trained"
        yield Cause(size, what + (untrained if run.config.model.positions == "learned" else ""), window)
    new: dict[int, list[str]] = {}
    for place, symbol in sorted(tested.symbols.keys() - trained.symbols.keys()):
        new.setdefault(place, []).append(symbol)
    if new:
        places = [f"{' '.join(symbols[:_SHOWN])} as symbol {place}" for place, symbols in new.items()][:_SHOWN]
        what = f"states have {', '.join(places)}, which no state of {_DRAWN} training documents has there"
        yield Cause(size, what, f"Train every name of a place, and keep the length of states constant. {window}")


def _rare_traits(diagnosis: Diagnosis, trained: _Contents) -> Iterator[Cause]:
    for trait, shares in diagnosis.by_trait.items():
        for value, share in sorted(shares.items()):
            frequency = trained.traits[trait, value] / trained.states
            if share.n >= _FEWEST and share.accuracy < _FAILS and frequency < _RARE:
                what = (
                    f"{percent(share.accuracy)} of the transitions to {trait} {value} are correct, and "
                    f"{percent(frequency, 2)} of the training states have this {trait}"
                )
                yield Cause(diagnosis.size, what, "Draw such states more often, or train for more steps.")
