"""Experiments: curves trained with several seeds, judged alike, and put into one table and one figure."""
