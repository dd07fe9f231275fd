"""Experiments: curves trained with several seeds, evaluated in the same way, in one table and one figure."""
