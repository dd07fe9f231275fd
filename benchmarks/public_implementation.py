"""The method of the only public implementation of inductive scratchpads, reimplemented from its description.

A GPT-2 like nanoGPT: learned positions, no biases, exact GELU, dropout everywhere including attention. A document is
one row (the prompt, then every state twice except the last), padded to the block size. Positions and a dense boolean
mask are computed from the tokens of each batch, logits for every token of every row. Generation has no cache: for each
token the whole row is laid out and fed again.

Where the description leaves a choice, this module takes the faster one: positions and mask are whole-tensor operations
without loops; generation computes only the logits of the last token, does not pad, and drops the oldest states once a
row exceeds BLOCK_SIZE tokens; the optimizer is the fused one of our own training.
Shapes: B rows, T tokens per row, H heads, D numbers per head, C width, V symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scratchpad.models.config import ModelConfig
from scratchpad.models.transformer import Transformer
from scratchpad.tasks.document import MARKS, SEP, START, Document

START_NUMBER, SEP_NUMBER = MARKS.index(START), MARKS.index(SEP)
BLOCK_SIZE = 720
"""Chosen for parity with a window of 60: 1 to 30 bits need at most 550 tokens."""
IGNORED = -1

_NAMES = {
    "embedding": "wte",
    "position_embedding": "wpe",
    "layers": "h",
    "attention_norm": "ln_1",
    "attention_in": "attn.c_attn",
    "attention_out": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp_in": "mlp.c_fc",
    "mlp_out": "mlp.c_proj",
    "norm": "ln_f",
}
"""The names of our model's parts and their names here."""


class Attention(nn.Module):
    """Attention with one product for queries, keys and values, a boolean mask, and dropout of weights and output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.c_attn = nn.Linear(config.width, 3 * config.width, bias=False)
        self.c_proj = nn.Linear(config.width, config.width, bias=False)
        self.resid_dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        rows, places, width = x.shape
        q, k, v = (
            part.view(rows, places, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)  # (B, H, T, D)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).contiguous().view(rows, places, width)))


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.width, 4 * config.width, bias=False)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * config.width, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    """Pre-norm attention and perceptron, each added to the residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, bias=False)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.width, bias=False)
        self.mlp = Perceptron(config)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Token and position embeddings, blocks, and a head tied to the token embedding."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary_size, config.width)
        self.wpe = nn.Embedding(BLOCK_SIZE, config.width)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(config.width, bias=False)
        self.lm_head = nn.Linear(config.width, vocabulary_size, bias=False)
        self.lm_head.weight = self.wte.weight

    @classmethod
    def like(cls, model: Transformer) -> GPT:
        """Return this model with the weights of `model`, which has learned positions and no biases."""
        gpt = cls(model.config, model.embedding.num_embeddings)
        weights = {renamed(name): weight for name, weight in model.state_dict().items()}
        positions = weights["wpe.weight"]
        weights["wpe.weight"] = F.pad(positions, (0, 0, 0, BLOCK_SIZE - len(positions)))
        gpt.load_state_dict({**weights, "lm_head.weight": weights["wte.weight"]})
        return gpt

    def hidden(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return hidden states (B, T, C) of tokens and positions (B, T) under a mask (B, 1, T, T)."""
        x = self.drop(self.wte(tokens) + self.wpe(positions))
        for block in self.h:
            x = block(x, mask)
        return self.ln_f(x)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of tokens and targets (B, T), without targets that are IGNORED."""
        logits = self.lm_head(self.hidden(tokens, *positions_and_mask(tokens)))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=IGNORED)


def renamed(name: str) -> str:
    """Return the name that a parameter of our model has here."""
    return ".".join(_NAMES.get(part, part) for part in name.split("."))


def pack(documents: Sequence[Document[int]]) -> tuple[Tensor, Tensor]:
    """Return documents with <start> as tokens and targets (B, BLOCK_SIZE). Each token of a state is a target once."""
    tokens = torch.zeros(len(documents), BLOCK_SIZE, dtype=torch.int64)
    targets = torch.full_like(tokens, IGNORED)
    for i, document in enumerate(documents):
        row, scored = list(document.prompt), [False] * len(document.prompt)
        row += document.states[0]
        scored += [True] * len(document.states[0])
        for context, state in pairwise(document.states):
            row += context + state
            scored += [False] * len(context) + [True] * len(state)
        tokens[i, : len(row)] = torch.tensor(row)
        targets[i, : len(row) - 1] = torch.where(torch.tensor(scored), tokens[i, : len(row)], IGNORED)[1:]
    return tokens, targets


def positions_and_mask(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return positions (B, T) and the mask (B, 1, T, T) of packed rows (B, T).

    A block is a state with the copy of the previous state before it; the first state is a block alone. Positions of
    each block start after the prompt. A token sees the prompt and its own block, up to itself.
    """
    place = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    starts, ends = tokens == START_NUMBER, tokens == SEP_NUMBER
    written = starts.cumsum(1) > starts.long()
    block = torch.where(written, 1 + (ends.cumsum(1) - ends.long() + 1) // 2, 0)
    begins = block != torch.cat([block[:, :1], block[:, :-1]], 1)
    begin = torch.where(begins, place, 0).cummax(1).values
    prompt = starts.long().argmax(1, keepdim=True) + 1
    positions = torch.where(written, prompt + place - begin, place)
    seen = (block[:, None, :] == 0) | (block[:, None, :] == block[:, :, None])
    return positions, seen.tril()[:, None]


@dataclass
class Text:
    """A text during generation: the prompt, the complete states and the current one."""

    prompt: tuple[int, ...]
    states: list[tuple[int, ...]] = field(default_factory=lambda: [()])

    def add(self, token: int) -> None:
        self.states[-1] += (token,)
        if token == SEP_NUMBER:
            self.states.append(())

    def laid_out(self) -> list[int]:
        """Return the tokens to feed: at most BLOCK_SIZE, without the oldest states if necessary."""
        states = self.states
        while len(self.prompt) + 2 * sum(map(len, states)) - len(states[-1]) > BLOCK_SIZE:
            states = states[1:]
        row = [*self.prompt, *states[0]]
        for context, state in pairwise(states):
            row += context + state
        return row


@torch.no_grad()
def next_logits(gpt: GPT, texts: Sequence[Text]) -> Tensor:
    """Return the logits (B, V) of the token after each text. All tokens are laid out and fed again."""
    rows = [text.laid_out() for text in texts]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    hidden = gpt.hidden(tokens, *positions_and_mask(tokens))
    return gpt.lm_head(hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])])
