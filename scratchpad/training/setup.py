"""Start and resume training in a run folder."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from scratchpad.config.parse import flat_settings, to_json
from scratchpad.config.resolve import ResolvedRun, resolve
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError, error_prefix
from scratchpad.evaluation.evaluated_model import EvaluatedModel, draw_test_questions
from scratchpad.evaluation.metrics import Score, count_correct, evaluate
from scratchpad.generation.sampling import Sampling
from scratchpad.layout.rows import check_context, positions_needed, rows
from scratchpad.models.build import build_model
from scratchpad.models.config import ModelConfig
from scratchpad.run import Run, step_data
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import CHAIN_PREFIX_LIMIT
from scratchpad.training.checkpoint import Checkpoint, Checkpoints
from scratchpad.training.curriculum import check_stages_agree
from scratchpad.training.distributed import ProcessGroup, choose_device, process_group
from scratchpad.training.gradients import worker_thread_count
from scratchpad.training.run_folder import config_of, has_run_to_resume, make_run_folder, read_run_record, saved_config
from scratchpad.training.run_lock import lock_run_folder
from scratchpad.training.trainer import OnMetrics, Trainer

_MEASURED = 32  # the number of documents per size in which `measure` looks for the longest document
_KERNEL_CACHE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64"  # torch's default (1024) takes gigabytes if row lengths vary
_SPARE_POSITIONS = 8  # positions beyond the longest document, because a model may write a little too much


def train(
    config: RunConfig | ResolvedRun,
    out: str | Path,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    checkpoint: str = "last",
    on_metrics: OnMetrics = lambda line: None,
) -> Run:
    """Train a run in the folder `out` and return the run. The settings are checked before the folder is created.

    config: the settings, or a run that `measure` returned. resume: whether to continue the run in the folder from
    `checkpoint`. force: whether to replace the run in the folder. on_metrics: a function that receives each line of
    metrics.jsonl. Raises ScratchpadError if a setting is wrong or another process is training in the folder. Raises
    RunFailure if the loss diverges, the disk is full or a background process dies. Raises Interrupted after Ctrl-C or
    another request to stop. Under torchrun, every process calls this function with the same arguments.
    """
    folder, where = Path(out), choose_device(device)
    os.environ.setdefault(*_KERNEL_CACHE)
    run = config if isinstance(config, ResolvedRun) else measure(resolve(config))
    if run.config.train.threads is not None:
        torch.set_num_threads(run.config.train.threads)
    with process_group(where) as processes:
        saved = has_run_to_resume(folder, run, resume, force) and Checkpoints(folder).steps()
        start = None if saved else load_start(run)
        processes.barrier(where)  # the first process writes to the folder only after all processes have read it
        with lock_run_folder(folder) if processes.is_first else nullcontext():
            if processes.is_first and not saved:
                make_run_folder(folder, run, start)
            trainer = make_trainer(run, folder, where, processes, on_metrics)
            if saved:
                trainer.resume(Checkpoints(folder).load(checkpoint))
            elif start:
                trainer.load_initial_weights(start)
            trainer.run()
            processes.barrier(where)  # wait until the last checkpoint is written
    return Run.load(folder, "last", device, run.config.task.file, run.tasks)


def measure(run: ResolvedRun, only_evaluated: bool = False, room: int | None = None) -> ResolvedRun:
    """Return a copy of the run in which missing sizes to evaluate and a missing context are filled in.

    only_evaluated: whether to measure only the evaluated documents. room: the context of an existing run, which is kept
    if it is large enough. Raises ScratchpadError if a document cannot be written or exceeds the model's context.
    """
    config = dataclasses.replace(run.config, model=_model_with_context_of_start(run.config))
    config = dataclasses.replace(config, evaluate=dataclasses.replace(config.evaluate, sizes=run.sizes))
    run = dataclasses.replace(run, config=config)
    every, steps = config.curriculum.every, config.train.steps
    if run.curriculum and every > steps:
        raise ScratchpadError(f"curriculum.every={every} is larger than train.steps={steps}. Set it to at most {steps}")
    if run.curriculum and not only_evaluated:
        check_stages_agree(run.curriculum)
    if config.train.max_states and not (only_evaluated or run.format.inductive):
        raise ScratchpadError(
            f"train.max_states={config.train.max_states} needs task.format=inductive, not {config.task.format}. "
            "Remove train.max_states or change the format"
        )
    trained = () if only_evaluated else run.curriculum.tasks if run.curriculum else (run.task,)
    documents = [document for task in trained for document in _training_documents(run, task)]
    tested = config.evaluate
    for size in tested.sizes:
        with error_prefix(f"evaluate.sizes={size}"):
            questions = draw_test_questions(run.task, size, tested.n, tested.seed)
            documents += [run.format.write(run.task, question) for question in questions]
    needed = list(map(positions_needed, documents))
    check_context(needed, config.model.context)
    if config.model.context is not None or config.model.positions != "learned":
        return run
    context = room if room and room >= max(needed) else 16 * -(-(max(needed) + _SPARE_POSITIONS) // 16)
    model = dataclasses.replace(config.model, context=context)
    return dataclasses.replace(run, config=dataclasses.replace(config, model=model))


def _model_with_context_of_start(config: RunConfig) -> ModelConfig:
    """Return the model's settings. If the context is not set, take the context of the run in `train.start`."""
    model, start = config.model, config.train.start
    if start is None or model.context is not None or model.positions != "learned":
        return model
    return dataclasses.replace(model, context=saved_config(Path(start)).model.context)


def _training_documents(run: ResolvedRun, task: Task) -> list[Document[str]]:
    """Return training documents, including the longest. Raises ScratchpadError if a document exceeds the row budget."""
    task.check_draws()
    train, sizes, available = run.config.train, task.size_distribution(), task.count("train")
    if available == 0:
        raise ScratchpadError("the data contain no problem to train on")
    sized = [task] if available else [task.at_size(size) for size in (sizes.low, sizes.high)]
    most = train.max_states if train.states_from == "start" else CHAIN_PREFIX_LIMIT
    documents = [
        run.format.write(each, each.draw(train.seed, "train", number), most)
        for each in sized
        for number in range(available or _MEASURED)
    ]
    documents += [run.format.write(task, question, most) for question in task.longest_questions()]
    for document in documents:
        rows(document, train.row_budget)
    return documents


def check_start_fits(run: ResolvedRun, model: ModelConfig, symbols: Sequence[str], what: str) -> None:
    """Raise ScratchpadError if the run cannot start from the weights of another run.

    model: the other run's model settings. symbols: the other run's vocabulary. what: the other run's name in messages.
    """
    own = run.codec.to_json()
    if symbols != own:
        other = " ".join(sorted({*symbols} ^ {*own})[:10])
        raise ScratchpadError(
            f"train.start: {what} was trained with other symbols ({other or 'in another order'}). Start from "
            "a run of the same task and the same window"
        )
    there, here = (flat_settings(to_json(one.weight_settings)) for one in (model, run.config.model))
    differ = [f"model.{name}: {there[name]} there, {here[name]} here" for name in here if there[name] != here[name]]
    if differ:
        raise ScratchpadError(f"train.start: {what} has another model ({'; '.join(differ)}). Use equal model settings")


def load_start(run: ResolvedRun) -> Checkpoint | None:
    """Return the last checkpoint of the run in train.start, if set. Raises ScratchpadError if weights do not fit."""
    if run.config.train.start is None:
        return None
    folder = Path(run.config.train.start)
    record = read_run_record(folder)
    check_start_fits(run, config_of(record, folder).model, record["vocabulary"], str(folder))
    return Checkpoints(folder).load()


def make_trainer(
    run: ResolvedRun, folder: Path, device: torch.device, processes: ProcessGroup, on_metrics: OnMetrics
) -> Trainer:
    """Return the trainer of a new model."""
    config = run.config
    worker_threads = worker_thread_count(device, config.train.attention)
    data = dataclasses.replace(step_data(run, processes), worker_threads=worker_threads)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model, len(data.vocabulary)).to(device)
    average = None if config.train.average is None else copy.deepcopy(model).requires_grad_(False)
    evaluated = EvaluatedModel(average or model, run.task, data.format, data.vocabulary, config.train.attention)

    def evaluate_sizes() -> list[Score]:
        settings = config.evaluate
        sampling = Sampling(settings.temperature)
        results = evaluate(evaluated, settings.sizes, settings.n, settings.method, settings.seed, sampling)
        return [result.score for result in results]

    def count_correct_in_stage(stage: Task, questions: Sequence[Symbols]) -> int:
        return count_correct(dataclasses.replace(evaluated, task=stage), questions, config.evaluate.method)

    return Trainer(model, data, folder, evaluate_sizes, on_metrics, processes, count_correct_in_stage, average)
