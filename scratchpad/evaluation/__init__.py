"""Evaluation of trained models: by one forward pass (teacher forcing), and on what they generate (free running)."""

METHODS = ("forced", "free")
"""forced: one forward pass over the true text. free: the model generates the text."""
