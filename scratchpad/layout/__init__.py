"""From documents to the inputs of a model: codec and vocabulary, the attention rule, rows, batches."""
