"""The settings of a model, and presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

from scratchpad.config.parse import WithPresets
from scratchpad.errors import ScratchpadError, unknown_name

POSITIONS = ("learned", "rotary", "alibi", "none")
BACKENDS = ("blocks", "dense")
GELUS = ("exact", "tanh")


@dataclass(frozen=True)
class ModelConfig(WithPresets):
    """The settings of a GPT-2-style Transformer.

    positions: learned (one vector per position), rotary (Su et al. 2021), alibi (Press et al. 2022) or none.
    span: the number of most recent positions that a token sees, including its own; none: no limit.
    context: the number of positions. With learned positions, none takes the number that the data need. With other
    positions, none is no limit, so the model can read longer inputs than in training.
    gelu: exact, as in the authors' code, or tanh, GPT-2's approximation, which takes four times as long on a CPU.
    deviation: the standard deviation of the initial weights; none: 1 / sqrt(inputs of the matrix). GPT-2's 0.02 suits
    widths of several hundred. With it, narrow models stay on a plateau for hundreds of steps.
    """

    layers: int = 6
    heads: int = 6
    width: int = 384
    positions: str = "learned"
    span: int | None = None
    context: int | None = None
    dropout: float = 0.2
    bias: bool = False
    gelu: str = "exact"
    deviation: float | None = 0.02

    def __post_init__(self) -> None:
        if min(self.layers, self.heads, self.width) < 1:
            given = f"layers={self.layers}, heads={self.heads}, width={self.width}"
            raise ScratchpadError(f"the model has {given}, but each must be at least 1")
        if self.width % self.heads or (self.positions == "rotary" and self.width // self.heads % 2):
            raise ScratchpadError(
                f"model.width={self.width} must be a multiple of model.heads={self.heads}"
                + (", and width / heads must be even for rotary positions" if self.positions == "rotary" else "")
            )
        if self.positions not in POSITIONS:
            raise unknown_name("model.positions", self.positions, POSITIONS)
        if self.span is not None and self.span < 1:
            raise ScratchpadError(f"model.span={self.span} must be at least 1 (the token itself), or none for no limit")
        if self.gelu not in GELUS:
            raise unknown_name("model.gelu", self.gelu, GELUS)
        if self.deviation is not None and self.deviation <= 0:
            raise ScratchpadError(f"model.deviation={self.deviation} must be above 0, or none for 1 / sqrt(inputs)")
        if not 0 <= self.dropout < 1:
            raise ScratchpadError(f"model.dropout={self.dropout} must be at least 0 and below 1")
        if self.context is not None and self.context < 1:
            raise ScratchpadError(f"model.context={self.context} must be at least 1, or none")

    @property
    def weight_settings(self) -> Self:
        """A copy with fixed dropout and deviation. Two models can share weights if their copies are equal."""
        return dataclasses.replace(self, dropout=0.0, deviation=None)

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the preset with this name, as in `--set model=25m`."""
        if name not in PRESETS:
            raise unknown_name("model preset", name, PRESETS)
        return cls(**dataclasses.asdict(PRESETS[name]))


PRESETS = {
    "tiny": ModelConfig(layers=2, heads=2, width=32, dropout=0.0),
    "small": ModelConfig(layers=3, heads=2, width=64, dropout=0.0, deviation=None),
    "medium": ModelConfig(layers=4, heads=4, width=256, dropout=0.1, deviation=None),
    "10m": ModelConfig(layers=6, heads=6, width=384),
    "25m": ModelConfig(layers=8, heads=8, width=512),
    "85m": ModelConfig(layers=12, heads=12, width=768),
}
"""The last three presets are the models of Abbe et al. 2024, with the paper's dropout and without biases. The paper
counts 25.7M and 85.7M parameters without position vectors, for the 1,010 symbols of the task `cycles`. Its count of
10.6M also leaves out the vectors of symbols; with these vectors the model has 11.0M parameters."""
