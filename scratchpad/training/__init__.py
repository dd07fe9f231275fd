"""Training: the data of each step, the loss, the optimizer, checkpoints and the training loop."""
