"""A curriculum: stages of a task, one after another, each until it is passed (Abbe et al. 2024, figures 8 and 9)."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, replace

from scratchpad.config.schema import CurriculumConfig
from scratchpad.errors import ScratchpadError
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.number_format import percent
from scratchpad.random_stream import Stream, stream_name
from scratchpad.tasks.base import Symbols, Task

_QUESTIONS_CHECKED = 16  # per stage: if another stage answers half of them differently, 1 in 65,536 misses it


@dataclass(frozen=True)
class Curriculum:
    """The task of each stage, and the steps after which stages were passed so far, ascending.

    What a step trains on is a function of these, the settings and its number; `ends` is all that a checkpoint keeps.
    """

    tasks: tuple[Task, ...]
    config: CurriculumConfig
    ends: tuple[int, ...] = ()

    def stage(self, step: int) -> int:
        """The stage, from 0, of the step numbered `step` from 0; the last one goes on when it is passed."""
        return min(bisect(self.ends, step), len(self.tasks) - 1)

    def task(self, step: int, seed: int, number: int) -> Task:
        """What the document numbered `number`, of that step, is drawn from."""
        stage = self.stage(step)
        if stage and not self.config.forget:
            stage = Stream(stream_name("stage", seed), number).below(stage + 1)
        return self.tasks[stage]

    def is_test_due(self, step: int) -> bool:
        """Whether the stage is to be tested after so many steps."""
        return len(self.ends) < len(self.tasks) and step % self.config.every == 0

    def test_questions(self, step: int, seed: int) -> list[Symbols]:
        """Those of the test after so many steps: new ones each time, of the stage alone, as long as there are any."""
        task, n = self.tasks[self.stage(step)], self.config.n
        available = task.count("validation")
        first = (step // self.config.every - 1) * n if available is None else 0
        return [task.draw(seed, "validation", first + i) for i in range(n if available is None else min(n, available))]

    @property
    def threshold(self) -> float:
        """The share of right answers that ends a stage."""
        assert self.config.threshold is not None
        return self.config.threshold

    def steps_in_stage(self, step: int) -> int:
        """How many steps the stage has had after so many steps of the run."""
        return step - (self.ends[-1] if self.ends else 0)

    def with_stage_passed(self, step: int) -> Curriculum:
        """The same, with the stage passed after so many steps."""
        return replace(self, ends=(*self.ends, step))


def make_curriculum(config: CurriculumConfig, task: Task) -> Curriculum | None:
    """The stages of a task, None without any. ScratchpadError for a stage that the task does not have."""
    tasks = []
    for number, (written, settings) in enumerate(zip(config.stages, config.settings, strict=True), 1):
        try:
            tasks.append(_check_testable(task.changed(settings), config.threshold or 1))
        except ScratchpadError as error:
            raise ScratchpadError(f"curriculum.stages, stage {number} ({written}): {error}") from None
    return Curriculum(tuple(tasks), config) if tasks else None


def _check_testable(task: Task, threshold: float) -> Task:
    if task.most_common_share >= threshold:
        share = "all" if task.most_common_share == 1 else percent(task.most_common_share)
        raise ScratchpadError(
            f"{share} of its questions have the same answer: whoever gives that passes its test at "
            f"curriculum.threshold={threshold:g}"
        )
    if 0 in (task.count("train"), task.count("validation")):
        raise ScratchpadError("the data hold nothing to train or to test it on")
    return task


def check_stages_agree(curriculum: Curriculum) -> None:
    """ScratchpadError where stages that are mixed, for none is forgotten, answer one question differently."""
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
                    f"curriculum.stages: {one} and {two} answer the same questions differently, and a stage draws "
                    "those of earlier ones, too: with curriculum.forget=true it does not"
                )


def _answer_or_none(task: Task, question: Symbols) -> Symbols | None:
    """What a task answers; None for a question that is none of its own."""
    try:
        task.check(question)
        return task.truth(question)
    except ScratchpadError:
        return None


def training_vocabulary(task: Task, curriculum: Curriculum | None) -> Vocabulary:
    """That of the task, and behind it what the stages write beside: from the first step on it is that of all."""
    own = task.symbols()
    others = (symbol for stage in (curriculum.tasks if curriculum else ()) for symbol in stage.symbols())
    return Vocabulary((*own, *dict.fromkeys(symbol for symbol in others if symbol not in set(own))))
