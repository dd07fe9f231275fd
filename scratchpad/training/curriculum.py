"""A curriculum: a task is trained in stages, one stage after another (Abbe et al. 2024, figures 8 and 9).

A stage is the task with some settings changed. After each interval of `every` steps, the current stage is tested on its
own validation questions. If the accuracy reaches `threshold`, the next stage starts. Unless `forget` is set, each
training document is drawn from a random stage up to the current stage, with equal probability. This draw depends only
on the seed and the document's number. So a checkpoint needs only the steps at which stages ended (`ends`).
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, replace

from scratchpad.config.lengths import Lengths
from scratchpad.config.schema import CurriculumConfig
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.number_format import percent
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import Symbols, Task

_QUESTIONS_CHECKED = 16  # per stage. A difference in half of the answers is overlooked with probability 1 / 65,536


@dataclass(frozen=True)
class Curriculum:
    """The stages of a curriculum and the progress through the stages.

    tasks: the task of each stage. ends: for each passed stage, the step after which it was passed, in ascending order.
    """

    tasks: tuple[Task, ...]
    config: CurriculumConfig
    ends: tuple[int, ...] = ()

    def stage(self, step: int) -> int:
        """Return the number of the stage at a step. Stages and steps are counted from 0. The last stage never ends."""
        return min(bisect(self.ends, step), len(self.tasks) - 1)

    def task(self, step: int, seed: int, number: int) -> Task:
        """Return the task from which a document of the step is drawn. number: the document's number in the run."""
        stage = self.stage(step)
        if stage and not self.config.forget:
            stage = Stream(stream_name("stage", seed), number).below(stage + 1)
        return self.tasks[stage]

    def is_test_due(self, step: int) -> bool:
        """Return whether a test of the current stage is due after `step` steps."""
        return len(self.ends) < len(self.tasks) and step % self.config.every == 0

    def test_questions(self, step: int, seed: int) -> list[Symbols]:
        """Return the questions of the test after `step` steps. Questions repeat only if the task's data are limited."""
        task, n = self.tasks[self.stage(step)], self.config.n
        available = task.count("validation")
        first = (step // self.config.every - 1) * n if available is None else 0
        return [task.draw(seed, "validation", first + i) for i in range(n if available is None else min(n, available))]

    @property
    def threshold(self) -> float:
        """The accuracy at which a stage is passed."""
        assert self.config.threshold is not None
        return self.config.threshold

    def steps_in_stage(self, step: int) -> int:
        """Return how many steps of the current stage are done after `step` steps of training."""
        return step - (self.ends[-1] if self.ends else 0)

    def with_stage_passed(self, step: int) -> Curriculum:
        """Return a copy of the curriculum that records that the current stage was passed after `step` steps."""
        return replace(self, ends=(*self.ends, step))


def trained_sizes(task: Task, curriculum: Curriculum | None) -> Lengths:
    """Return the sizes of the training questions, over all stages of the curriculum."""
    stages = [one.covered_sizes() for one in (curriculum.tasks if curriculum else (task,))]
    if len(stages) == 1:
        return stages[0]
    return Lengths(min(sizes.low for sizes in stages), max(sizes.high for sizes in stages))


def make_curriculum(config: CurriculumConfig, task: Task) -> Curriculum | None:
    """Return the curriculum, or `None` if the settings have no stages. Raises ScratchpadError if a stage is invalid."""
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
            f"{share} of the questions have the same answer. A model that always gives this answer passes the test at "
            f"curriculum.threshold={threshold:g}. Change the stage or raise the threshold"
        )
    if 0 in (task.count("train"), task.count("validation")):
        raise ScratchpadError("the data hold no training or no test questions for this stage. Change the stage")


def check_stages_agree(curriculum: Curriculum) -> None:
    """Raise ScratchpadError if stages are mixed in training and two stages answer the same question differently."""
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
                    f"curriculum.stages: {one} and {two} answer the same questions differently, but training mixes the "
                    "stages. Set curriculum.forget=true to train on one stage at a time"
                )


def _answer_or_none(task: Task, question: Symbols) -> Symbols | None:
    """Return the task's answer, or `None` if the task has no such question."""
    try:
        task.check(question)
        return task.truth(question)
    except ScratchpadError:
        return None


def training_vocabulary(task: Task, curriculum: Curriculum | None) -> Vocabulary:
    """Return a vocabulary with the symbols of the task and of all stages."""
    own = task.symbols()
    others = (symbol for stage in (curriculum.tasks if curriculum else ()) for symbol in stage.symbols())
    return Vocabulary((*own, *dict.fromkeys(symbol for symbol in others if symbol not in set(own))))
