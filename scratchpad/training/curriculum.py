"""A curriculum: stages of a task, trained in turn until each is passed (Abbe et al. 2024, figures 8 and 9).

A stage is the task with some settings changed. Every `every` steps it is tested on its own validation questions;
once the accuracy reaches `threshold`, the next stage starts. Unless `forget` is set, a document's stage is drawn
uniformly from the current and all earlier stages. That draw depends only on the seed and the document's number, so the
steps at which stages ended (`ends`) are the only state, and resuming stays exact.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, replace

from scratchpad.config.schema import CurriculumConfig
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.number_format import percent
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import Symbols, Task

_QUESTIONS_CHECKED = 16  # per stage; a stage that answers half of them differently goes unnoticed once in 65,536


@dataclass(frozen=True)
class Curriculum:
    """The stages and the progress through them.

    tasks: the task of each stage. ends: the steps after which stages were passed, ascending, as checkpoints keep them.
    """

    tasks: tuple[Task, ...]
    config: CurriculumConfig
    ends: tuple[int, ...] = ()

    def stage(self, step: int) -> int:
        """Return the stage of a step, both counted from 0. The last stage continues after it is passed."""
        return min(bisect(self.ends, step), len(self.tasks) - 1)

    def task(self, step: int, seed: int, number: int) -> Task:
        """Return the task that the step's document `number` is drawn from."""
        stage = self.stage(step)
        if stage and not self.config.forget:
            stage = Stream(stream_name("stage", seed), number).below(stage + 1)
        return self.tasks[stage]

    def is_test_due(self, step: int) -> bool:
        """Return whether the current stage is tested after `step` steps."""
        return len(self.ends) < len(self.tasks) and step % self.config.every == 0

    def test_questions(self, step: int, seed: int) -> list[Symbols]:
        """Return the test questions after `step` steps, new ones each time, as long as the task has any."""
        task, n = self.tasks[self.stage(step)], self.config.n
        available = task.count("validation")
        first = (step // self.config.every - 1) * n if available is None else 0
        return [task.draw(seed, "validation", first + i) for i in range(n if available is None else min(n, available))]

    @property
    def threshold(self) -> float:
        """The accuracy that ends a stage."""
        assert self.config.threshold is not None
        return self.config.threshold

    def steps_in_stage(self, step: int) -> int:
        """Return how many of the first `step` steps belong to the current stage."""
        return step - (self.ends[-1] if self.ends else 0)

    def with_stage_passed(self, step: int) -> Curriculum:
        """Return the curriculum with its current stage passed after `step` steps."""
        return replace(self, ends=(*self.ends, step))


def make_curriculum(config: CurriculumConfig, task: Task) -> Curriculum | None:
    """Return the curriculum of the settings, or `None` without stages. ScratchpadError for an invalid stage."""
    tasks = []
    for number, (written, settings) in enumerate(zip(config.stages, config.settings, strict=True), 1):
        with error_prefix(f"curriculum.stages, stage {number} ({written})"):
            tasks.append(task.changed(settings))
            _check_testable(tasks[-1], config.threshold or 1)
    return Curriculum(tuple(tasks), config) if tasks else None


def _check_testable(task: Task, threshold: float) -> None:
    if task.most_common_share >= threshold:
        share = "all" if task.most_common_share == 1 else percent(task.most_common_share)
        raise ScratchpadError(
            f"{share} of its questions have the same answer: always giving it passes the test at "
            f"curriculum.threshold={threshold:g}"
        )
    if 0 in (task.count("train"), task.count("validation")):
        raise ScratchpadError("the data hold no questions to train or to test it on")


def check_stages_agree(curriculum: Curriculum) -> None:
    """Raise ScratchpadError if two stages that are mixed in training answer the same question differently."""
    stages = () if curriculum.config.forget else curriculum.tasks
    for number, stage in enumerate(stages):
        available = stage.count("train")
        drawn = [
            stage.draw(0, "train", index)
            for index in range(_QUESTIONS_CHECKED if available is None else min(available, _QUESTIONS_CHECKED))
        ]
        for place, other in enumerate(stages):
            if any(_answer_or_none(other, question) not in (None, stage.truth(question)) for question in drawn):
                one, two = (curriculum.config.stages[each] for each in sorted((number, place)))
                raise ScratchpadError(
                    f"curriculum.stages: {one} and {two} answer the same questions differently, but each stage also "
                    "draws from earlier ones: set curriculum.forget=true to train on one stage at a time"
                )


def _answer_or_none(task: Task, question: Symbols) -> Symbols | None:
    """Return the task's answer, or `None` if the question is not one of the task's."""
    try:
        task.check(question)
        return task.truth(question)
    except ScratchpadError:
        return None


def training_vocabulary(task: Task, curriculum: Curriculum | None) -> Vocabulary:
    """Return the task's vocabulary, extended by the symbols of all stages: it stays the same during training."""
    own = task.symbols()
    others = (symbol for stage in (curriculum.tasks if curriculum else ()) for symbol in stage.symbols())
    return Vocabulary((*own, *dict.fromkeys(symbol for symbol in others if symbol not in set(own))))
