"""Training: data by step, loss, optimizer, checkpoints, the training loop."""
