"""Judging what a model writes: by one forward pass, and by letting it run."""

METHODS = ("forced", "free")
"""forced: one forward pass over the true text; free: the model writes."""
