"""From documents to what a model is fed: vocabulary, the rule, rows, batches."""
