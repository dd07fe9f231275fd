"""Evaluation of trained models, by one forward pass (teacher forcing) or by generation (free running)."""

METHODS = ("forced", "free")
"""The evaluation methods. `forced`: one forward pass reads the true text. `free`: the model generates the text."""
