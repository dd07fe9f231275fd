"""Language models: what the package needs of one, our Transformer, and the attention back-ends."""
