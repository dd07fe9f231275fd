"""A decoder-only Transformer like GPT-2: pre-norm, GELU, tied embeddings.

The input is the N real tokens of a batch, without padding. Only attention connects tokens; the caller passes in the
attention function (see `protocol`). Shapes: N tokens, C width, H heads, D = C / H numbers per head, V symbols.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scratchpad.errors import ScratchpadError
from scratchpad.models.attention.backends import Attention
from scratchpad.models.config import ModelConfig
from scratchpad.models.dropout import add_dropped, dropout
from scratchpad.models.positions import Reach, Rotary, alibi, rotary, rotate
from scratchpad.models.protocol import CacheShape, LanguageModel


class Transformer(LanguageModel):
    """The package's own model. Raises ScratchpadError if positions are learned and `config.context` is None."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, config.width)
        self.position_embedding = None
        if config.positions == "learned":
            if config.context is None:
                raise ScratchpadError("model.context is not set. Set it to the number of learned positions")
            self.position_embedding = nn.Embedding(config.context, config.width)
        self.layers = nn.ModuleList(Layer(config, index) for index in range(config.layers))
        self.norm = nn.LayerNorm(config.width, bias=config.bias)
        self._initialise()

    def _initialise(self) -> None:
        """Draw normal weights as in GPT-2. Projections to the residual stream use deviation / sqrt(2 layers)."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                deviation = self.config.deviation or 1 / math.sqrt(parameter.shape[1])
                if name.endswith(("attention_out.weight", "mlp_out.weight")):
                    deviation /= math.sqrt(2 * self.config.layers)
                nn.init.normal_(parameter, std=deviation)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.embedding.weight.dtype

    @property
    def context(self) -> int | None:
        return self.config.context

    @property
    def cache_shape(self) -> CacheShape:
        return CacheShape(self.config.layers, self.config.heads, self.config.width // self.config.heads)

    @property
    def reach(self) -> Reach | None:
        slopes = None
        if self.config.positions == "alibi":
            slopes = torch.tensor(alibi(self.config.heads), dtype=torch.float64, device=self.device)
        return None if slopes is None and self.config.span is None else Reach(self.config.span, slopes)

    def hidden(self, tokens: Tensor, positions: Tensor, attend: Attention, wanted: Tensor | None = None) -> Tensor:
        """Return the normed output (N, C) of the last layer, for tokens and positions (N,).

        wanted: indices of M tokens. If given, the output is (M, C): the last layer drops other tokens after attention.
        """
        x = self.embedding(tokens)
        if self.position_embedding is not None:
            x = x + self.position_embedding(positions)
        turns = None
        if self.config.positions == "rotary":
            turns = rotary(positions, self.cache_shape.head_width, x.dtype)
        x = dropout(x, self.config.dropout if self.training else 0.0)
        for layer in self.layers[:-1]:
            x = layer(x, turns, attend)
        return self.norm(self.layers[-1](x, turns, attend, wanted))

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight)


class Layer(nn.Module):
    """Attention, then a two-layer perceptron. The output of each part is added to the residual stream."""

    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        width, bias = config.width, config.bias
        self.index, self.heads, self.dropout = index, config.heads, config.dropout
        self.gelu = "tanh" if config.gelu == "tanh" else "none"
        self.attention_norm = nn.LayerNorm(width, bias=bias)
        self.attention_in = nn.Linear(width, 3 * width, bias=bias)
        self.attention_out = nn.Linear(width, width, bias=bias)
        self.mlp_norm = nn.LayerNorm(width, bias=bias)
        self.mlp_in = nn.Linear(width, 4 * width, bias=bias)
        self.mlp_out = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor, turns: Rotary | None, attend: Attention, wanted: Tensor | None = None) -> Tensor:
        """Return the vectors (N, C) after this layer, or (M, C) for the M tokens in `wanted`."""
        p = self.dropout if self.training else 0.0
        qkv = self.attention_in(self.attention_norm(x)).unflatten(-1, (3 * self.heads, -1))  # (N, 3 H, D)
        if turns is not None:
            turned, values = qkv.split((2 * self.heads, self.heads), 1)
            qkv = torch.cat([rotate(turned, turns), values], 1)
        mixed = attend(self.index, qkv, self.heads, p).flatten(1)  # (N, C)
        if wanted is not None:
            x, mixed = x.index_select(0, wanted), mixed.index_select(0, wanted)
        x = add_dropped(x, self.attention_out(mixed), p)
        expanded = F.gelu(self.mlp_in(self.mlp_norm(x)), approximate=self.gelu)  # (N or M, 4 C)
        return add_dropped(x, self.mlp_out(expanded), p)
