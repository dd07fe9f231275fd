"""All settings of a run. Every run folder keeps the complete settings, so the run can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from scratchpad.config.parse import Checked, split_assignments, to_json, with_settings
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.evaluation import METHODS
from scratchpad.layout.rows import Budget
from scratchpad.models.config import BACKENDS, ModelConfig
from scratchpad.tasks import excluded
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.user_data import COPIES

_PARTS = ("task", "model", "train", "curriculum", "evaluate")


@dataclass(frozen=True)
class TaskConfig:
    """The task that the model learns. The task's own settings, such as `bits`, are set by their names.

    `name`: the name of a built-in task. It has no effect if `data` or `file` is given.
    `format`: the form of the documents (docs/formats.md), such as inductive, scratchpad or direct.
    `data`: a file of your own problems in JSON lines, in place of a built-in task.
    `test_data`: a file of test problems for `data` (none: a tenth of `data` is for tests).
    `file`: a Python file that defines your own task, in place of a built-in task. The file is executed.
    """

    name: str = "parity"
    format: str = "inductive"
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None
    test_data: str | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        format_named(self.format)
        if self.data is not None and self.file is not None:
            raise ScratchpadError(f"task.data={self.data} and task.file={self.file}: give only one of these settings")
        if self.test_data is not None and self.data is None:
            raise ScratchpadError(f"task.test_data={self.test_data} needs task.data: give the training problems too")
        if self.data is not None or self.file is not None:  # a task from a file is not built-in
            object.__setattr__(self, "name", "data" if self.data is not None else "own")

    def with_data_copies(self, folder: Path) -> TaskConfig:
        """Return the config with each data file replaced by its copy in the run folder, if the copy exists."""
        data, test_data = (
            str(folder / name) if path is not None and (folder / name).is_file() else path
            for path, name in zip((self.data, self.test_data), COPIES, strict=True)
        )
        return replace(self, data=data, test_data=test_data)


@dataclass(frozen=True)
class TrainConfig(Checked):
    """The settings of training.

    `steps`: the number of steps. In a step, the optimizer (AdamW) changes the weights once.
    `batch`: the number of documents per step, summed over all processes.
    `samples`: the number of different training documents (none: unlimited).
    `max_states`: the number of states to train on in each inductive chain (none: all states).
    `states_from`: the states to train on if a chain has more than `max_states`: the first states (`start`), or
    consecutive states from a random place in the first 10,000 states (`anywhere`).
    `seed`: the seed of the initial weights, of the training documents and of dropout.
    `learning_rate`: the learning rate after the warm-up. It falls to `final_learning_rate` along a cosine.
    `final_learning_rate`: the learning rate at the end of the cosine.
    `warmup_steps`: the number of steps at the beginning in which the learning rate rises from 0.
    `decay_steps`: the length of the cosine in steps (none: all steps of the run).
    `weight_decay`: the weight decay of AdamW. It applies to matrices, not to biases and norms.
    `betas`: AdamW's decay rates for the average of the gradient and for the average of the squared gradient.
    `clip`: the largest norm of the gradient. A larger gradient is scaled down to this norm, which is above 0.
    `average`: the decay, above 0 and below 1, of an exponential moving average of the weights (none: no average). If
    set, evaluations and the finished model use the average.
    `precision`: the number format of matrix products: fp32, or bf16 with weights in fp32.
    `question_loss`: whether the loss also includes the tokens of the question.
    `layout`: how a document becomes training rows: one row (packed), one row for each state (split), or rows of at most
    `budget` tokens (mixed). All layouts give the same loss.
    `budget`: the largest number of tokens in a row if `layout` is mixed (none: `layout` is not mixed).
    `attention`: the implementation of attention: block by block (blocks), or with a mask over the whole row (dense).
    `micro_tokens`: the largest number of tokens in one forward pass. A larger batch is split into several passes.
    `workers`: the number of background processes that make batches (none: 2 with a GPU, otherwise 0).
    `threads`: the number of torch threads on a CPU (none: torch's default).
    `log_every`: the number of steps between log lines. Steps with an evaluation are also logged.
    `evaluate_every`: the number of steps between evaluations (0: only at the end).
    `checkpoint_every`: the number of steps between checkpoints (0: only at the end).
    `stop_at`: the accuracy, above 0 and at most 1, that ends training early if all evaluated sizes reach it (none: no
    early end).
    `start`: the folder of a run whose last weights, or averaged weights, are the initial weights (none: random).
    In an experiment file, the name of a curve stands for the run of this curve with the same seed.
    """

    choices: ClassVar = {
        "precision": ("fp32", "bf16"), "layout": ("packed", "split", "mixed"), "attention": BACKENDS,
        "states_from": ("start", "anywhere"),
    }  # fmt: skip
    least: ClassVar = {
        "steps": 1, "batch": 1, "samples": 1, "max_states": 2, "seed": 0, "learning_rate": 0, "final_learning_rate": 0,
        "warmup_steps": 0, "decay_steps": 1, "weight_decay": 0, "budget": 1, "micro_tokens": 1, "workers": 0,
        "threads": 1, "log_every": 1, "evaluate_every": 0, "checkpoint_every": 0,
    }  # fmt: skip

    steps: int = 1000
    batch: int = 64
    samples: int | None = None
    max_states: int | None = None
    states_from: str = "start"
    seed: int = 0
    learning_rate: float = 3e-4
    final_learning_rate: float = 3e-5
    warmup_steps: int = 0
    decay_steps: int | None = None
    weight_decay: float = 0.1
    betas: tuple[float, ...] = (0.9, 0.99)
    clip: float = 1.0
    average: float | None = None
    precision: str = "fp32"
    question_loss: bool = False
    layout: str = "packed"
    budget: int | None = None
    attention: str = "blocks"
    micro_tokens: int = 8192
    workers: int | None = None
    threads: int | None = None
    log_every: int = 10
    evaluate_every: int = 0
    checkpoint_every: int = 500
    stop_at: float | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        self.check_values("train.")
        if self.states_from != "start" and self.max_states is None:
            raise ScratchpadError(f"train.states_from={self.states_from} needs train.max_states, the number of states")
        if self.seed >= 2**63:
            raise ScratchpadError(f"train.seed={self.seed}: the seed must be below 2**63")
        if self.stop_at is not None and not 0 < self.stop_at <= 1:
            raise ScratchpadError(f"train.stop_at={self.stop_at}: an accuracy must be above 0 and at most 1")
        if not self.clip > 0:
            raise ScratchpadError(f"train.clip={self.clip}: the largest norm of the gradient must be above 0")
        if self.average is not None and not 0 < self.average < 1:
            raise ScratchpadError(f"train.average={self.average}: the decay of the average must be above 0 and below 1")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ScratchpadError(f"train.betas={self.betas}: give two numbers, each at least 0 and below 1")
        if (self.layout == "mixed") != (self.budget is not None):
            raise ScratchpadError(
                "train.budget (the largest number of tokens per row) goes with train.layout=mixed: set both or neither"
            )

    @property
    def row_budget(self) -> Budget:
        """A budget for the function `rows`: the largest number of tokens per row, or the layout `split` or `packed`."""
        return cast(Budget, self.budget or self.layout)


@dataclass(frozen=True)
class EvaluateConfig(Checked):
    """The settings of evaluations during and after training.

    `sizes`: the sizes of the questions (empty: the task's default, usually the largest training size).
    `n`: the number of questions per size.
    `method`: how to evaluate: by one forward pass over the correct document (forced), or by generation (free).
    `seed`: the seed of the test questions.
    `temperature`: the sampling temperature if `method` is free (0: greedy).
    """

    choices: ClassVar = {"method": METHODS}
    least: ClassVar = {"n": 1}

    sizes: tuple[int, ...] = ()
    n: int = 256
    method: str = "forced"
    seed: int = 0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        self.check_values("evaluate.")
        if any(size < 1 for size in self.sizes):
            raise ScratchpadError(f"evaluate.sizes={self.sizes}: every size must be at least 1")
        if not self.temperature >= 0 or (self.temperature and self.method == "forced"):
            raise ScratchpadError(
                f"evaluate.temperature={self.temperature:g} must be 0 (greedy), or above 0 with evaluate.method=free"
            )


@dataclass(frozen=True)
class CurriculumConfig(Checked):
    """Training in stages. Each stage has different task settings (Abbe et al. 2024, figures 8 and 9).

    `stages`: the task settings of each stage, such as `n=2; n=3`. Spaces separate several settings of one stage.
    `threshold`: the share of correct answers, above 0 and at most 1, that ends a stage (none: there are no stages).
    `forget`: whether to train only on the current stage. If not, all stages so far have equal parts in a batch.
    `every`: the number of steps between tests of a stage. `n`: the number of new questions in a test.
    """

    least: ClassVar = {"every": 1, "n": 1}

    stages: tuple[str, ...] = ()
    threshold: float | None = None
    forget: bool = False
    every: int = 1000
    n: int = 512

    def __post_init__(self) -> None:
        self.check_values("curriculum.")
        stages = self.settings
        if bool(stages) != (self.threshold is not None):
            raise ScratchpadError(
                "curriculum.stages (the settings of each stage, such as `n=2; n=3`) and curriculum.threshold (the "
                "share of correct answers that ends a stage) go together: set both or neither; given: stages="
                f"{'; '.join(self.stages) or 'none'} threshold={'none' if self.threshold is None else self.threshold}"
            )
        if self.threshold is not None and not 0 < self.threshold <= 1:
            share = "a share of correct answers must be above 0 and at most 1"
            raise ScratchpadError(f"curriculum.threshold={self.threshold}: {share}")
        if self.forget and not stages:
            raise ScratchpadError("curriculum.forget needs curriculum.stages: set the stages or leave out forget")

    @property
    def settings(self) -> tuple[dict[str, str], ...]:
        """The task settings of each stage. Raises ScratchpadError if a stage does not have the form name=value."""
        return tuple(
            split_assignments(stage.split() or [""], f"curriculum.stages, stage {number},")
            for number, stage in enumerate(self.stages, 1)
        )


@dataclass(frozen=True)
class RunConfig:
    task: TaskConfig = field(default_factory=TaskConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def with_settings(self, values: Mapping[str, Any]) -> RunConfig:
        """Return a copy with new settings: `{"train.steps": "500", "model": "25m", "task.settings.bits": "1-8"}`.

        A name that does not begin with `task`, `model`, `train`, `curriculum` or `evaluate` is a task setting: `bits`
        means `task.settings.bits`. A new task removes the old task's settings and the evaluated sizes. A new task
        setting removes old task settings that cannot be combined with it.
        """
        for name in values:
            if f"task.settings.{name}" in values:
                raise ScratchpadError(f"{name} and task.settings.{name} are the same setting: give only one of them")
        base = self
        if self._is_other_task(values):
            base = replace(self, task=replace(self.task, settings={}), evaluate=replace(self.evaluate, sizes=()))
        given = {name.removeprefix("task.settings."): value for name, value in values.items()}
        replaced = excluded(values.get("task.name", base.task.name), given).keys() - given.keys()
        left = {name: value for name, value in base.task.settings.items() if name not in replaced}
        base = replace(base, task=replace(base.task, settings=left))
        paths = {name if name.partition(".")[0] in _PARTS else f"task.settings.{name}": values[name] for name in values}
        return with_settings(base, paths, "a run")

    def _is_other_task(self, values: Mapping[str, Any]) -> bool:
        built_in = self.task.data is None and self.task.file is None
        from_file = any(values.get(name) not in (None, "none") for name in ("task.data", "task.test_data", "task.file"))
        return (built_in and from_file) or values.get("task.name", self.task.name) != self.task.name

    @property
    def weight_settings(self) -> RunConfig:
        """A copy of this config in which the `evaluate` settings that do not affect the weights have default values.

        All `evaluate` settings affect the weights if `train.stop_at` is set, because evaluations can then end the run.
        In a curriculum with stages, `evaluate.method` affects the weights.
        """
        if self.train.stop_at is not None:
            return self
        method = self.evaluate.method if self.curriculum.stages else EvaluateConfig.method
        return replace(self, evaluate=EvaluateConfig(method=method))

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str) -> RunConfig:
        """Read a config from the JSON of `to_json`. Raises ScratchpadError, with `place`, if a value is not valid."""
        if not isinstance(value, Mapping):
            raise ScratchpadError(f"{place}: a run config must be a JSON object with {', '.join(_PARTS)}")
        with error_prefix(place):
            return with_settings(cls(), value, "a run")


def read_config(path: str) -> RunConfig:
    """Read a config from a JSON file: the config.json of a run, or a file of the same form.

    If the run folder has copies of the data files, the config names the copies.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScratchpadError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        hint = "A configuration file must be one JSON object. The name of a data file (JSON Lines) must end in .jsonl"
        raise ScratchpadError(f"{path}: not JSON: {error}. {hint}") from None
    if not isinstance(value, dict) or "config" not in value:
        return RunConfig.from_json(value, path)
    config = RunConfig.from_json(value["config"], path)
    return replace(config, task=config.task.with_data_copies(Path(path).parent))
