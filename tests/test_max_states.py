"""Training on a part of each chain (train.max_states)."""

from __future__ import annotations

from itertools import count

import pytest
from tiny_runs import tiny

from scratchpad.config.resolve import resolve
from scratchpad.errors import ScratchpadError
from scratchpad.layout.batch import Batch
from scratchpad.layout.rows import positions_needed, rows
from scratchpad.recipes import recipe
from scratchpad.run import step_data
from scratchpad.tasks import formats, task_named
from scratchpad.tasks.base import Symbols
from scratchpad.tasks.document import SEP, Document
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.parity import Parity
from scratchpad.training.distributed import ProcessGroup
from scratchpad.training.loss import count_targets
from scratchpad.training.setup import measure


def first_batches(max_states: int | None) -> list[Batch]:
    config = tiny(bits="4", train__max_states=max_states)
    return step_data(measure(resolve(config)), ProcessGroup())[0]


def test_a_run_may_be_evaluated_in_another_format() -> None:
    config = tiny(task__format="causal", train__max_states=3)
    assert measure(resolve(config), only_evaluated=True).config.train.max_states == 3
    with pytest.raises(ScratchpadError, match=r"max_states=3 needs task.format=inductive, not causal"):
        measure(resolve(config))


def test_the_first_states_of_each_chain_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later states are not computed; a shorter chain is written whole."""
    made: list[Symbols] = []
    step = Parity.step

    def counted(task: Parity, question: Symbols, state: Symbols) -> Symbols | None:
        made.append(state)
        return step(task, question, state)

    monkeypatch.setattr(Parity, "step", counted)
    task, inductive = task_named("parity", {"bits": 5, "window": 9}), format_named("inductive")
    question = task.draw(0, "train", 0)
    whole = inductive.write(task, question)
    made.clear()
    assert inductive.write(task, question, 3).states == whole.states[:3]
    assert len(made) == 3
    assert inductive.write(task, question, 6) == inductive.write(task, question, 7) == whole
    targets = [count_targets(first_batches(most)) for most in (2, 3, 4, 5, None)]
    assert len(set(targets[:3])) == 3
    assert sorted(targets) == targets
    assert targets[-2] == targets[-1]


def test_a_part_of_a_chain_follows_the_state_before_it() -> None:
    task, inductive = task_named("parity", {"bits": 11, "window": 13}), format_named("inductive")
    question = task.draw(0, "train", 0)
    whole = inductive.write(task, question)
    count = len(whole.states)
    for first in range(1, count - 3 + 1):
        part = inductive.write(task, question, 3, first / (count - 3))
        assert part == Document(whole.prompt, whole.states[first - 1 : first + 3], within=True)
        row, again = rows(part)[0], rows(whole)[0]
        assert sum(row.scored) == sum(map(len, whole.states[first : first + 3]))
        assert (
            row.tokens[len(whole.prompt) :]
            == again.tokens[again.segments.index(first + 1) :][: len(row) - len(whole.prompt)]
        )
    assert inductive.write(task, question, 3, 0.01) == inductive.write(task, question, 3)
    assert inductive.write(task, question, count, 0.7) == whole


def test_only_the_beginning_of_an_endless_chain_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "CHAIN_PREFIX_LIMIT", 5)
    monkeypatch.setattr(Parity, "states", lambda task, question: ((str(number),) for number in count()))
    task = task_named("parity", {"bits": 11, "window": 13})
    part = formats.format_named("inductive").write(task, task.draw(0, "train", 0), 2, 1)
    assert part.states == tuple((number, SEP) for number in "234")


def test_every_state_of_a_chain_is_trained_on_anywhere() -> None:
    """Each time that a question is drawn, another part of its chain is scored."""
    config = tiny(bits="7", train__max_states=2, train__states_from="anywhere", train__samples=1, train__steps=40)
    resolved = measure(resolve(config))
    task, data = resolved.task, step_data(resolved, ProcessGroup())
    batches = [batch for step in range(40) for batch in data[step]]
    chain = task.chain(task.draw(0, "train", 0))
    assert len({tuple(row.tolist()) for batch in batches for row in batch.tokens}) == len(chain) - 1
    assert count_targets(batches) <= sum(len(batch.tokens) for batch in batches) * 2 * max(
        len(state) + 1 for state in chain
    )


def test_there_is_room_for_any_part_of_a_chain() -> None:
    """A whole walk names more vertices than its first states."""
    settings = {"task.name": "cycles", "n": "2-4", "train.max_states": 2, "evaluate.sizes": "2", "evaluate.n": 1}
    begun = recipe("parity-small").with_settings(settings)
    task, inductive = resolve(begun).task, format_named("inductive")
    question = task.at_size(4).draw(0, "train", 0)
    first, whole = (positions_needed(inductive.write(task, question, most)) for most in (2, None))
    assert first < whole
    enough = begun.with_settings({"model.context": first})
    assert measure(resolve(enough)).config.model.context == first
    with pytest.raises(ScratchpadError, match=f"model.context={whole}"):
        measure(resolve(enough.with_settings({"train.states_from": "anywhere"})))


def test_states_from_anywhere_need_max_states() -> None:
    with pytest.raises(ScratchpadError, match=r"states_from=anywhere needs train.max_states"):
        tiny(train__states_from="anywhere")
