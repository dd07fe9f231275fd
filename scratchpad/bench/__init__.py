"""Benchmarks of the speed of this package, compared with the public implementation of inductive scratchpads."""
