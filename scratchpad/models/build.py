"""The function that builds a model from a run's settings, used by both training and loading."""

from __future__ import annotations

from scratchpad.models.config import ModelConfig
from scratchpad.models.protocol import LanguageModel
from scratchpad.models.transformer import Transformer


def build_model(config: ModelConfig, vocabulary_size: int) -> LanguageModel:
    """Return a model with new weights from torch's global generator. Raises ScratchpadError if a setting is missing."""
    return Transformer(config, vocabulary_size)
