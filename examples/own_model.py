"""Your own model of plain torch modules: it trains on inductive rows and writes states. python examples/own_model.py"""

import torch
from torch import nn
from torch.nn import functional as F

import scratchpad as sp

TASK = sp.task("parity", bits="1-3", window=7)
VOCABULARY = sp.Vocabulary(TASK.symbols())
PLACES = 64


class OwnModel(nn.Module):
    def __init__(self, symbols: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.token, self.place = nn.Embedding(symbols, width), nn.Embedding(PLACES, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.layers, self.out = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, symbols)

    def forward(self, batch: sp.Batch) -> torch.Tensor:
        hidden = ~batch.mask().expand(-1, self.heads, -1, -1).flatten(0, 1)  # (B * H, T, T), True: torch hides the pair
        return self.out(self.layers(self.token(batch.tokens) + self.place(batch.positions), mask=hidden))


def train(steps: int) -> tuple[OwnModel, float]:
    """Return the trained model and its last loss."""
    model, loss = OwnModel(len(VOCABULARY)), torch.zeros(())
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for step in range(steps):
        documents = map(VOCABULARY.encode_document, sp.documents(TASK, n=32, start=32 * step))
        batch = sp.collate([row for document in documents for row in sp.rows(document)])
        loss = F.cross_entropy(model(batch).flatten(0, 1), batch.targets.flatten())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item()


@torch.inference_mode()
def write(model: OwnModel, documents: list[sp.Document[str]]) -> list[str]:
    """Return what the model writes after the prompt of each document, as text."""
    engine = sp.Engine(sp.MaskedInput(model.eval(), context=PLACES), VOCABULARY, limits=sp.Limits(states=9))
    chains = engine.write([sp.Opening.of(VOCABULARY.encode_document(document)) for document in documents])
    return ["".join(symbol for state in chain.states for symbol in VOCABULARY.decode(state)) for chain in chains]


def main(steps: int = 400) -> None:
    model, loss = train(steps)
    documents = list(sp.documents(TASK, n=20, split="test"))
    written = write(model, documents)
    correct = ["".join(document.symbols()) for document in documents]
    texts = ["".join(document.prompt) + text for document, text in zip(documents, written, strict=True)]
    print(f"loss after {steps} steps: {loss:.4f}")
    print(texts[0])
    print(f"correct: {sum(map(str.__eq__, texts, correct))} of {len(texts)}")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
