"""Your own model, of plain torch modules, trained on inductive rows: python examples/own_model.py"""

import torch
from torch import nn
from torch.nn import functional as F

import scratchpad as sp


class OwnModel(nn.Module):
    def __init__(self, symbols: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.token, self.place = nn.Embedding(symbols, width), nn.Embedding(64, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, symbols)

    def forward(self, batch: sp.Batch) -> torch.Tensor:
        hidden = ~batch.mask().expand(-1, self.heads, -1, -1).flatten(0, 1)  # (B * H, T, T), True: torch hides the pair
        return self.out(self.layers(self.token(batch.tokens) + self.place(batch.positions), mask=hidden))


def main(steps: int = 200) -> float:
    task, loss = sp.task("parity", bits="1-3", window=7), torch.zeros(())
    vocabulary = sp.Vocabulary(task.symbols())
    model = OwnModel(len(vocabulary))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for step in range(steps):
        documents = map(vocabulary.encode_document, sp.documents(task, n=32, start=32 * step))
        batch = sp.collate([row for document in documents for row in sp.rows(document)])
        loss = F.cross_entropy(model(batch).flatten(0, 1), batch.targets.flatten())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"loss after 200 steps: {main():.3f}")
