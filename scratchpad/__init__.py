"""Train Transformers to show their work in a scratchpad, and run these models on inputs longer than in training.

    import scratchpad as sp
    run = sp.train(task="parity", out="runs/mine")          # later: sp.Run.load("runs/mine")
    print(run.solve("10110111"))                            # the states, the answer, and whether it is correct
    print(sp.evaluate(run, sizes=[8, 12, 16]))

For your own model and training loop, use `documents`, `rows` and `collate`, which returns a batch with an attention
mask. `Engine` generates text with any decoder. Names are imported at their first use, so tasks need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchpad.api import documents, evaluate, task, train
    from scratchpad.errors import RunFailure, ScratchpadError
    from scratchpad.evaluation.intervals import wilson
    from scratchpad.evaluation.metrics import Score
    from scratchpad.generation.cache import CachedDecoder
    from scratchpad.generation.engine import Engine, Limits, Opening
    from scratchpad.generation.sampling import Sampling
    from scratchpad.generation.solved import Solved
    from scratchpad.generation.uncached import FreshInput, MaskedInput
    from scratchpad.layout.batch import Batch, collate, micro_batches
    from scratchpad.layout.rows import Row, rows
    from scratchpad.layout.vocabulary import Vocabulary
    from scratchpad.models.config import ModelConfig
    from scratchpad.models.transformer import Transformer
    from scratchpad.recipes import recipe
    from scratchpad.run import Run
    from scratchpad.tasks.base import Task
    from scratchpad.tasks.document import Document

_HOMES = {
    "errors": ("RunFailure", "ScratchpadError"),
    "evaluation.intervals": ("wilson",),
    "evaluation.metrics": ("Score",),
    "generation.cache": ("CachedDecoder",),
    "generation.engine": ("Engine", "Limits", "Opening"),
    "generation.uncached": ("FreshInput", "MaskedInput"),
    "generation.sampling": ("Sampling",),
    "generation.solved": ("Solved",),
    "api": ("documents", "evaluate", "task", "train"),
    "layout.batch": ("Batch", "collate", "micro_batches"),
    "layout.rows": ("Row", "rows"),
    "layout.vocabulary": ("Vocabulary",),
    "models.config": ("ModelConfig",),
    "models.transformer": ("Transformer",),
    "recipes": ("recipe",),
    "run": ("Run",),
    "tasks.base": ("Task",),
    "tasks.document": ("Document",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - in the order of use
    "task", "documents", "rows", "collate", "recipe", "train", "evaluate",
    "Task", "Document", "Row", "Batch", "Vocabulary", "micro_batches",
    "ModelConfig", "Transformer", "Run", "Solved", "Score", "wilson",
    "Engine", "Opening", "Limits", "Sampling", "CachedDecoder", "FreshInput", "MaskedInput",
    "ScratchpadError", "RunFailure",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'scratchpad' has no attribute {name!r}")
    return getattr(importlib.import_module(f"scratchpad.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
