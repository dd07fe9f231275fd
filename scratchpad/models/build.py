"""The one place where a run's settings become a model: training and loading both call it."""

from __future__ import annotations

from scratchpad.models.config import ModelConfig
from scratchpad.models.protocol import LanguageModel
from scratchpad.models.transformer import Transformer


def build_model(config: ModelConfig, vocabulary_size: int) -> LanguageModel:
    """A model with new weights, drawn from torch's own stream. ScratchpadError where the settings make none."""
    return Transformer(config, vocabulary_size)
