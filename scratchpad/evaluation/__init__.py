"""Evaluation of trained models, by one forward pass (teacher forcing) or by generation (free running)."""

METHODS = ("forced", "free")
"""forced: one forward pass over the true text. free: the model generates the text."""
