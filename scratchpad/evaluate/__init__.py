"""Judging what a model writes: by one forward pass, and by letting it run."""
