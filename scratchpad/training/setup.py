"""Starting and resuming training in a run folder."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from scratchpad.config.parse import to_json
from scratchpad.config.schema import RunConfig
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.evaluated_model import EvaluatedModel, test_questions
from scratchpad.evaluation.metrics import Score, count_correct, evaluate
from scratchpad.generation.sampling import Sampling
from scratchpad.layout.codec import Codec
from scratchpad.layout.rows import check_room, positions_needed, rows
from scratchpad.models.build import build_model
from scratchpad.models.config import ModelConfig
from scratchpad.provenance import git_hash, hardware
from scratchpad.run import Run, evaluated_sizes, read_run_record, step_data, task_of, with_values
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import Document
from scratchpad.tasks.formats import CHAIN_PREFIX_LIMIT, format_named
from scratchpad.training.checkpoint import Checkpoint, Checkpoints, write_whole
from scratchpad.training.curriculum import check_stages_agree, make_curriculum, training_vocabulary
from scratchpad.training.distributed import ProcessGroup, choose_device, process_group
from scratchpad.training.gradients import worker_thread_count
from scratchpad.training.run_lock import lock_run_folder
from scratchpad.training.trainer import OnMetrics, Trainer

_MEASURED = 32  # documents of a size looked at before training
_SHAPES_KEPT = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64"  # by torch on a CPU; its own 1024 are gigabytes of ragged rows
_ROOM = 8  # positions beyond the longest document, so that a model may write a little too much


def train(
    config: RunConfig,
    out: str | Path,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    checkpoint: str = "last",
    on_metrics: OnMetrics = lambda line: None,
) -> Run:
    """Train a run in the folder `out` and return it. Every mistake in the settings is found before the folder is made.

    resume goes on in a folder that has been begun (from `checkpoint`); force replaces it. `on_metrics` receives every
    line of metrics.jsonl. ScratchpadError for mistakes and a folder that another process trains in, RunFailure for a
    diverged loss, a full disk, a dead worker; Interrupted after Ctrl-C or another request to end. Under torchrun
    each process calls this with the same arguments.
    """
    folder, where = Path(out), choose_device(device)
    os.environ.setdefault(*_SHAPES_KEPT)
    if config.train.threads is not None:
        torch.set_num_threads(config.train.threads)
    task = task_of(config.task)
    config = complete(config, task)
    with process_group(where) as processes:
        saved = _is_begun(folder, config, task, resume, force) and Checkpoints(folder).steps()
        start = None if saved else load_start(config, task)
        processes.barrier(where)  # all have looked before the first one writes
        with lock_run_folder(folder) if processes.is_first else nullcontext():
            if processes.is_first and not saved:
                _make_folder(folder, config, task, start)
            trainer = make_trainer(config, task, folder, where, processes, on_metrics)
            if saved:
                trainer.resume(Checkpoints(folder).load(checkpoint))
            elif start:
                trainer.load_initial_weights(start)
            trainer.run()
            processes.barrier(where)  # the last checkpoint is there
    return Run.load(folder, "last", device, config.task.file)


def is_trained(config: RunConfig, out: str | Path, same_evaluation: bool = True) -> bool:
    """Whether the folder holds this very run, trained to its end. ScratchpadError where it holds something else.

    same_evaluation: its evaluation during training must also match the config. Otherwise a finished run need not match
    where its weights do not depend on that.
    """
    folder, task = Path(out), task_of(config.task)
    config = complete(config, task)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    at_its_end = _is_at_its_end(folder, config)
    _check_same(folder, config, task, same_evaluation or not at_its_end)
    return at_its_end


def _is_at_its_end(folder: Path, config: RunConfig) -> bool:
    if not Checkpoints(folder).steps():
        return False
    last = Checkpoints(folder).load()
    return last.step == config.train.steps or bool(last.state.get("reached"))


def complete(config: RunConfig, task: Task, only_judged: bool = False, room: int | None = None) -> RunConfig:
    """The config with what can be measured filled in: the sizes to judge, and the positions the model needs.

    The task's settings come out as their values, however they were written: a run is resumed with the same ones.

    only_judged: nothing is trained as the config says, so what would be is not looked at. room: the positions of a run
    that is there already; where they are enough, no others are measured.

    ScratchpadError where documents cannot be written as the settings say, or need more positions than they set.
    """
    config = with_values(_as_wide_as_its_start(config), task)
    sizes = evaluated_sizes(config, task)
    config = dataclasses.replace(config, evaluate=dataclasses.replace(config.evaluate, sizes=sizes))
    curriculum = make_curriculum(config.curriculum, task)
    every, steps = config.curriculum.every, config.train.steps
    if curriculum and every > steps:
        raise ScratchpadError(f"curriculum.every={every}: no stage is tested in train.steps={steps}; at most {steps}")
    if curriculum and not only_judged:
        check_stages_agree(curriculum)
    if config.train.max_states and not (only_judged or format_named(config.task.format).inductive):
        raise ScratchpadError(
            f"train.max_states={config.train.max_states}: goes with task.format=inductive, not {config.task.format}: "
            "set it where the format is inductive alone"
        )
    trained = () if only_judged else curriculum.tasks if curriculum else (task,)
    documents = [*(document for one in trained for document in _trained_on(config, one)), *_judged_on(config, task)]
    needed = [positions_needed(document) for document in documents]
    check_room(needed, config.model.context)
    if config.model.context is not None or config.model.positions != "learned":
        return config
    context = room if room and room >= max(needed) else 16 * -(-(max(needed) + _ROOM) // 16)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, context=context))


def _trained_on(config: RunConfig, task: Task) -> list[Document[str]]:
    """Documents of the smallest and largest size and the longest, or all that the data hold; each fits the budget."""
    task.check_draws()
    law, held, written = task.size_distribution(), task.count("train"), format_named(config.task.format)
    if held == 0:
        raise ScratchpadError("the data hold nothing to train on")
    sized = [task] if held else [task.at_size(size) for size in (law.low, law.high)]
    most = config.train.max_states if config.train.states_from == "start" else CHAIN_PREFIX_LIMIT
    documents = [
        written.write(each, each.draw(config.train.seed, "train", number), most)
        for each in sized
        for number in range(held or _MEASURED)
    ]
    documents += [written.write(task, question, most) for question in task.longest_questions()]
    for document in documents:
        rows(document, config.train.row_budget)
    return documents


def _judged_on(config: RunConfig, task: Task) -> list[Document[str]]:
    """The documents that the run will be judged on."""
    settings, written = config.evaluate, format_named(config.task.format)
    drawn = [test_questions(task, size, settings.n, settings.seed) for size in settings.sizes]
    return [written.write(task, question) for questions in drawn for question in questions]


def check_start_fits(config: RunConfig, task: Task, model: ModelConfig, symbols: Sequence[str], what: str) -> None:
    """ScratchpadError where a run cannot start from the weights of `what`: a model with other symbols, or another form.

    symbols: in the order of its vocabulary.
    """
    own = codec_of(config, task).to_json()
    if symbols != own:
        other = " ".join(sorted({*symbols} ^ {*own})[:10])
        raise ScratchpadError(
            f"train.start: {what} was trained with other symbols ({other or 'the same in another order'}): start from "
            "a run on the same task, with the same window"
        )
    there, here = _flat(to_json(model.form)), _flat(to_json(config.model.form))
    differ = [f"model.{name}: {there[name]} there, {here[name]} here" for name in here if there[name] != here[name]]
    if differ:
        raise ScratchpadError(f"train.start: {what} has another model ({'; '.join(differ)}): the same is needed")


def load_start(config: RunConfig, task: Task) -> Checkpoint | None:
    """The weights that a run starts from, where it names a folder. ScratchpadError where it holds none that fit."""
    if config.train.start is None:
        return None
    folder = Path(config.train.start)
    check_start_fits(config, task, model_of(folder), read_run_record(folder)["vocabulary"], str(folder))
    return Checkpoints(folder).load()


def model_of(folder: Path) -> ModelConfig:
    """The settings of the model of a run folder."""
    return RunConfig.from_json(read_run_record(folder)["config"], str(folder / "config.json")).model


def _as_wide_as_its_start(config: RunConfig) -> RunConfig:
    """Learned positions, where nothing says how many, are as many as those of the run that it starts from."""
    model, start = config.model, config.train.start
    if start is None or model.context is not None or model.positions != "learned":
        return config
    return dataclasses.replace(config, model=dataclasses.replace(model, context=model_of(Path(start)).context))


def make_trainer(
    config: RunConfig, task: Task, folder: Path, device: torch.device, processes: ProcessGroup, on_metrics: OnMetrics
) -> Trainer:
    """A fresh model and all that trains it."""
    worker_threads = worker_thread_count(device, config.train.attention)
    data = dataclasses.replace(step_data(config, task, processes), worker_threads=worker_threads)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model, len(data.vocabulary)).to(device)
    average = None if config.train.average is None else copy.deepcopy(model).requires_grad_(False)
    evaluated = EvaluatedModel(average or model, task, data.format, data.vocabulary, config.train.attention)

    def evaluate_sizes() -> list[Score]:
        settings = config.evaluate
        sampling = Sampling(settings.temperature)
        results = evaluate(evaluated, settings.sizes, settings.n, settings.method, settings.seed, sampling)
        return [result.score for result in results]

    def count_correct_in_stage(stage: Task, questions: Sequence[Symbols]) -> int:
        return count_correct(dataclasses.replace(evaluated, task=stage), questions, config.evaluate.method)

    return Trainer(model, data, folder, evaluate_sizes, on_metrics, processes, count_correct_in_stage, average)


def _is_begun(folder: Path, config: RunConfig, task: Task, resume: bool, force: bool) -> bool:
    """Whether a run stands in the folder that is to be gone on with. ScratchpadError where one must not be touched."""
    exists = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if exists and resume:
        _check_same(folder, config, task)
        return True
    if exists and not force:
        raise ScratchpadError(f"{folder} already exists: go on in it with --resume, or replace it with --force")
    if exists and not (folder / "config.json").is_file():
        raise ScratchpadError(f"{folder} is not a run folder; --force replaces only those. Choose another --out")
    start = config.train.start
    if exists and start is not None and Path(start).resolve().is_relative_to(folder.resolve()):
        raise ScratchpadError(f"train.start={start} lies in {folder}, which would be replaced: choose another --out")
    return False


def _make_folder(folder: Path, config: RunConfig, task: Task, start: Checkpoint | None) -> None:
    """Make the folder one that holds its config.json and nothing else."""
    try:
        for path in folder.iterdir():  # not the folder itself, which is held
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write_whole(folder / "config.json", json.dumps(_record(config, task, start), indent=1) + "\n")
    except OSError as error:
        raise ScratchpadError(f"--out {folder} cannot be written: {error.strerror}") from None


def _check_same(folder: Path, config: RunConfig, task: Task, same_evaluation: bool = True) -> None:
    """ScratchpadError where a run was begun with other settings, or with data that have changed since.

    same_evaluation: those of how it is judged count, even where its weights do not hang on them.
    """
    record = read_run_record(folder)
    if record["vocabulary"] != codec_of(config, task).to_json():
        raise ScratchpadError(f"{folder} was begun with other symbols: its task or data have changed since")
    saved = RunConfig.from_json(record["config"], str(folder / "config.json"))
    if saved.train.start != config.train.start and _is_same_start(record, config):
        saved = dataclasses.replace(saved, train=dataclasses.replace(saved.train, start=config.train.start))
    if not same_evaluation:
        saved, config = saved.weight_settings, config.weight_settings
    before, now = _flat(saved.to_json()), _flat(config.to_json())
    changed = [
        f"{name}: {before.get(name)} -> {now.get(name)}" for name in before | now if before.get(name) != now.get(name)
    ]
    if changed:
        raise ScratchpadError(
            f"{folder} was begun with other settings ({'; '.join(changed)}): resume it with its own "
            f"({folder / 'config.json'} in place of a recipe), or begin another run with --out"
        )


def _is_same_start(record: dict[str, Any], config: RunConfig) -> bool:
    """Whether a run was begun from these very weights, wherever their folder lies now."""
    if record.get("start") is None or config.train.start is None:
        return False
    return Checkpoints(Path(config.train.start)).load().digest == record["start"]["digest"]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, item in value.items():
        flat |= _flat(item, f"{prefix}{name}.") if isinstance(item, dict) else {f"{prefix}{name}": item}
    return flat


def _record(config: RunConfig, task: Task, start: Checkpoint | None) -> dict[str, Any]:
    """What config.json holds: all settings, the ordered vocabulary, and where and with what the run was made."""
    return {
        "config": config.to_json(),
        "start": {"step": start.step, "digest": start.digest} if start else None,
        "vocabulary": codec_of(config, task).to_json(),
        "task_settings": task.settings(),
        "versions": {name: version(name) for name in ("torch", "numpy", "safetensors")}
        | {"python": platform.python_version(), "scratchpad": version("scratchpad")},
        "git": git_hash(),
        "machine": {
            "platform": platform.platform(),
            "threads": torch.get_num_threads(),
            "processes": int(os.environ.get("WORLD_SIZE", "1")),
            "hardware": hardware(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def codec_of(config: RunConfig, task: Task) -> Codec:
    """The codec of a run: the symbols of its task and of its curriculum's stages."""
    return training_vocabulary(task, make_curriculum(config.curriculum, task))
