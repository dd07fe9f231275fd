"""Experiments: curves are trained with several seeds, evaluated in the same way, and shown in a table and a figure."""
