"""Training: data by step, loss, optimiser, checkpoints, the loop."""
