"""The path from documents to a model's inputs: codecs, the attention rule, rows and batches."""
