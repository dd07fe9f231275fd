"""Language models: the interface that the package needs, our Transformer, and the attention back-ends."""
