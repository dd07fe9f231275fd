"""The only public implementation's way to train and run inductive scratchpads, written anew from its description.

A GPT-2 in the manner of nanoGPT: learned positions, no biases, exact GELU, dropout everywhere, attention included. A
document is one row, prompt and states with every state but the last twice, padded to the block size. Positions and a
dense boolean mask are made from the tokens for each batch, and logits are computed for every place of every row. Text
is generated without a cache: for each token the whole row is laid out and fed again.

Where the description leaves a choice, the faster one was taken for this side: positions and mask are whole-tensor
operations without loops; generation computes logits of the last token alone, does not pad, and drops the oldest states
once a row has more than BLOCK_SIZE tokens; the optimiser is the fused one that our own training uses.
Shapes: B rows, T places, H heads, D numbers a head, C width, V symbols.
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
"""Of parity with a window of 60: 1 to 30 bits take at most 550 tokens."""
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
"""The parts of our model, and of this one."""


class Attention(nn.Module):
    """Queries, keys and values from one product; a boolean mask; dropout of the shares and of what is written."""

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
    """Two layers with a GELU between."""

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
        """The same model with the same weights. For models with learned positions and no biases."""
        gpt = cls(model.config, model.embedding.num_embeddings)
        weights = {renamed(name): weight for name, weight in model.state_dict().items()}
        positions = weights["wpe.weight"]
        weights["wpe.weight"] = F.pad(positions, (0, 0, 0, BLOCK_SIZE - len(positions)))
        gpt.load_state_dict({**weights, "lm_head.weight": weights["wte.weight"]})
        return gpt

    def hidden(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """(B, T) tokens and positions, (B, 1, T, T) mask -> (B, T, C)."""
        x = self.drop(self.wte(tokens) + self.wpe(positions))
        for block in self.h:
            x = block(x, mask)
        return self.ln_f(x)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """The mean cross-entropy of (B, T) tokens and targets, of which IGNORED ones do not count."""
        logits = self.lm_head(self.hidden(tokens, *positions_and_mask(tokens)))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=IGNORED)


def renamed(name: str) -> str:
    """A parameter of our model -> the same one of this model."""
    return ".".join(_NAMES.get(part, part) for part in name.split("."))


def pack(documents: Sequence[Document[int]]) -> tuple[Tensor, Tensor]:
    """Documents with <start> as tokens and targets, (B, BLOCK_SIZE) each: written tokens are targets, once."""
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
    """Of packed rows (B, T): positions (B, T) that begin anew after the prompt with each block, and what sees what.

    A block is a state after the copy of the one before; the first state is a block alone. The mask is (B, 1, T, T).
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
    """What a row holds while it is written: the prompt, complete states, and the one being written."""

    prompt: tuple[int, ...]
    states: list[tuple[int, ...]] = field(default_factory=lambda: [()])

    def add(self, token: int) -> None:
        self.states[-1] += (token,)
        if token == SEP_NUMBER:
            self.states.append(())

    def laid_out(self) -> list[int]:
        """The tokens that are fed: at most BLOCK_SIZE of them, by leaving out the oldest states."""
        states = self.states
        while len(self.prompt) + 2 * sum(map(len, states)) - len(states[-1]) > BLOCK_SIZE:
            states = states[1:]
        row = [*self.prompt, *states[0]]
        for context, state in pairwise(states):
            row += context + state
        return row


@torch.no_grad()
def next_logits(gpt: GPT, texts: Sequence[Text]) -> Tensor:
    """(B, V): what follows each text. Everything is laid out and fed anew."""
    rows = [text.laid_out() for text in texts]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    hidden = gpt.hidden(tokens, *positions_and_mask(tokens))
    return gpt.lm_head(hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])])
