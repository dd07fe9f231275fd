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
    """A GPT-2-style Transformer.

    positions: learned (one vector each), rotary (Su et al. 2021), alibi (Press et al. 2022) or none.
    span: a token sees only the last `span` positions of what the attention rule shows, its own included (none: all).
    context: the number of positions; with learned ones, none means as many as the data need. Other kinds have no limit,
    so that a model can read longer windows than it was trained on, unless a context sets one.
    gelu: exact, as in the authors' code; tanh, GPT-2's approximation, takes four times as long on a CPU.
    deviation: the standard deviation of the initial weights. GPT-2's 0.02 suits widths of hundreds; with it narrow
    models stay on a plateau for hundreds of steps. none: 1 / sqrt(inputs of the matrix).
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
            raise ScratchpadError(f"model: {given}: each must be at least 1")
        if self.width % self.heads or (self.positions == "rotary" and self.width // self.heads % 2):
            raise ScratchpadError(
                f"model: width={self.width} does not divide into heads={self.heads}: width must be a multiple of heads"
                + (", and width / heads even for rotary positions" if self.positions == "rotary" else "")
            )
        if self.positions not in POSITIONS:
            raise unknown_name("model.positions", self.positions, POSITIONS)
        if self.span is not None and self.span < 1:
            raise ScratchpadError(f"model.span={self.span}: 1 (only the token itself) or more is allowed, or none")
        if self.gelu not in GELUS:
            raise unknown_name("model.gelu", self.gelu, GELUS)
        if self.deviation is not None and self.deviation <= 0:
            raise ScratchpadError(f"model.deviation={self.deviation}: above 0 is allowed, or none for 1 / sqrt(inputs)")
        if not 0 <= self.dropout < 1:
            raise ScratchpadError(f"model.dropout={self.dropout}: from 0 up to, not including, 1 is allowed")
        if self.context is not None and self.context < 1:
            raise ScratchpadError(f"model.context={self.context}: at least 1 is allowed")

    @property
    def weight_settings(self) -> Self:
        """The settings with defaults for dropout and deviation: models that agree in these can share weights."""
        return dataclasses.replace(self, dropout=0.0, deviation=None)

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the preset of that name: `--set model=25m`."""
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
"""The last three are the models of Abbe et al. 2024, with its dropout and no biases. Its 25.7M and 85.7M count all
parameters but positions, with the 1,010 symbols of cycles; its 10.6M leaves out the symbols too (11.0M with them)."""
