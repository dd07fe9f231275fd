"""The settings of a model, and presets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from scratchpad.config.parse import Checked, WithPresets
from scratchpad.errors import ScratchpadError, unknown_name

POSITIONS = ("learned", "rotary", "alibi", "none")
BACKENDS = ("blocks", "dense")
GELUS = ("exact", "tanh")


@dataclass(frozen=True)
class ModelConfig(WithPresets, Checked):
    """The settings of a GPT-2-style Transformer.

    `layers`: the number of layers.
    `heads`: the number of attention heads in a layer.
    `width`: the number of values in the vector of a token. It must be a multiple of `heads`.
    `positions`: how the model knows positions: `learned` (one vector per position), `rotary` (Su et al. 2021), `alibi`
    (Press et al. 2022) or `none`.
    `span`: the number of most recent positions that a token sees, including its own. `none` means no limit.
    `context`: the number of positions. `none` means the number that the data need, if positions are learned. Otherwise,
    `none` means no limit, so the model can read longer inputs than in training.
    `dropout`: the share of values, at least 0 and below 1, that dropout sets to 0 in training.
    `bias`: whether linear layers and norms have biases.
    `gelu`: the activation function: `exact` (as in the authors' code), or `tanh` (GPT-2's approximation, which is four
    times as slow on a CPU).
    `deviation`: the standard deviation of the initial weights. `none` means 1 / sqrt(inputs of the matrix). GPT-2's
    0.02 suits widths of several hundred. With 0.02, narrow models stay on a plateau for hundreds of steps.
    """

    choices: ClassVar = {"positions": POSITIONS, "gelu": GELUS}
    least: ClassVar = {"layers": 1, "heads": 1, "width": 1, "span": 1, "context": 1}

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
        self.check_values("model.")
        if self.width % self.heads or (self.positions == "rotary" and self.width // self.heads % 2):
            raise ScratchpadError(
                f"model.width={self.width} must be a multiple of model.heads={self.heads}"
                + (", and width / heads must be even for rotary positions" if self.positions == "rotary" else "")
            )
        if self.deviation is not None and self.deviation <= 0:
            raise ScratchpadError(f"model.deviation={self.deviation} must be above 0, or `none` for 1 / sqrt(inputs)")
        if not 0 <= self.dropout < 1:
            raise ScratchpadError(f"model.dropout={self.dropout} must be at least 0 and below 1")

    @property
    def weight_settings(self) -> Self:
        """A copy with fixed values of dropout and deviation. Two models can share weights if their copies are equal."""
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
counts 25.7M and 85.7M parameters without position vectors, for the 1,010 symbols of the task `cycles`. The
paper's 10.6M also leave out the vectors of symbols. With these vectors, the model has 11.0M parameters."""
